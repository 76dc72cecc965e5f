/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/folded-builder.h"

#include "basic/hash.h"
#include "ctl/folded.h"

#include <sys/random.h>

/* Look-ups are cache misses: the frames of a stack go through them together, so that the misses overlap. */
#define FRAMES_BATCH 64

typedef struct Frame {
        const char *text;
        size_t length;
        uint32_t hash; /* of the name, then of the path */
        uint32_t name;
} Frame;

static int array_reserve(void *array, size_t *allocated, size_t n, size_t element_size) {
        void **p = array, *larger;
        size_t size = *allocated > 0 ? *allocated : 1024;

        if (n <= *allocated)
                return 0;

        while (size < n)
                size *= 2;

        larger = reallocarray(*p, size, element_size);
        if (!larger)
                return -ENOMEM;

        *p = larger;
        *allocated = size;
        return 0;
}

static size_t index_free_slot(const FoldedIndex *x, uint32_t hash) {
        size_t i = hash & (x->n_slots - 1);

        while (x->slots[i].number > 0)
                i = (i + 1) & (x->n_slots - 1);

        return i;
}

/* Keeps at least half of the slots free for @n elements. */
static int index_reserve(FoldedIndex *x, size_t n) {
        FoldedIndex larger = { .n_slots = x->n_slots > 0 ? x->n_slots * 2 : 4096 };

        if (n * 2 <= x->n_slots)
                return 0;

        larger.slots = calloc(larger.n_slots, sizeof(larger.slots[0]));
        if (!larger.slots)
                return -ENOMEM;

        for (size_t i = 0; i < x->n_slots; i++)
                if (x->slots[i].number > 0)
                        larger.slots[index_free_slot(&larger, x->slots[i].hash)] = x->slots[i];

        free(x->slots);
        *x = larger;
        return 0;
}

static void index_add(FoldedIndex *x, uint32_t hash, size_t element) {
        x->slots[index_free_slot(x, hash)] = (struct FoldedSlot){
                .hash = hash,
                .number = (uint32_t) element + 1,
        };
}

static uint32_t hash_text(uint64_t seed, const char *text, size_t length) {
        uint64_t h = seed ^ length, word;

        for (; length >= sizeof(word); text += sizeof(word), length -= sizeof(word)) {
                memcpy(&word, text, sizeof(word));
                h = hash_u64(h, word);
        }

        word = 0;
        memcpy(&word, text, length);
        return (uint32_t) hash_u64(h, word);
}

static void index_prefetch(const FoldedIndex *x, uint32_t hash) {
        __builtin_prefetch(x->slots + (hash & (x->n_slots - 1)));
}

static int find_name(const FoldedBuilder *b, uint32_t hash, const char *text, size_t length, uint32_t *ret) {
        const FoldedIndex *x = &b->name_index;

        for (size_t i = hash & (x->n_slots - 1); x->slots[i].number > 0; i = (i + 1) & (x->n_slots - 1)) {
                const FoldedBuilderName *name = b->names + x->slots[i].number - 1;

                if (x->slots[i].hash != hash || name->length != length)
                        continue;
                if (memcmp(b->pool + name->offset, text, length) != 0)
                        continue;

                *ret = x->slots[i].number - 1;
                return 0;
        }

        return -ENOENT;
}

static int
intern_name(FoldedBuilder *b, uint32_t hash, const char *text, size_t length, uint32_t *ret_name) {
        int r;

        if (find_name(b, hash, text, length, ret_name) >= 0)
                return 0;

        /* Offsets fit 32 bits: the pool holds less than the FOLDED_BYTES_MAX that were read, plus a NUL per
         * node. */
        r = array_reserve(&b->pool, &b->pool_allocated, b->pool_length + length + 1, 1);
        if (r < 0)
                return r;
        r = array_reserve(&b->names, &b->names_allocated, b->n_names + 1, sizeof(b->names[0]));
        if (r < 0)
                return r;
        r = index_reserve(&b->name_index, b->n_names + 1);
        if (r < 0)
                return r;

        memcpy(b->pool + b->pool_length, text, length);
        b->pool[b->pool_length + length] = '\0';
        b->names[b->n_names] = (FoldedBuilderName){
                .offset = (uint32_t) b->pool_length,
                .length = (uint32_t) length,
        };
        b->pool_length += length + 1;
        index_add(&b->name_index, hash, b->n_names);

        *ret_name = (uint32_t) b->n_names++;
        return 0;
}

static int add_node(FoldedBuilder *b, uint32_t hash, uint32_t parent, uint32_t name, uint32_t *ret_node) {
        int r;

        if (b->n_nodes > FOLDED_NODES_MAX) /* the root is one more */
                return -EFBIG;

        r = array_reserve(&b->nodes, &b->nodes_allocated, b->n_nodes + 1, sizeof(b->nodes[0]));
        if (r < 0)
                return r;
        r = index_reserve(&b->node_index, b->n_nodes + 1);
        if (r < 0)
                return r;

        b->nodes[b->n_nodes] = (FoldedBuilderNode){ .name = name, .parent = parent };
        index_add(&b->node_index, hash, b->n_nodes);

        *ret_node = (uint32_t) b->n_nodes++;
        return 0;
}

static int
find_or_add_node(FoldedBuilder *b, uint32_t hash, uint32_t parent, uint32_t name, uint32_t *ret_node) {
        const FoldedIndex *x = &b->node_index;

        for (size_t i = hash & (x->n_slots - 1); x->slots[i].number > 0; i = (i + 1) & (x->n_slots - 1)) {
                const FoldedBuilderNode *node = b->nodes + x->slots[i].number - 1;

                if (x->slots[i].hash != hash || node->parent != parent || node->name != name)
                        continue;

                *ret_node = x->slots[i].number - 1;
                return 0;
        }

        return add_node(b, hash, parent, name, ret_node);
}

/* Cuts off the next at most FRAMES_BATCH frames. *@text becomes NULL behind the last one. */
static size_t split_frames(const FoldedBuilder *b, const char **text, const char *end, Frame *frames) {
        size_t n = 0;

        while (*text && n < FRAMES_BATCH) {
                const char *separator = memchr(*text, ';', (size_t) (end - *text));
                size_t length = (size_t) ((separator ?: end) - *text);

                frames[n] = (Frame){
                        .text = *text,
                        .length = length,
                        .hash = hash_text(b->seed, *text, length),
                };
                index_prefetch(&b->name_index, frames[n++].hash);
                *text = separator ? separator + 1 : NULL;
        }

        return n;
}

int folded_builder_add(FoldedBuilder *b, const char *stack, size_t length, uint64_t count) {
        const char *text = stack, *end = stack + length;
        uint64_t path = b->seed; /* hash of all names so far: known before the node of any is */
        uint32_t node = FOLDED_ROOT;
        Frame frames[FRAMES_BATCH];
        int r;

        assert(stack);

        while (text) {
                size_t n = split_frames(b, &text, end, frames);

                for (size_t i = 0; i < n; i++) {
                        Frame *f = frames + i;

                        r = intern_name(b, f->hash, f->text, f->length, &f->name);
                        if (r < 0)
                                return r;

                        path = hash_u64(path, f->name);
                        f->hash = (uint32_t) path;
                        index_prefetch(&b->node_index, f->hash);
                }

                for (size_t i = 0; i < n; i++) {
                        r = find_or_add_node(b, frames[i].hash, node, frames[i].name, &node);
                        if (r < 0)
                                return r;
                }
        }

        b->nodes[node].self += count;
        return 0;
}

int folded_builder_init(FoldedBuilder *b) {
        int r;

        assert(b);

        if (getrandom(&b->seed, sizeof(b->seed), GRND_INSECURE) < 0)
                return -errno;

        r = array_reserve(&b->nodes, &b->nodes_allocated, 1, sizeof(b->nodes[0]));
        if (r < 0)
                return r;
        r = index_reserve(&b->node_index, 1);
        if (r < 0)
                return r;
        r = index_reserve(&b->name_index, 1);
        if (r < 0)
                return r;

        /* Not in the index: nothing looks it up. */
        b->nodes[FOLDED_ROOT] = (FoldedBuilderNode){ .parent = FOLDED_ROOT };
        b->n_nodes = 1;
        return 0;
}

void folded_builder_done(FoldedBuilder *b) {
        free(b->pool);
        free(b->names);
        free(b->name_index.slots);
        free(b->nodes);
        free(b->node_index.slots);
        *b = (FoldedBuilder){};
}
