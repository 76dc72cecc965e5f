/* SPDX-License-Identifier: Apache-2.0 */
/* Replays a corpus: feeds each file of the directories (or files) named on the command line to the fuzz
 * target, and each of its prefixes of a few lengths, so that every truncation is seen too. */
#include "basic/cleanup.h"
#include "basic/file-io.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned n_replayed;

static void replay(int dir_fd, const char *name) {
        _cleanup_(freep) char *data = NULL;
        size_t length;

        if (read_full_file_at(dir_fd, name, 64U << 20, &data, &length) < 0)
                return;

        for (size_t part = 0; part <= 16; part++) {
                size_t n = length * part / 16;
                uint8_t *exact = malloc(n > 0 ? n : 1); /* so that the sanitizer sees reads past the end */

                if (!exact)
                        abort();
                memcpy(exact, data, n);
                (void) LLVMFuzzerTestOneInput(exact, n);
                free(exact);
        }
        n_replayed++;
}

int main(int argc, char **argv) {
        for (int i = 1; i < argc; i++) {
                _cleanup_(closedirp) DIR *d = opendir(argv[i]);
                struct dirent *entry;

                if (!d) {
                        replay(AT_FDCWD, argv[i]);
                        continue;
                }

                while ((entry = readdir(d)))
                        if (entry->d_name[0] != '.')
                                replay(dirfd(d), entry->d_name);
        }

        fprintf(stderr, "%u inputs replayed\n", n_replayed);
        return n_replayed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
