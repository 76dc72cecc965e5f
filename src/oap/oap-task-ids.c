/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-task-ids.h"

#include "basic/file-io.h"
#include "basic/hash.h"
#include "basic/parse.h"
#include "basic/strbuf.h"
#include "basic/utf8.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <zlib.h>

#define CRC_DIGITS 8U
#define KEY_MAX (TASK_ID_MAX + 16U)
#define LINE_MAX_BYTES (CRC_DIGITS + KEY_MAX + 24U + OAP_ID_MAX)

typedef struct Entry {
        OapTaskIdLine line;
        char key[KEY_MAX]; /* "TASK TARGET" */
        UT_hash_handle hh;
} Entry;

struct OapTaskIds {
        int directory_fd; /* borrowed, outlives us */
        int fd;           /* of the file, for adding lines; -EBADF: to be written anew at the next one */
        bool is_unsynced;
        Entry *entries; /* oldest first */
        uint64_t n_damaged;
};

static void make_key(const char *ours, OapTarget target, char ret[static KEY_MAX]) {
        (void) snprintf(ret, KEY_MAX, "%.*s %s", (int) TASK_ID_MAX - 1, ours, oap_target_to_string(target));
}

static Entry *find(const OapTaskIds *ids, const char *ours, OapTarget target) {
        char key[KEY_MAX];
        Entry *e;

        make_key(ours, target, key);
        HASH_FIND_STR(ids->entries, key, e);
        return e;
}

const char *oap_task_ids_find(const OapTaskIds *ids, const char *ours, OapTarget target) {
        const Entry *e;

        assert(ids);
        assert(ours);

        e = find(ids, ours, target);
        return e ? e->line.id : NULL;
}

bool oap_task_ids_is_taken(const OapTaskIds *ids, const char *id, const char *ours, OapTarget target) {
        for (const Entry *e = ids->entries; e; e = e->hh.next)
                if (strcmp(e->line.id, id) == 0 &&
                    (e->line.target != target || strcmp(e->line.ours, ours) != 0))
                        return true;

        return false;
}

bool oap_task_id_is_usable(const char *id) {
        size_t n = strnlen(id, OAP_ID_MAX);

        if (n == 0 || n == OAP_ID_MAX || !utf8_is_valid(id, n))
                return false;

        for (size_t i = 0; i < n; i++)
                if ((unsigned char) id[i] < ' ' || id[i] == 0x7f)
                        return false;

        return true;
}

static void drop(OapTaskIds *ids, Entry *e) {
        HASH_DEL(ids->entries, e);
        free(e);
}

/* Newest last; takes the place of what was known. -ENOMEM: as before. */
static int put(OapTaskIds *ids, const OapTaskIdLine *line) {
        Entry *e, *old = find(ids, line->ours, line->target);

        e = calloc(1, sizeof(*e));
        if (!e)
                return -ENOMEM;

        e->line = *line;
        make_key(line->ours, line->target, e->key);
        if (old)
                drop(ids, old);
        HASH_ADD_STR(ids->entries, key, e);
        if (!HASH_ADDED(e)) {
                free(e);
                return -ENOMEM;
        }

        return 0;
}

/* Up to the next blank, which is skipped; NULL: there is none, or it is too far. */
static const char *take_word(const char **p, const char *end, char *ret, size_t size) {
        const char *blank = memchr(*p, ' ', (size_t) (end - *p));

        if (!blank || (size_t) (blank - *p) >= size)
                return NULL;

        memcpy(ret, *p, (size_t) (blank - *p));
        ret[blank - *p] = '\0';
        *p = blank + 1;
        return ret;
}

int oap_task_id_line_parse(const char *text, size_t length, OapTaskIdLine *ret) {
        const char *p = text, *end = text + length;
        OapTaskIdLine line = {};
        char target[16], at[24];
        uint64_t at_ms;

        assert(text || length == 0);
        assert(ret);

        if (length == 0 || memchr(text, '\0', length))
                return -EBADMSG;
        if (!take_word(&p, end, line.ours, sizeof(line.ours)) || !task_id_is_valid(line.ours) ||
            !take_word(&p, end, target, sizeof(target)) || !take_word(&p, end, at, sizeof(at)) ||
            parse_u64(at, 0, INT64_MAX, &at_ms) < 0 || (size_t) (end - p) >= sizeof(line.id))
                return -EBADMSG;

        line.at_ms = (int64_t) at_ms;
        line.target = oap_target_from_string(target);
        if (line.target < 0)
                return -EBADMSG;

        memcpy(line.id, p, (size_t) (end - p));
        if (line.id[0] != '\0' && !oap_task_id_is_usable(line.id))
                return -EBADMSG;

        *ret = line;
        return 0;
}

static uint32_t checksum(const char *text, size_t length) {
        return (uint32_t) crc32(0, (const Bytef *) text, (uInt) length);
}

static void format_line(const OapTaskIdLine *line, char ret[static LINE_MAX_BYTES]) {
        char body[LINE_MAX_BYTES - CRC_DIGITS - 2];

        (void) snprintf(body,
                        sizeof(body),
                        "%s %s %" PRId64 " %s",
                        line->ours,
                        oap_target_to_string(line->target),
                        line->at_ms,
                        line->id);
        (void) snprintf(ret, LINE_MAX_BYTES, "%08" PRIx32 " %s\n", checksum(body, strlen(body)), body);
}

/* @end: of the line, where its newline is. */
static int read_line(const char *text, const char *end, OapTaskIdLine *ret) {
        const char *p = text, *body = text + CRC_DIGITS + 1;
        uint64_t crc;

        if (end - text < (ptrdiff_t) (CRC_DIGITS + 2) || text[CRC_DIGITS] != ' ' ||
            parse_field(&p, text + CRC_DIGITS, 16, &crc) < 0 || p != text + CRC_DIGITS ||
            crc != checksum(body, (size_t) (end - body)))
                return -EBADMSG;

        return oap_task_id_line_parse(body, (size_t) (end - body), ret);
}

/* A last line without a newline is one that was torn. */
static int read_lines(OapTaskIds *ids, const char *text, size_t length) {
        const char *end = text + length;
        OapTaskIdLine line;
        int r;

        while (text < end) {
                const char *newline = memchr(text, '\n', (size_t) (end - text));

                r = newline ? read_line(text, newline, &line) : -EBADMSG;
                if (r < 0)
                        ids->n_damaged++;
                else {
                        r = put(ids, &line);
                        if (r < 0)
                                return r;
                }

                text = newline ? newline + 1 : end;
        }

        return 0;
}

static int open_for_adding(OapTaskIds *ids) {
        ids->fd =
                        openat(ids->directory_fd,
                               OAP_TASK_IDS_FILE,
                               O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (ids->fd < 0) {
                ids->fd = -EBADF;
                return -errno;
        }

        return 0;
}

/* All that is known, and no more. */
static int write_anew(OapTaskIds *ids) {
        _cleanup_(strbuf_done) StrBuf b = {};
        _cleanup_(freep) char *text = NULL;
        char line[LINE_MAX_BYTES];
        int r;

        ids->fd = safe_close(ids->fd);
        for (const Entry *e = ids->entries; e; e = e->hh.next) {
                format_line(&e->line, line);
                strbuf_add(&b, line);
        }

        r = strbuf_finish(&b, &text);
        if (r < 0)
                return r;

        ids->is_unsynced = true;
        r = write_file_atomic_at(
                        ids->directory_fd, OAP_TASK_IDS_FILE, text, strlen(text), 0600, FILE_SYNC_NO);
        return r < 0 ? r : open_for_adding(ids);
}

int oap_task_ids_add(OapTaskIds *ids, const char *ours, OapTarget target, const char *id, int64_t at_ms) {
        OapTaskIdLine line = { .target = target, .at_ms = MAX_OF(at_ms, (int64_t) 0) };
        char text[LINE_MAX_BYTES];
        int r;

        assert(ids);
        assert(ours);
        assert(id && (id[0] == '\0' || oap_task_id_is_usable(id)));

        if (!task_id_is_valid(ours))
                return -EINVAL;

        strcpy(line.ours, ours);
        strcpy(line.id, id);
        r = put(ids, &line);
        if (r < 0)
                return r;

        if (HASH_COUNT(ids->entries) > OAP_TASK_IDS_MAX) {
                /* a part of them, so that the file is not written anew each time */
                for (size_t i = 0; i < OAP_TASK_IDS_MAX / 4; i++)
                        drop(ids, ids->entries);
                ids->fd = safe_close(ids->fd);
        }
        if (ids->fd < 0)
                return write_anew(ids);

        format_line(&line, text);
        r = write_full_fd(ids->fd, text, strlen(text));
        if (r < 0)
                ids->fd = safe_close(ids->fd); /* maybe a part of it is there */
        ids->is_unsynced = true;
        return r;
}

void oap_task_ids_prune(OapTaskIds *ids, int64_t at_ms) {
        size_t n_before = HASH_COUNT(ids->entries);
        Entry *e, *next;

        assert(ids);

        HASH_ITER(hh, ids->entries, e, next)
        if (e->line.at_ms < at_ms)
                drop(ids, e);

        if (HASH_COUNT(ids->entries) != n_before)
                ids->fd = safe_close(ids->fd);
}

int oap_task_ids_sync(OapTaskIds *ids) {
        int r = 0;

        assert(ids);

        if (!ids->is_unsynced)
                return 0;

        if (ids->fd < 0)
                r = write_anew(ids);
        if (r >= 0 && fdatasync(ids->fd) < 0)
                r = -errno;
        if (r >= 0)
                ids->is_unsynced = false;

        return r;
}

static int load(OapTaskIds *ids) {
        _cleanup_(freep) char *text = NULL;
        size_t length;
        int r;

        r = read_full_file_at(ids->directory_fd, OAP_TASK_IDS_FILE, OAP_TASK_IDS_FILE_MAX, &text, &length);
        if (r == -ENOENT)
                return 0;
        if (r == -EFBIG || r == -ENOTSUP || r == -ELOOP) { /* not ours; gone with the next line */
                ids->n_damaged++;
                return 0;
        }
        if (r < 0)
                return r;

        r = read_lines(ids, text, length);
        if (r < 0)
                return r;

        while (HASH_COUNT(ids->entries) > OAP_TASK_IDS_MAX)
                drop(ids, ids->entries);

        return ids->n_damaged == 0 ? open_for_adding(ids) : 0;
}

int oap_task_ids_new(int directory_fd, OapTaskIds **ret_ids) {
        _cleanup_(oap_task_ids_freep) OapTaskIds *ids = NULL;
        int r;

        assert(directory_fd >= 0);
        assert(ret_ids);

        ids = calloc(1, sizeof(*ids));
        if (!ids)
                return -ENOMEM;

        ids->directory_fd = directory_fd;
        ids->fd = -EBADF;
        r = load(ids);
        if (r < 0)
                return r;

        *ret_ids = TAKE_PTR(ids);
        return 0;
}

OapTaskIds *oap_task_ids_free(OapTaskIds *ids) {
        Entry *e, *next;

        if (!ids)
                return NULL;

        (void) oap_task_ids_sync(ids);
        (void) safe_close(ids->fd);
        HASH_ITER(hh, ids->entries, e, next)
        drop(ids, e);
        free(ids);
        return NULL;
}

size_t oap_task_ids_n(const OapTaskIds *ids) {
        return HASH_COUNT(ids->entries);
}

uint64_t oap_task_ids_n_damaged(const OapTaskIds *ids) {
        return ids->n_damaged;
}
