/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-spool.h"

#include "oap/oap-spool-private.h"
#include "oap/oap-spool-segment.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const char *const kind_names[_OAP_SPOOL_KIND_MAX] = {
        [OAP_SPOOL_REPORT] = "report",
        [OAP_SPOOL_METERS] = "meters",
        [OAP_SPOOL_PROFILE] = "profile",
};

const char *oap_spool_kind_to_string(OapSpoolKind k) {
        return k < _OAP_SPOOL_KIND_MAX ? kind_names[k] : NULL;
}

OapSpool *oap_spool_free(OapSpool *s) {
        if (!s)
                return NULL;

        (void) oap_spool_sync(s);
        (void) safe_close(s->tail_fd);
        (void) safe_close(s->head_fd);
        free(s->segments);
        free(s->data);
        free(s);
        return NULL;
}

static uint64_t segment_waiting(const OapSpool *s, const Segment *g) {
        return g == s->segments ? g->size - s->head_offset : g->size;
}

static uint64_t bytes_waiting(const OapSpool *s) {
        uint64_t n = 0;

        for (size_t i = 0; i < s->n_segments; i++)
                n += segment_waiting(s, s->segments + i);

        return n;
}

/* The first segment is not needed any more, whatever is left in it. */
static int drop_first(OapSpool *s) {
        char name[SEGMENT_NAME_MAX];

        assert(s->n_segments > 0);

        segment_name(s->segments[0].number, name);
        if (unlinkat(s->directory_fd, name, 0) < 0 && errno != ENOENT)
                return -errno;

        s->head_fd = safe_close(s->head_fd);
        if (s->n_segments == 1)
                s->tail_fd = safe_close(s->tail_fd);

        s->n_segments--;
        memmove(s->segments, s->segments + 1, s->n_segments * sizeof(s->segments[0]));
        s->head_offset = 0;
        s->head_size = 0;
        s->head_changed = true;
        return 0;
}

static void count_dropped(OapSpool *s, const Segment *g) {
        for (size_t k = 0; k < _OAP_SPOOL_KIND_MAX; k++)
                s->n_dropped[k] += g->n_records[k];
}

/* Before the file of the next one is there, so that numbers only grow. */
static int begin_segment(OapSpool *s) {
        char name[SEGMENT_NAME_MAX];
        Segment *grown;
        int fd;

        grown = reallocarray(s->segments, s->n_segments + 1, sizeof(grown[0]));
        if (!grown)
                return -ENOMEM;
        s->segments = grown;

        segment_name(s->next_number, name);
        fd = openat(s->directory_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;

        if (s->tail_fd >= 0)
                (void) fdatasync(s->tail_fd);
        (void) safe_close(s->tail_fd);
        s->tail_fd = fd;
        s->segments[s->n_segments++] = (Segment){ .number = s->next_number++ };
        return 0;
}

static int open_tail(OapSpool *s) {
        char name[SEGMENT_NAME_MAX];

        if (s->n_segments == 0 || s->segments[s->n_segments - 1].size >= s->limits.segment_bytes)
                return begin_segment(s);
        if (s->tail_fd >= 0)
                return 0;

        segment_name(s->segments[s->n_segments - 1].number, name);
        s->tail_fd = openat(s->directory_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        return s->tail_fd < 0 ? -errno : 0;
}

static int make_room(OapSpool *s, uint64_t bytes) {
        int r;

        while (s->n_segments > 0 && bytes_waiting(s) + bytes > s->limits.bytes_max) {
                count_dropped(s, s->segments);
                r = drop_first(s);
                if (r < 0)
                        return r;
        }

        return 0;
}

int oap_spool_append(OapSpool *s, OapSpoolKind kind, int64_t at_ms, const void *data, size_t size) {
        Segment *g;
        int r;

        assert(s);
        assert(kind < _OAP_SPOOL_KIND_MAX);
        assert(data || size == 0);

        if (size > OAP_SPOOL_RECORD_MAX || sizeof(SegmentHeader) + size > s->limits.bytes_max)
                return -E2BIG;

        r = make_room(s, sizeof(SegmentHeader) + size);
        if (r < 0)
                return r;

        r = open_tail(s);
        if (r < 0)
                return r;

        g = s->segments + s->n_segments - 1;
        r = segment_append(s->tail_fd, g->size, kind, at_ms, data, size);
        if (r < 0)
                return r;

        if (segment_waiting(s, g) == 0)
                g->first_ms = at_ms;
        g->size += sizeof(SegmentHeader) + size;
        g->n_records[kind]++;
        s->tail_changed = true;
        return 0;
}

static int open_head(OapSpool *s) {
        char name[SEGMENT_NAME_MAX];

        if (s->head_fd >= 0)
                return 0;

        segment_name(s->segments[0].number, name);
        s->head_fd = openat(s->directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        return s->head_fd < 0 ? -errno : 0;
}

int oap_spool_peek(OapSpool *s, OapSpoolRecord *ret) {
        SegmentHeader h;
        int r;

        assert(s);
        assert(ret);

        while (s->n_segments > 0) {
                if (s->head_offset < s->segments[0].size) {
                        r = open_head(s);
                        if (r >= 0)
                                r = segment_read(s->head_fd, s->head_offset, &h, &s->data, &s->allocated);
                        if (r > 0) {
                                s->head_size = sizeof(h) + h.size;
                                s->head_kind = h.kind;
                                *ret = (OapSpoolRecord){ h.kind, h.at_ms, s->data, h.size };
                                return 0;
                        }
                        if (r != -EBADMSG && r != 0 && r != -ENOENT)
                                return r;

                        /* damaged since it was opened: nothing behind it in this file is in order */
                        count_dropped(s, s->segments);
                        s->n_damaged_bytes += segment_waiting(s, s->segments);
                } else if (s->n_segments == 1 && s->segments[0].size < s->limits.segment_bytes)
                        break; /* goes on being written */

                r = drop_first(s);
                if (r < 0)
                        return r;
        }

        return -ENODATA;
}

/* When the record that is the first one now happened: for the status alone. */
static void read_first_time(OapSpool *s, Segment *g) {
        SegmentHeader h;

        if (s->head_offset < g->size && s->head_fd >= 0 &&
            pread(s->head_fd, &h, sizeof(h), (off_t) s->head_offset) == (ssize_t) sizeof(h))
                g->first_ms = h.at_ms;
}

static int advance(OapSpool *s) {
        Segment *g = s->segments;

        if (s->n_segments == 0 || s->head_size == 0)
                return -ENODATA;

        s->head_offset += s->head_size;
        s->head_size = 0;
        if (g->n_records[s->head_kind] > 0)
                g->n_records[s->head_kind]--;
        s->head_changed = true;
        read_first_time(s, g);
        return 0;
}

int oap_spool_acknowledge(OapSpool *s) {
        int r;

        assert(s);

        r = advance(s);
        return r < 0 ? r : oap_spool_write_acknowledged(s, /* with_sync= */ false);
}

int oap_spool_refuse(OapSpool *s) {
        assert(s);

        s->n_dropped[s->head_kind] += s->head_size > 0;
        return oap_spool_acknowledge(s);
}

int oap_spool_expire(OapSpool *s, int64_t now_ms) {
        OapSpoolRecord record;
        int r;

        assert(s);

        while ((r = oap_spool_peek(s, &record)) >= 0) {
                if (now_ms < record.at_ms || (uint64_t) (now_ms - record.at_ms) <= s->limits.age_max_ms)
                        return 0;

                r = oap_spool_refuse(s);
                if (r < 0)
                        return r;
        }

        return r == -ENODATA ? 0 : r;
}

void oap_spool_status(const OapSpool *s, OapSpoolStatus *ret) {
        assert(s);
        assert(ret);

        *ret = (OapSpoolStatus){ .bytes = bytes_waiting(s), .n_damaged_bytes = s->n_damaged_bytes };
        memcpy(ret->n_dropped, s->n_dropped, sizeof(ret->n_dropped));
        for (size_t i = 0; i < s->n_segments; i++) {
                for (size_t k = 0; k < _OAP_SPOOL_KIND_MAX; k++)
                        ret->n_records += s->segments[i].n_records[k];
                if (ret->oldest_ms == 0 && segment_waiting(s, s->segments + i) > 0)
                        ret->oldest_ms = s->segments[i].first_ms;
        }
}
