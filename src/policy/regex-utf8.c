/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/regex-utf8.h"

#define CONTINUATION_FIRST 0x80U
#define CONTINUATION_LAST 0xbfU
#define RECENT_MAX 32

/* Nodes made for one set of characters: most of its ranges end in the same bytes. */
typedef struct Encoder {
        Nfa *nfa;
        int start, next;
        int recent[RECENT_MAX];
        size_t n_recent;
} Encoder;

/* A node that reads a byte and goes on, an existing one if possible. */
static int shared_range(Encoder *e, uint8_t first, uint8_t last, int next) {
        int node;

        for (size_t i = 0; i < MIN_OF(e->n_recent, (size_t) RECENT_MAX); i++) {
                const NfaNode *n = &e->nfa->nodes[e->recent[i]];

                if (n->first == first && n->last == last && n->next == next)
                        return e->recent[i];
        }

        node = nfa_add_range(e->nfa, first, last, next);
        if (node < 0)
                return node;

        e->recent[e->n_recent++ % RECENT_MAX] = node;
        return node;
}

/* Also goes on with @node from the start. */
static int join(Encoder *e, int node) {
        if (node < 0)
                return node;

        if (e->start != REGEX_NONE)
                node = nfa_add(e->nfa, (NfaNode){ .kind = NFA_SPLIT, .next = node, .other = e->start });
        if (node < 0)
                return node;

        e->start = node;
        return 0;
}

/* @lead and @n bytes that may be any continuation. */
static int add_any(Encoder *e, uint8_t lead_first, uint8_t lead_last, unsigned n) {
        int node = e->next;

        for (; n > 0 && node >= 0; n--)
                node = shared_range(e, CONTINUATION_FIRST, CONTINUATION_LAST, node);

        return node < 0 ? node : join(e, shared_range(e, lead_first, lead_last, node));
}

/* All of 0x80…0x10ffff is frequent, in "." and "[^a]". Like RE2 it is made without the exceptions of the
 * second byte (overlong forms, beyond the last character), for much smaller automata. */
static int add_all(Encoder *e) {
        int r;

        r = add_any(e, 0xc2, 0xdf, 1);
        if (r < 0)
                return r;
        r = add_any(e, 0xe0, 0xef, 2);
        if (r < 0)
                return r;

        return add_any(e, 0xf0, 0xf4, 3);
}

static unsigned encode(uint32_t c, uint8_t bytes[static 4]) {
        unsigned n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

        for (unsigned i = n - 1; i > 0; i--, c >>= 6)
                bytes[i] = (uint8_t) (CONTINUATION_FIRST | (c & 0x3f));
        bytes[0] = (uint8_t) ((0xf00U >> n & 0xff) | c);

        return n;
}

/* A range whose ends have as many bytes, each a range of its own. */
static int add_bytes(Encoder *e, uint32_t first, uint32_t last) {
        uint8_t a[4], b[4];
        unsigned n = encode(first, a);
        int node = e->next;

        (void) encode(last, b);
        for (unsigned i = n; i > 0 && node >= 0; i--)
                node = shared_range(e, a[i - 1], b[i - 1], node);

        return join(e, node);
}

/* The last character up to @last so that from @first on to it, each byte of UTF-8 has a range of its own. */
static uint32_t last_of_block(uint32_t first, uint32_t last) {
        static const uint32_t longest[] = { 0x7ff, 0xffff };

        for (size_t i = 0; i < ELEMENTSOF(longest); i++)
                if (first <= longest[i])
                        last = MIN_OF(last, longest[i]);

        for (unsigned bits = 18; bits > 0; bits -= 6) {
                uint32_t low = (1U << bits) - 1;

                if ((first & ~low) == (last & ~low))
                        continue; /* they agree on the bytes before */
                if ((first & low) != 0)
                        last = first | low;
                else if ((last & low) != low)
                        last = (last & ~low) - 1;
        }

        return last;
}

int nfa_add_utf8(Nfa *n, const CharRange *ranges, size_t n_ranges, int start, int next) {
        Encoder e = { .nfa = n, .start = start, .next = next };
        int r;

        for (size_t i = 0; i < n_ranges; i++) {
                uint32_t first = ranges[i].first;

                if (first == 0x80 && ranges[i].last == CHAR_MAX_UNICODE) {
                        r = add_all(&e);
                        if (r < 0)
                                return r;
                        continue;
                }

                while (first <= ranges[i].last) {
                        uint32_t last = last_of_block(first, ranges[i].last);

                        r = add_bytes(&e, first, last);
                        if (r < 0)
                                return r;
                        first = last + 1;
                }
        }

        return e.start;
}
