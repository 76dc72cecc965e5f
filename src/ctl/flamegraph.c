/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/flamegraph.h"

#include "basic/cleanup.h"
#include "basic/file-io.h"
#include "basic/utf8.h"
#include "ctl/flamegraph-page.h"
#include "ctl/folded.h"

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

/* Name, levels above a child of the node before, own samples: what decode() of flamegraph-profile.js reads.
 */
static void write_nodes(Writer *w, const Folded *f) {
        const FoldedNode *nodes;
        uint32_t child_depth = 0;
        size_t n_nodes;

        nodes = folded_nodes(f, &n_nodes);
        for (size_t i = 0; i < n_nodes; i++) {
                uint8_t code[3 * LEB128_BYTES_MAX];
                size_t n;

                n = encode_leb128(nodes[i].name, code);
                n += encode_leb128(child_depth - nodes[i].depth, code + n);
                n += encode_leb128(nodes[i].self, code + n);
                write_base64(w, code, n);

                child_depth = nodes[i].depth + 1;
        }

        write_base64(w, NULL, 0);
}

static void write_info(Writer *w, const Folded *f, const char *const *texts, double seconds_per_sample) {
        static const char *const keys[] = { "\"title\":", ",\"subtitle\":", ",\"unit\":" };
        size_t n_nodes, n_names = folded_n_names(f);
        uint64_t nsec = 0;

        (void) folded_nodes(f, &n_nodes);

        write_char(w, '{');
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                write_text(w, keys[i]);
                write_json_string(w, texts[i]);
        }
        write_char(w, ',');

        /* Nanoseconds, since an integer looks the same in every locale. NaN is not in the range either. */
        if (seconds_per_sample > 0 && seconds_per_sample <= SECONDS_PER_SAMPLE_MAX)
                nsec = (uint64_t) llround(seconds_per_sample * 1e9);
        write_number(w, "nsec", nsec);
        write_number(w, "nodes", n_nodes);

        write_text(w, "\"names\":[");
        for (size_t i = 0; i < n_names; i++) {
                write_text(w, i > 0 ? ",\n" : "\n");
                write_json_string(w, folded_name(f, (uint32_t) i));
        }
        write_text(w, "]}");
}

int flamegraph_write_html(const Folded *f, const FlamegraphInfo *info, int out_fd) {
        _cleanup_(freep) char *title = NULL, *subtitle = NULL, *unit = NULL;
        _cleanup_(freep) Writer *w = NULL;

        assert(f);
        assert(info);
        assert(out_fd >= 0);

        title = utf8_sanitize(info->title ?: "", strlen(info->title ?: ""));
        subtitle = utf8_sanitize(info->subtitle ?: "", strlen(info->subtitle ?: ""));
        unit = utf8_sanitize(info->unit_label ?: "", strlen(info->unit_label ?: ""));
        w = calloc(1, sizeof(*w));
        if (!title || !subtitle || !unit || !w)
                return -ENOMEM;

        w->fd = out_fd;

        write_text(w, flamegraph_page_head);
        for (const char *p = title; *p; p++)
                write_html_char(w, *p);
        write_text(w, flamegraph_page_body);
        write_info(w, f, (const char *const[]){ title, subtitle, unit }, info->seconds_per_sample);
        write_text(w, flamegraph_page_nodes);
        write_nodes(w, f);
        write_text(w, flamegraph_page_tail);

        return writer_flush(w);
}
