/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-uuids.h"

#include "basic/cleanup.h"
#include "basic/parse.h"
#include "basic/utf8.h"
#include "oap/oap-policy-private.h"

#include <limits.h>
#include <string.h>

#define HEADER "# Policies of SkyWalking's OAP, cprofd "
#define FIELDS 6

void oap_uuids_begin(StrBuf *b, const char *version) {
        assert(b);
        assert(version);

        strbuf_addf(b, HEADER "%s\n", version);
}

void oap_uuids_add(StrBuf *b, const OapUuid *u) {
        assert(b);
        assert(u && u->service[0] && u->uuid[0]);

        oap_escape(b, u->uuid);
        strbuf_addf(b, " %llx %u %u %u ", (unsigned long long) u->hash, u->n_items, u->n_refused, u->day);
        oap_escape(b, u->service);
        strbuf_add(b, "\n");
}

typedef struct Field {
        const char *text;
        size_t length;
} Field;

/* -EINVAL: other than FIELDS, each with one blank between. */
static int split(const char *line, const char *end, Field fields[static FIELDS]) {
        size_t n = 0;

        for (const char *p = line;; p++) {
                const char *blank = memchr(p, ' ', (size_t) (end - p));

                if (n >= FIELDS)
                        return -EINVAL;

                fields[n++] = (Field){ p, (size_t) ((blank ?: end) - p) };
                if (!blank)
                        return n == FIELDS ? 0 : -EINVAL;
                p = blank;
        }
}

static int read_number(const Field *f, unsigned base, uint64_t max, uint64_t *ret) {
        const char *p = f->text;
        uint64_t n;
        int r;

        r = parse_field(&p, f->text + f->length, base, &n);
        if (r < 0)
                return r;
        if (p != f->text + f->length || n > max)
                return -EINVAL;

        *ret = n;
        return 0;
}

static int read_text(const Field *f, char **ret) {
        _cleanup_(freep) char *text = NULL;
        int r;

        if (f->length > 4 * OAP_ID_MAX)
                return -EINVAL;

        r = oap_unescape(f->text, f->length, &text);
        if (r < 0)
                return r;
        if (strlen(text) > OAP_ID_MAX || !utf8_is_valid(text, strlen(text)))
                return -EINVAL;

        *ret = TAKE_PTR(text);
        return 0;
}

static int read_line(const char *line, const char *end, OapUuidFn fn, void *userdata) {
        _cleanup_(freep) char *uuid = NULL, *service = NULL;
        uint64_t numbers[4];
        Field fields[FIELDS];
        int r;

        r = split(line, end, fields);
        if (r >= 0)
                r = read_text(&fields[0], &uuid);
        for (size_t i = 0; i < ELEMENTSOF(numbers) && r >= 0; i++)
                r = read_number(&fields[1 + i],
                                i == 0 ? 16 : 10,
                                i == 0 ? UINT64_MAX : UINT_MAX,
                                numbers + i);
        if (r >= 0)
                r = read_text(&fields[5], &service);
        if (r < 0)
                return r == -ENOMEM ? r : 1;

        const OapUuid u = {
                .service = service,
                .uuid = uuid,
                .hash = numbers[0],
                .n_items = (unsigned) numbers[1],
                .n_refused = (unsigned) numbers[2],
                .day = (unsigned) numbers[3],
        };

        r = fn(&u, userdata);
        return r < 0 ? r : 0;
}

static bool is_header(const char *line, const char *end, const char *version) {
        size_t n = strlen(HEADER), v = strlen(version);

        return (size_t) (end - line) == n + v && memcmp(line, HEADER, n) == 0 &&
                        memcmp(line + n, version, v) == 0;
}

int oap_uuids_parse(const char *text, size_t length, const char *version, OapUuidFn fn, void *userdata) {
        const char *end = text + length, *next;
        bool is_ours = false;
        int n_bad = 0;

        assert(text || length == 0);
        assert(version);
        assert(fn);

        for (const char *line = text; line < end; line = next) {
                const char *newline = memchr(line, '\n', (size_t) (end - line));
                int r;

                next = newline ? newline + 1 : end;
                if (line == text && newline) {
                        is_ours = is_header(line, newline, version);
                        if (is_ours)
                                continue;
                }

                /* without its newline it may be half a line */
                r = newline && is_ours ? read_line(line, newline, fn, userdata) : 1;
                if (r < 0)
                        return r;
                n_bad += r;
        }

        return n_bad;
}
