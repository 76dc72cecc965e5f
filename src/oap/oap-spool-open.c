/* SPDX-License-Identifier: Apache-2.0 */
/* What is on disk when the daemon starts, and how far it was acknowledged. */
#include "oap/oap-spool-private.h"

#include "basic/file-io.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define ACKNOWLEDGED "acknowledged"
#define SEGMENTS_MAX 65536U

typedef struct Acknowledged {
        uint64_t segment, offset;
        uint32_t crc, reserved;
} Acknowledged;

static uint32_t acknowledged_checksum(const Acknowledged *a) {
        return (uint32_t) crc32(0, (const Bytef *) a, (uInt) offsetof(Acknowledged, crc));
}

int oap_spool_write_acknowledged(OapSpool *s, bool with_sync) {
        Acknowledged a = { .segment = s->n_segments > 0 ? s->segments[0].number : s->next_number,
                           .offset = s->n_segments > 0 ? s->head_offset : 0 };

        a.crc = acknowledged_checksum(&a);
        return write_file_atomic_at(
                        s->directory_fd,
                        ACKNOWLEDGED,
                        &a,
                        sizeof(a),
                        0600,
                        with_sync ? FILE_SYNC_YES : FILE_SYNC_NO);
}

int oap_spool_sync(OapSpool *s) {
        int r = 0;

        assert(s);

        if (s->tail_changed && s->tail_fd >= 0 && fdatasync(s->tail_fd) < 0)
                return -errno;
        s->tail_changed = false;

        if (s->head_changed)
                r = oap_spool_write_acknowledged(s, /* with_sync= */ true);
        if (r >= 0)
                s->head_changed = false;

        return r;
}

/* Nothing acknowledged when it cannot be read: what is sent twice counts once there. */
static Acknowledged read_acknowledged(int directory_fd) {
        _cleanup_(freep) char *data = NULL;
        size_t length;
        Acknowledged a;

        if (read_full_file_at(directory_fd, ACKNOWLEDGED, sizeof(a), &data, &length) < 0 ||
            length != sizeof(a))
                return (Acknowledged){};

        memcpy(&a, data, sizeof(a));
        return a.crc == acknowledged_checksum(&a) ? a : (Acknowledged){};
}

static int compare_segments(const void *a, const void *b) {
        const Segment *x = a, *y = b;

        return x->number < y->number ? -1 : x->number > y->number;
}

static int list_segments(OapSpool *s) {
        _cleanup_(closedirp) DIR *d = NULL;
        struct dirent *e;
        int fd;

        fd = openat(s->directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        d = fdopendir(fd);
        if (!d) {
                (void) safe_close(fd);
                return -errno;
        }

        while ((e = readdir(d)) && s->n_segments < SEGMENTS_MAX) {
                Segment *grown, g = {};

                if (segment_number(e->d_name, &g.number) < 0)
                        continue;

                grown = reallocarray(s->segments, s->n_segments + 1, sizeof(grown[0]));
                if (!grown)
                        return -ENOMEM;
                s->segments = grown;
                s->segments[s->n_segments++] = g;
        }

        if (s->n_segments > 0)
                qsort(s->segments, s->n_segments, sizeof(s->segments[0]), compare_segments);
        return 0;
}

/* Counts what is in it and cuts off what is not whole. */
static int load_segment(OapSpool *s, Segment *g, uint64_t offset) {
        _cleanup_(closep) int fd = -EBADF;
        char name[SEGMENT_NAME_MAX];
        struct stat st;
        int r;

        segment_name(g->number, name);
        fd = openat(s->directory_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADMSG;

        r = segment_scan(fd, offset, g);
        if (r < 0)
                return r;
        if ((uint64_t) st.st_size <= g->size) {
                g->size = MIN_OF(g->size, (uint64_t) st.st_size);
                return 0;
        }

        s->n_damaged_bytes += (uint64_t) st.st_size - g->size;
        return ftruncate(fd, (off_t) g->size) < 0 ? -errno : 0;
}

/* Those before the acknowledged one are done with: they outlived a crash. */
static int load_segments(OapSpool *s, const Acknowledged *a) {
        char name[SEGMENT_NAME_MAX];
        size_t n = 0;
        int r;

        for (size_t i = 0; i < s->n_segments; i++) {
                Segment g = s->segments[i];
                bool is_head = g.number == a->segment;

                s->next_number = g.number + 1;
                r = g.number < a->segment ? -ESTALE : load_segment(s, &g, is_head ? a->offset : 0);
                if (r == -ESTALE || r == -EBADMSG || r == -ENOENT || r == -ELOOP) {
                        segment_name(g.number, name);
                        (void) unlinkat(s->directory_fd, name, 0);
                        continue;
                }
                if (r < 0)
                        return r;

                if (is_head && n == 0)
                        s->head_offset = MIN_OF(a->offset, g.size);
                s->segments[n++] = g;
        }

        s->n_segments = n;
        s->next_number = MAX_OF(s->next_number, a->segment);
        return 0;
}

int oap_spool_new(int directory_fd, const OapSpoolLimits *limits, OapSpool **ret_spool) {
        _cleanup_(oap_spool_freep) OapSpool *s = NULL;
        Acknowledged a;
        int r;

        assert(directory_fd >= 0);
        assert(limits);
        assert(ret_spool);

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;

        s->directory_fd = directory_fd;
        s->limits = *limits;
        s->tail_fd = s->head_fd = -EBADF;
        s->next_number = 1;

        r = list_segments(s);
        if (r < 0)
                return r;

        a = read_acknowledged(directory_fd);
        r = load_segments(s, &a);
        if (r < 0)
                return r;

        *ret_spool = TAKE_PTR(s);
        return 0;
}
