/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/perf-map.h"

#include "basic/parse.h"
#include "symbol/line-reader.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#define MATCH_SLICE 8192U /* lines matched per step */

typedef struct Code {
        uint64_t start;
        uint32_t size;
        uint32_t line; /* offset in the file */
} Code;

/* What is known of one address. @next leads to the first address from here on that has no code yet. */
typedef struct Match {
        uint32_t code; /* index + 1, 0 = none */
        uint32_t next;
} Match;

struct PerfMap {
        const uint64_t *addresses; /* borrowed */
        size_t n_addresses;
        Match *matches; /* n_addresses + 1 */

        Code *codes; /* in the order of the file */
        size_t n_codes, n_allocated;
        size_t n_unmatched; /* codes before this one have still to be looked at, from the end */

        bool all_read, first_is_partial;
        unsigned n_lines;
        LineReader reader;
};

static int parse_hex(const char **p, const char *end, uint64_t *ret) {
        if (end - *p > 2 && (*p)[0] == '0' && ((*p)[1] | 0x20) == 'x')
                *p += 2;
        return parse_field(p, end, 16, ret);
}

int perf_map_line_parse(const char *line, size_t length, PerfMapLine *ret) {
        const char *p = line, *end = line + length;
        PerfMapLine l = {};
        uint64_t code_end;

        if (parse_hex(&p, end, &l.start) < 0 || p == end || *p++ != ' ')
                return -EBADMSG;
        if (parse_hex(&p, end, &l.size) < 0 || p == end || *p++ != ' ')
                return -EBADMSG;
        if (p == end || memchr(p, '\0', (size_t) (end - p)))
                return -EBADMSG;
        if (l.size == 0 || l.size > PERF_MAP_CODE_SIZE_MAX ||
            __builtin_add_overflow(l.start, l.size, &code_end))
                return -EBADMSG;

        l.name = p;
        l.name_length = (size_t) (end - p);

        *ret = l;
        return 0;
}

int perf_map_new(int fd, const uint64_t *addresses, size_t n_addresses, PerfMap **ret) {
        _cleanup_(perf_map_freep) PerfMap *m = NULL;
        uint64_t size;
        struct stat st;

        assert(addresses || n_addresses == 0);
        assert(n_addresses < UINT32_MAX);
        assert(ret);

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADMSG;

        size = (uint64_t) st.st_size;
        if (size > UINT32_MAX) /* the offsets of lines would not fit */
                return -EFBIG;

        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;

        m->matches = malloc((n_addresses + 1) * sizeof(m->matches[0]));
        if (!m->matches)
                return -ENOMEM;
        for (size_t i = 0; i <= n_addresses; i++)
                m->matches[i] = (Match){ .next = (uint32_t) i };

        m->addresses = addresses;
        m->n_addresses = n_addresses;
        m->reader.fd = fd;
        m->reader.end = size;
        m->reader.offset = size > PERF_MAP_TEXT_MAX ? size - PERF_MAP_TEXT_MAX : 0;
        m->first_is_partial = m->reader.offset > 0;

        *ret = TAKE_PTR(m);
        return 0;
}

PerfMap *perf_map_free(PerfMap *m) {
        if (!m)
                return NULL;

        free(m->codes);
        free(m->matches);
        free(m);
        return NULL;
}

static uint32_t lower_bound(const PerfMap *m, uint64_t address) {
        size_t low = 0, high = m->n_addresses;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (m->addresses[middle] < address)
                        low = middle + 1;
                else
                        high = middle;
        }

        return (uint32_t) low;
}

static int add_code(PerfMap *m, Code code) {
        uint32_t i = lower_bound(m, code.start);

        /* Of a million lines few are about code that was seen to run. */
        if (i == m->n_addresses || m->addresses[i] - code.start >= code.size)
                return 0;
        if (m->n_codes == PERF_MAP_CODES_MAX)
                return -E2BIG;

        if (m->n_codes == m->n_allocated) {
                size_t n = m->n_allocated > 0 ? m->n_allocated * 2 : 256;
                Code *p = realloc(m->codes, n * sizeof(*p));

                if (!p)
                        return -ENOMEM;
                m->codes = p;
                m->n_allocated = n;
        }

        m->codes[m->n_codes++] = code;
        return 0;
}

static int on_line(const char *line, size_t length, uint64_t offset, void *userdata) {
        PerfMap *m = userdata;
        PerfMapLine l;

        if (m->first_is_partial) {
                m->first_is_partial = false;
                return 0;
        }

        if (++m->n_lines > PERF_MAP_LINES_MAX)
                return -E2BIG;
        if (perf_map_line_parse(line, length, &l) < 0)
                return 0;

        return add_code(m, (Code){ .start = l.start, .size = (uint32_t) l.size, .line = (uint32_t) offset });
}

/* First address from the @i-th on without code. Shortens the way for the next time. */
static uint32_t next_free(PerfMap *m, uint32_t i) {
        while (m->matches[i].next != i) {
                m->matches[i].next = m->matches[m->matches[i].next].next;
                i = m->matches[i].next;
        }

        return i;
}

/* From the last line to the first, each gets the addresses that no later one has: every address is given
 * once, however the lines overlap. Returns 1 for more. */
static int match_step(PerfMap *m) {
        for (unsigned n = 0; n < MATCH_SLICE && m->n_unmatched > 0; n++) {
                const Code *code = &m->codes[--m->n_unmatched];
                uint32_t i = next_free(m, lower_bound(m, code->start));

                for (; i < m->n_addresses && m->addresses[i] - code->start < code->size;
                     i = next_free(m, i + 1))
                        m->matches[i] = (Match){ .code = (uint32_t) m->n_unmatched + 1, .next = i + 1 };
        }

        return m->n_unmatched > 0;
}

int perf_map_step(PerfMap *m) {
        int r;

        assert(m);

        if (m->all_read)
                return match_step(m);

        r = line_reader_step(&m->reader, on_line, m);
        if (r != 0)
                return r;

        m->all_read = true;
        m->n_unmatched = m->n_codes;
        return 1;
}

int perf_map_name(const PerfMap *m, size_t i, char ret_name[static PERF_MAP_NAME_MAX + 1]) {
        char text[PERF_MAP_NAME_MAX + 64]; /* room for the two numbers */
        const char *newline;
        const Code *code;
        PerfMapLine l;
        ssize_t length;
        size_t n;
        int r;

        assert(m);
        assert(i < m->n_addresses);

        if (m->matches[i].code == 0)
                return -ENOENT;
        code = &m->codes[m->matches[i].code - 1];

        length = pread(m->reader.fd, text, sizeof(text), (off_t) code->line);
        if (length <= 0)
                return -ENOENT;

        newline = memchr(text, '\n', (size_t) length);
        if (newline)
                length = newline - text;
        else if ((size_t) length < sizeof(text))
                return -ENOENT;

        r = perf_map_line_parse(text, (size_t) length, &l);
        if (r < 0 || l.start != code->start || l.size != code->size)
                return -ENOENT;

        n = MIN_OF(l.name_length, (size_t) PERF_MAP_NAME_MAX);
        memcpy(ret_name, l.name, n);
        ret_name[n] = '\0';
        return 0;
}
