/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/output.h"

#include "basic/log.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void output_done(Output *o) {
        if (o->path)
                o->fd = safe_close(o->fd);
        free(o->path);
}

/* -o, or else "cprof-ID.SUFFIX" in the current directory. */
int output_open(const Ctl *c, const char *stem, const char *suffix, bool binary, Output *ret) {
        _cleanup_(freep) char *path = NULL;
        const char *asked = c->options.output;
        int fd;

        if (asked && strcmp(asked, "-") == 0) {
                if (binary && isatty(STDOUT_FILENO))
                        return log_error_errno(
                                        EINVAL,
                                        "A pprof file is no text for a terminal: redirect it or name a file by -o.");
                *ret = (Output){ .fd = STDOUT_FILENO };
                return 0;
        }

        if (asked)
                path = strdup(asked);
        else if (asprintf(&path, "cprof-%s.%s", stem, suffix) < 0)
                path = NULL;
        if (!path)
                return log_error_errno(ENOMEM, "Failed to name the file: %m");

        /* A name of our own choice must not lead elsewhere: the directory may be /tmp. */
        fd = open(path,
                  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | (asked ? 0 : O_NOFOLLOW),
                  0666);
        if (fd < 0)
                return log_error_errno(errno, "Failed to open '%s' for writing: %m", path);

        *ret = (Output){ .path = TAKE_PTR(path), .fd = fd };
        return 0;
}

/* @r is what writing came to. */
int output_finish(const Output *o, int r) {
        if (r >= 0) {
                if (o->path)
                        printf("%s\n", o->path);
                return EXIT_SUCCESS;
        }

        /* Half a profile looks like a whole one. */
        if (o->path)
                (void) unlink(o->path);

        return log_error_errno(r, "Failed to write %s: %m", o->path ?: "to standard output");
}
