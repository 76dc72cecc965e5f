/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/debug-files.h"

#include "basic/strbuf.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define CHECKSUM_SLICE (256U * 1024U)
#define CANDIDATES_MAX (2 * DEBUG_ROOTS_MAX + 2)

struct DebugFileSearch {
        const ElfImage *image; /* borrowed */

        char *candidates[CANDIDATES_MAX]; /* owned paths; the first @n_by_build_id need no checksum */
        unsigned n_candidates, n_by_build_id, next;

        uint32_t expected_checksum;
        uint32_t checksum;
        uint64_t n_summed; /* bytes of the current candidate */
        uint8_t *slice;    /* owned, CHECKSUM_SLICE bytes; while a checksum is computed */

        DebugFile file; /* the current candidate */
};

void debug_file_done(DebugFile *f) {
        f->image = elf_image_free(f->image);
        f->fd = safe_close(f->fd);
        free(f->path);
        f->path = NULL;
}

DebugFileSearch *debug_file_search_free(DebugFileSearch *s) {
        if (!s)
                return NULL;

        debug_file_done(&s->file);
        for (unsigned i = 0; i < s->n_candidates; i++)
                free(s->candidates[i]);
        free(s->slice);
        free(s);
        return NULL;
}

int open_regular_file(const char *path) {
        _cleanup_(closep) int fd = -EBADF;
        char self[64];
        struct stat st;
        int r;

        fd = open(path, O_PATH | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -ENOTSUP;

        (void) snprintf(self, sizeof(self), "/proc/self/fd/%i", fd);
        r = open(self, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        return r < 0 ? -errno : r;
}

static int add_candidate(DebugFileSearch *s, const char *root, const char *directory, const char *name) {
        StrBuf b = {};
        char *path;
        int r;

        if (s->n_candidates >= CANDIDATES_MAX)
                return 0;

        strbuf_addf(&b, "%s%s/%s", root, directory, name);
        r = strbuf_finish(&b, &path);
        if (r < 0)
                return r;

        s->candidates[s->n_candidates++] = path;
        return 0;
}

static int add_by_build_id(DebugFileSearch *s, const char *const *roots) {
        char name[2 * ELF_BUILD_ID_MAX + 16];
        size_t n = 0;
        int r;

        if (s->image->build_id_size < 2)
                return 0;

        for (size_t i = 0; i < s->image->build_id_size; i++)
                n += (size_t) snprintf(
                                name + n,
                                sizeof(name) - n,
                                i == 0 ? "%02x/" : "%02x",
                                s->image->build_id[i]);
        (void) snprintf(name + n, sizeof(name) - n, ".debug");

        for (unsigned i = 0; roots[i] && i < DEBUG_ROOTS_MAX; i++) {
                r = add_candidate(s, roots[i], "/.build-id", name);
                if (r < 0)
                        return r;
        }

        s->n_by_build_id = s->n_candidates;
        return 0;
}

/* .gnu_debuglink: file name, NUL, filled up to 4 bytes, CRC-32. */
static bool read_link(DebugFileSearch *s, char ret_name[static NAME_MAX + 1]) {
        const ElfSection *section = elf_image_section_by_name(s->image, ".gnu_debuglink");
        uint8_t data[NAME_MAX + 16] = {};
        size_t length;

        if (!section || section->size > sizeof(data) || section->size < 8 ||
            elf_image_read(s->image, section->offset, data, (size_t) section->size) < 0)
                return false;

        length = strnlen((char *) data, (size_t) section->size);
        if (length == 0 || length > NAME_MAX || memchr(data, '/', length) ||
            ((length + 4) & ~(size_t) 3) + 4 > section->size)
                return false;

        memcpy(ret_name, data, length);
        ret_name[length] = '\0';
        memcpy(&s->expected_checksum, data + ((length + 4) & ~(size_t) 3), sizeof(s->expected_checksum));
        return true;
}

static int add_by_link(DebugFileSearch *s, const char *const *roots, const char *path) {
        _cleanup_(freep) char *directory = NULL;
        char name[NAME_MAX + 1];
        const char *slash = strrchr(path, '/');
        int r;

        if (path[0] != '/' || strstr(path, "/../") || !read_link(s, name))
                return 0;

        directory = strndup(path, (size_t) (slash - path));
        if (!directory)
                return -ENOMEM;

        r = add_candidate(s, "", directory, name);
        if (r < 0)
                return r;

        r = add_candidate(s, directory, "/.debug", name);
        if (r < 0)
                return r;

        for (unsigned i = 0; roots[i] && i < DEBUG_ROOTS_MAX; i++) {
                r = add_candidate(s, roots[i], directory, name);
                if (r < 0)
                        return r;
        }

        return 0;
}

int debug_file_search_new(
                const char *const *roots,
                const ElfImage *image,
                const char *path,
                DebugFileSearch **ret_search) {
        _cleanup_(debug_file_search_freep) DebugFileSearch *s = NULL;
        int r;

        assert(roots);
        assert(image);
        assert(path);
        assert(ret_search);

        s = malloc(sizeof(*s));
        if (!s)
                return -ENOMEM;
        *s = (DebugFileSearch){ .image = image, .file = DEBUG_FILE_INIT };

        r = add_by_build_id(s, roots);
        if (r < 0)
                return r;

        r = add_by_link(s, roots, path);
        if (r < 0)
                return r;

        *ret_search = TAKE_PTR(s);
        return 0;
}

/* Returns 0 when the next candidate is open and could be it,
 * -ENOMEM, or another error for one to pass over. */
static int open_candidate(DebugFileSearch *s) {
        int r;

        debug_file_done(&s->file);

        s->file.path = s->candidates[s->next];
        s->candidates[s->next++] = NULL;
        s->n_summed = 0;
        s->checksum = 0;

        s->file.fd = open_regular_file(s->file.path);
        if (s->file.fd < 0)
                return s->file.fd;

        r = elf_image_open_fd(s->file.fd, &s->file.image);
        if (r < 0)
                return r;

        if (!elf_image_same_build_id(s->image, s->file.image) || s->file.image->size > DEBUG_FILE_SIZE_MAX ||
            !elf_image_section_by_type(s->file.image, SHT_SYMTAB))
                return -ENOENT;

        return 0;
}

/* Returns 1 for more, 0 when the sum is there and right, -EBADMSG when it is wrong. */
static int checksum_step(DebugFileSearch *s) {
        size_t n = (size_t) MIN_OF(s->file.image->size - s->n_summed, (uint64_t) CHECKSUM_SLICE);
        int r;

        if (n == 0)
                return s->checksum == s->expected_checksum ? 0 : -EBADMSG;

        if (!s->slice)
                s->slice = malloc(CHECKSUM_SLICE);
        if (!s->slice)
                return -ENOMEM;

        r = elf_image_read(s->file.image, s->n_summed, s->slice, n);
        if (r < 0)
                return r;

        s->checksum = (uint32_t) crc32(s->checksum, s->slice, (uInt) n);
        s->n_summed += n;
        return 1;
}

int debug_file_search_step(DebugFileSearch *s) {
        int r;

        assert(s);

        if (s->file.image)
                r = checksum_step(s);
        else if (s->next >= s->n_candidates)
                return -ENOENT;
        else {
                r = open_candidate(s);
                if (r >= 0 && s->next > s->n_by_build_id)
                        return 1; /* its checksum is next */
        }
        if (r >= 0 || r == -ENOMEM)
                return r;

        debug_file_done(&s->file);
        return 1;
}

DebugFile debug_file_search_take(DebugFileSearch *s) {
        DebugFile f = s->file;

        s->file = (DebugFile) DEBUG_FILE_INIT;
        return f;
}
