/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-stacks.h"

#include "symbol/symbols.h"

#include <string.h>

#define ROOT 0U
#define NOT_NAMED UINT32_MAX
#define SYMBOL_OVERHEAD_BYTES 3U /* tag and length */
#define STACK_OVERHEAD_BYTES 48U /* the rest of a message */
#define WEIGHT_MAX (1U << 20)    /* of all there is: a weight is a share of that */

typedef struct FrameItem {
        Frame frame;
        uint32_t symbol; /* NOT_NAMED: not yet */
} FrameItem;

typedef struct TextItem {
        const char *text; /* of the symbols, or … */
        char *cut;        /* … a shorter copy, owned */
        uint64_t hash;
        uint32_t length;
} TextItem;

/* What a node has while it is asked how far stacks are to be cut. */
typedef struct Share {
        uint64_t count, nsec, weight;
} Share;

static bool equal_frames(const void *a, const void *b) {
        return ((const FrameItem *) a)->frame == ((const FrameItem *) b)->frame;
}

static bool equal_texts(const void *a, const void *b) {
        const TextItem *x = a, *y = b;

        return x->length == y->length && memcmp(x->text, y->text, x->length) == 0;
}

static bool equal_nodes(const void *a, const void *b) {
        const OapStackNode *x = a, *y = b;

        return x->parent == y->parent && x->symbol == y->symbol && x->is_kernel == y->is_kernel;
}

static bool is_told(const OapStacks *t, uint64_t hash) {
        uint32_t number;

        return intern_find(t->told, hash, &hash, &number);
}

int oap_stacks_init(OapStacks *t, const Symbols *symbols, const Intern *told, uint64_t seed, bool last) {
        /* Its own parent, so that no child looks like it. */
        const OapStackNode root = { .hash = seed, .symbol = NOT_NAMED, .n_bytes = STACK_OVERHEAD_BYTES };
        uint32_t number;
        int r;

        assert(t);
        assert(symbols);
        assert(told);

        *t = (OapStacks){
                .symbols = symbols,
                .told = told,
                .seed = seed,
                .last = last,
                .frames = { .item_size = sizeof(FrameItem), .equal = equal_frames },
                .texts = { .item_size = sizeof(TextItem), .equal = equal_texts },
                .nodes = { .item_size = sizeof(OapStackNode), .equal = equal_nodes },
        };

        r = intern_add(&t->nodes, root.hash, &root, &number);
        if (r < 0) {
                oap_stacks_done(t);
                return r;
        }

        oap_stacks_node(t, ROOT)->is_told = is_told(t, root.hash);
        return 0;
}

void oap_stacks_done(OapStacks *t) {
        assert(t);

        for (size_t i = 0; i < t->texts.n_items; i++)
                free(((TextItem *) intern_item(&t->texts, (uint32_t) i))->cut);
        intern_done(&t->frames);
        intern_done(&t->texts);
        intern_done(&t->nodes);
        *t = (OapStacks){};
}

static uint64_t hash_text(uint64_t seed, const char *text, size_t length) {
        uint64_t hash = hash_u64(seed, length);

        for (size_t i = 0; i < length; i += sizeof(uint64_t)) {
                uint64_t word = 0;

                memcpy(&word, text + i, MIN_OF(length - i, sizeof(word)));
                hash = hash_u64(hash, word);
        }

        return hash;
}

static int add_text(OapStacks *t, const char *text, uint32_t *ret_symbol) {
        size_t length = strlen(text);
        TextItem item = { .text = text };
        int r;

        if (length > OAP_SYMBOL_BYTES_MAX) {
                length = OAP_SYMBOL_BYTES_MAX;
                while (((unsigned char) text[length] & 0xc0) == 0x80) /* within a character */
                        length--;
        }

        item.length = (uint32_t) length;
        item.hash = hash_text(t->seed, text, length);
        r = intern_add(&t->texts, item.hash, &item, ret_symbol);
        if (r <= 0 || text[length] == '\0')
                return r;

        item.text = item.cut = strndup(text, length);
        if (!item.cut)
                return -ENOMEM;

        *(TextItem *) intern_item(&t->texts, *ret_symbol) = item;
        return 0;
}

/* What OAP is to call @frame, "" where nothing is known; NULL: that may still come. */
static const char *frame_name(const OapStacks *t, Frame frame) {
        const char *name = symbols_name(t->symbols, frame).name;

        if (strcmp(name, SYMBOLS_UNKNOWN_NAME) != 0)
                return name;
        if (frame == PROFILE_FRAME_NO_STACK)
                return SYMBOLS_NO_STACK_NAME;

        return t->last || frame_module(frame) == PROFILE_MODULE_UNKNOWN ? "" : NULL;
}

/* *ret_symbol is NOT_NAMED for a frame whose name may still come. */
static int find_symbol(OapStacks *t, Frame frame, uint32_t *ret_symbol) {
        FrameItem item = { .frame = frame, .symbol = NOT_NAMED };
        uint64_t hash = hash_u64(t->seed, frame);
        const char *name;
        uint32_t number;
        int r;

        if (intern_find(&t->frames, hash, &item, &number)) {
                *ret_symbol = ((const FrameItem *) intern_item(&t->frames, number))->symbol;
                return 0;
        }

        name = frame_name(t, frame);
        if (name) {
                r = add_text(t, name, &item.symbol);
                if (r < 0)
                        return r;
        }

        *ret_symbol = item.symbol;
        r = intern_add(&t->frames, hash, &item, &number);
        return MIN_OF(r, 0);
}

/* What @parent called; 0 and @parent itself when there is no room for another. */
static int find_child(OapStacks *t, uint32_t parent, uint32_t symbol, bool is_kernel, uint32_t *ret) {
        const OapStackNode *p = oap_stacks_node(t, parent);
        const TextItem *text = intern_item(&t->texts, symbol);
        OapStackNode child = {
                .hash = hash_u64(hash_u64(p->hash, text->hash), is_kernel),
                .parent = parent,
                .symbol = symbol,
                .n_bytes = p->n_bytes + text->length + SYMBOL_OVERHEAD_BYTES,
                .is_kernel = is_kernel,
        };
        int r;

        if (t->nodes.n_items >= OAP_STACKS_NODES_MAX && !intern_find(&t->nodes, child.hash, &child, ret)) {
                *ret = parent;
                return 0;
        }

        r = intern_add(&t->nodes, child.hash, &child, ret);
        if (r <= 0)
                return r < 0 ? r : 1;

        oap_stacks_node(t, *ret)->is_told = is_told(t, child.hash);
        return 1;
}

static int
add_path(OapStacks *t,
         const uint32_t *symbols,
         unsigned n,
         unsigned n_kernel,
         uint64_t count,
         uint64_t nsec) {
        uint32_t number = ROOT;
        OapStackNode *node;
        int r = 1;

        for (unsigned i = n; i > 0 && r > 0; i--) {
                r = find_child(t, number, symbols[i - 1], i <= n_kernel, &number);
                if (r < 0)
                        return r;
        }

        if (r == 0)
                t->n_cut += count;
        node = oap_stacks_node(t, number);
        node->count += count;
        node->nsec += nsec;
        t->count += count;
        t->nsec += nsec;
        return 1;
}

int oap_stacks_add(OapStacks *t, const ProfileStack *s, uint64_t count, uint64_t nsec) {
        static const Frame no_stack = PROFILE_FRAME_NO_STACK;
        uint32_t symbols[PROFILE_FRAMES_MAX];
        const Frame *frames = s->n_frames > 0 ? s->frames : &no_stack;
        unsigned n = s->n_frames > 0 ? s->n_frames : 1;
        int r;

        assert(t);
        assert(n <= PROFILE_FRAMES_MAX);

        for (unsigned i = 0; i < n; i++) {
                r = find_symbol(t, frames[i], symbols + i);
                if (r < 0)
                        return r;
                if (symbols[i] == NOT_NAMED)
                        return 0;
        }

        return add_path(t, symbols, n, s->n_kernel, count, nsec);
}

/* The share that @count and @nsec have of all, so that many short waits count as well as a long one. */
static uint64_t weight(const OapStacks *t, const OapStackNode *n) {
        double share = 0;

        if (n->count == 0 && n->nsec == 0)
                return 0;
        if (t->count > 0)
                share += (double) n->count / (double) t->count;
        if (t->nsec > 0)
                share += (double) n->nsec / (double) t->nsec;

        return 1 + (uint64_t) (share * WEIGHT_MAX);
}

typedef struct Rolling {
        const Share *own;           /* of each node, before */
        Share *shares;              /* ditto, after */
        uint64_t least;             /* what any node weighs */
        uint64_t min_new, min_told; /* nodes that weigh less go to their parents; 0 alone never does */
        size_t n_new;
        uint64_t n_bytes, n_cut;
} Rolling;

/* Children have higher numbers than their parents: one pass from the end. */
static void roll_up(const OapStacks *t, Rolling *r) {
        r->n_new = 0;
        r->n_bytes = r->n_cut = 0;
        memcpy(r->shares, r->own, t->nodes.n_items * sizeof(*r->shares));

        for (size_t i = t->nodes.n_items; i-- > 0;) {
                const OapStackNode *n = oap_stacks_node(t, (uint32_t) i);
                Share *s = r->shares + i, *parent = r->shares + n->parent;

                if (s->weight == 0)
                        continue;
                if (i == ROOT || s->weight >= (n->is_told ? r->min_told : r->min_new)) {
                        r->n_new += i != ROOT && !n->is_told;
                        r->n_bytes += n->n_bytes;
                        continue;
                }

                r->n_cut += n->count;
                parent->count += s->count;
                parent->nsec += s->nsec;
                parent->weight += s->weight;
                *s = (Share){};
        }
}

/* Ends: when nothing weighs enough all is at the root. */
static void roll_up_until(const OapStacks *t, Rolling *r, size_t n_new_max, uint64_t n_bytes_max) {
        for (roll_up(t, r); r->n_new > n_new_max || r->n_bytes > n_bytes_max; roll_up(t, r))
                if (r->n_new > n_new_max)
                        r->min_new = MAX_OF(2 * r->min_new, r->least + 1);
                else {
                        r->min_told = MAX_OF(2 * r->min_told, r->least + 1);
                        r->min_new = MAX_OF(r->min_new, r->min_told);
                }
}

int oap_stacks_cut(OapStacks *t, size_t n_new_max, uint64_t n_bytes_max) {
        _cleanup_(freep) Share *own = NULL, *shares = NULL;
        Rolling r = { .least = UINT64_MAX - 1, .min_new = 1, .min_told = 1 };

        assert(t);

        r.own = own = calloc(t->nodes.n_items, sizeof(*own));
        r.shares = shares = calloc(t->nodes.n_items, sizeof(*shares));
        if (!own || !shares)
                return -ENOMEM;

        for (size_t i = 0; i < t->nodes.n_items; i++) {
                const OapStackNode *n = oap_stacks_node(t, (uint32_t) i);

                own[i] = (Share){ n->count, n->nsec, weight(t, n) };
                if (own[i].weight > 0)
                        r.least = MIN_OF(r.least, own[i].weight);
        }
        roll_up_until(t, &r, n_new_max, n_bytes_max);

        for (size_t i = 0; i < t->nodes.n_items; i++) {
                OapStackNode *n = oap_stacks_node(t, (uint32_t) i);

                n->count = shares[i].count;
                n->nsec = shares[i].nsec;
        }
        t->n_cut += r.n_cut;
        return 0;
}

unsigned oap_stacks_symbols(
                const OapStacks *t,
                uint32_t number,
                const char *ret[static PROFILE_FRAMES_MAX],
                unsigned *ret_n_kernel) {
        unsigned n = 0, n_kernel = 0;

        if (number == ROOT)
                ret[n++] = OAP_STACKS_OTHERS;

        for (const OapStackNode *node; number != ROOT; number = node->parent) {
                node = oap_stacks_node(t, number);
                ret[n++] = ((const TextItem *) intern_item(&t->texts, node->symbol))->text;
                n_kernel += node->is_kernel;
        }

        *ret_n_kernel = n_kernel;
        return n;
}
