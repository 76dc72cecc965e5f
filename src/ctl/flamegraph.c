/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/flamegraph.h"

#include "basic/cleanup.h"
#include "basic/file-io.h"
#include "basic/utf8.h"
#include "ctl/flamegraph-page.h"
#include "ctl/folded-diff.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define WRITER_BUFFER_BYTES 65536
#define SECONDS_PER_SAMPLE_MAX 1e6
#define LEB128_BYTES_MAX 10 /* of 64 bits, 7 in each byte */

/* Buffered output; the first error sticks and is returned by writer_flush(). */
typedef struct Writer {
        int fd; /* borrowed */
        int error;
        size_t length;
        uint32_t bits; /* base64: bytes not yet written, n_bytes of them */
        unsigned n_bytes;
        char buffer[WRITER_BUFFER_BYTES];
} Writer;

static int writer_flush(Writer *w) {
        if (w->error >= 0)
                w->error = write_full_fd(w->fd, w->buffer, w->length);

        w->length = 0;
        return w->error;
}

static void write_char(Writer *w, char c) {
        if (w->length == sizeof(w->buffer))
                (void) writer_flush(w);

        w->buffer[w->length++] = c;
}

static void write_text(Writer *w, const char *text) {
        for (; *text; text++)
                write_char(w, *text);
}

/* Inside of a JSON string that stands in a <script>: what could end that, or begin a comment, is escaped
 * too. */
static void write_json_char(Writer *w, char c) {
        char escape[8];

        if ((unsigned char) c >= 0x20 && !strchr("\"\\<>&'", c)) {
                write_char(w, c);
                return;
        }

        (void) snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char) c);
        write_text(w, escape);
}

static void write_html_char(Writer *w, char c) {
        char escape[8];

        if (!strchr("\"<>&'", c)) {
                write_char(w, c);
                return;
        }

        (void) snprintf(escape, sizeof(escape), "&#%u;", (unsigned char) c);
        write_text(w, escape);
}

/* @text must be UTF-8 without control characters. */
static void write_json_string(Writer *w, const char *text) {
        write_char(w, '"');
        for (; *text; text++)
                write_json_char(w, *text);
        write_char(w, '"');
}

static void write_number(Writer *w, const char *key, uint64_t value) {
        char text[96];

        (void) snprintf(text, sizeof(text), "\"%s\":%" PRIu64 ",", key, value);
        write_text(w, text);
}

/* Appends @n bytes to the base64 text; n = 0 ends it with padding. */
static void write_base64(Writer *w, const uint8_t *data, size_t n) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        unsigned left = w->n_bytes;

        for (size_t i = 0; i < n; i++) {
                w->bits = w->bits << 8 | data[i];
                if (++w->n_bytes < 3)
                        continue;

                for (int shift = 18; shift >= 0; shift -= 6)
                        write_char(w, digits[w->bits >> shift & 63]);
                w->bits = 0;
                w->n_bytes = 0;
        }

        if (n > 0 || left == 0)
                return;

        w->bits <<= 8 * (3 - left);
        for (unsigned i = 0; i < 4; i++)
                write_char(w, i <= left ? digits[w->bits >> (18 - 6 * i) & 63] : '=');
}

static size_t encode_leb128(uint64_t value, uint8_t *p) {
        size_t n = 0;

        for (; value > 127; value >>= 7)
                p[n++] = (uint8_t) (value | 128);
        p[n++] = (uint8_t) value;

        return n;
}

/* What is written: one profile, or the difference of two. */
typedef struct Tree {
        const Folded *profile;
        const FoldedDiff *diff;
        size_t n_nodes, n_names;
} Tree;

static const char *tree_name(const Tree *t, uint32_t name) {
        return t->diff ? folded_diff_name(t->diff, name) : folded_name(t->profile, name);
}

/* @counts are its own samples; those of the earlier profile follow in a difference. Returns the depth. */
static uint32_t tree_node(const Tree *t, size_t i, uint32_t *ret_name, uint64_t ret_counts[static 2]) {
        size_t n;

        if (t->diff) {
                const FoldedDiffNode *d = folded_diff_nodes(t->diff, &n) + i;

                *ret_name = d->name;
                ret_counts[0] = d->self[FOLDED_AFTER];
                ret_counts[1] = d->self[FOLDED_BEFORE];
                return d->depth;
        }

        *ret_name = folded_nodes(t->profile, &n)[i].name;
        ret_counts[0] = folded_nodes(t->profile, &n)[i].self;
        return folded_nodes(t->profile, &n)[i].depth;
}

/* Name, levels above a child of the node before, own samples, in a difference those of the earlier profile:
 * what decode() of flamegraph-profile.js reads. */
static void write_nodes(Writer *w, const Tree *t) {
        uint32_t child_depth = 0;

        for (size_t i = 0; i < t->n_nodes; i++) {
                uint8_t code[4 * LEB128_BYTES_MAX];
                uint64_t counts[2] = {};
                uint32_t name, depth = tree_node(t, i, &name, counts);
                size_t n;

                n = encode_leb128(name, code);
                n += encode_leb128(child_depth - depth, code + n);
                n += encode_leb128(counts[0], code + n);
                if (t->diff)
                        n += encode_leb128(counts[1], code + n);
                write_base64(w, code, n);

                child_depth = depth + 1;
        }

        write_base64(w, NULL, 0);
}

enum {
        TEXT_TITLE,
        TEXT_SUBTITLE,
        TEXT_UNIT,
        TEXT_BEFORE,
        TEXT_AFTER,
        _TEXTS,
};

static void write_info(Writer *w, const Tree *t, char *const *texts, const FlamegraphInfo *info) {
        static const char *const keys[] = { "\"title\":", ",\"subtitle\":", ",\"unit\":" };
        double seconds = info->seconds_per_sample;
        uint64_t nsec = 0;

        write_char(w, '{');
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                write_text(w, keys[i]);
                write_json_string(w, texts[i]);
        }
        write_char(w, ',');

        if (t->diff) {
                write_text(w, "\"diff\":[");
                write_json_string(w, texts[TEXT_BEFORE]);
                write_char(w, ',');
                write_json_string(w, texts[TEXT_AFTER]);
                write_text(w, "],");
        }

        /* Nanoseconds, since an integer looks the same in every locale. NaN is not in the range either. */
        if (seconds > 0 && seconds <= SECONDS_PER_SAMPLE_MAX)
                nsec = (uint64_t) llround(seconds * 1e9);
        write_number(w, "nsec", nsec);
        write_number(w, "time", info->counts_time && nsec > 0);
        write_number(w, "nodes", t->n_nodes);

        write_text(w, "\"names\":[");
        for (size_t i = 0; i < t->n_names; i++) {
                write_text(w, i > 0 ? ",\n" : "\n");
                write_json_string(w, tree_name(t, (uint32_t) i));
        }
        write_text(w, "]}");
}

static int write_page(const Tree *t, const FlamegraphInfo *info, char *const *texts, int out_fd) {
        _cleanup_(freep) Writer *w = calloc(1, sizeof(*w));

        if (!w)
                return -ENOMEM;

        w->fd = out_fd;

        write_text(w, flamegraph_page_head);
        for (const char *p = texts[TEXT_TITLE]; *p; p++)
                write_html_char(w, *p);
        write_text(w, flamegraph_page_body);
        write_info(w, t, texts, info);
        write_text(w, flamegraph_page_nodes);
        write_nodes(w, t);
        write_text(w, flamegraph_page_tail);

        return writer_flush(w);
}

static int write_tree(const Tree *t, const FlamegraphInfo *info, int out_fd) {
        const char *const raw[] = {
                info->title, info->subtitle, info->unit_label, info->before_label, info->after_label
        };
        char *texts[_TEXTS] = {};
        int r = 0;

        assert(out_fd >= 0);

        for (size_t i = 0; i < _TEXTS; i++) {
                texts[i] = utf8_sanitize(raw[i] ?: "", strlen(raw[i] ?: ""));
                if (!texts[i])
                        r = -ENOMEM;
        }

        if (r >= 0)
                r = write_page(t, info, texts, out_fd);

        for (size_t i = 0; i < _TEXTS; i++)
                free(texts[i]);
        return r;
}

int flamegraph_write_html(const Folded *f, const FlamegraphInfo *info, int out_fd) {
        Tree t = { .profile = f };

        assert(f);
        assert(info);

        (void) folded_nodes(f, &t.n_nodes);
        t.n_names = folded_n_names(f);
        return write_tree(&t, info, out_fd);
}

int flamegraph_write_diff_html(const FoldedDiff *d, const FlamegraphInfo *info, int out_fd) {
        Tree t = { .diff = d };

        assert(d);
        assert(info);

        (void) folded_diff_nodes(d, &t.n_nodes);
        t.n_names = folded_diff_n_names(d);
        return write_tree(&t, info, out_fd);
}
