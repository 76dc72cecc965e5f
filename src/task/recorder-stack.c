/* SPDX-License-Identifier: Apache-2.0 */
#include "task/recorder-stack.h"

#include <sys/random.h>

/* The table of modules ends the number of different ones; kernel and unknown come before them. */
#define SLOTS_MAX (MODULES_MAX + PROFILE_MODULE_UNKNOWN + 1)
_Static_assert(SLOTS_MAX <= PROFILE_MODULES_MAX, "a module index fits a frame");

/* A place in the table of modules. */
typedef struct Slot {
        Module *module; /* referenced while frames are in it; the hash key is the pointer */
        unsigned n_frames;
        unsigned index;
        struct Slot *free_next;
        UT_hash_handle hh;
} Slot;

struct StackTable {
        uint64_t seed; /* so that a process cannot choose stacks that collide */
        RecorderStack *stacks;
        size_t bytes;

        Slot *modules; /* by pointer */
        Slot *slots[SLOTS_MAX];
        unsigned n_slots; /* used at least once */
        Slot *free_slots;
};

int stack_table_new(StackTable **ret_table) {
        StackTable *t;

        assert(ret_table);

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;

        t->n_slots = PROFILE_MODULE_UNKNOWN + 1;
        if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) != (ssize_t) sizeof(t->seed))
                t->seed = (uintptr_t) t;

        *ret_table = t;
        return 0;
}

StackTable *stack_table_free(StackTable *t) {
        if (!t)
                return NULL;

        assert(!t->stacks);
        assert(!t->modules);

        for (unsigned i = 0; i < t->n_slots; i++)
                free(t->slots[i]);

        free(t);
        return NULL;
}

/* A slot without a module. NULL: no room. */
static Slot *slot_take(StackTable *t) {
        Slot *s = t->free_slots;

        if (s) {
                t->free_slots = s->free_next;
                return s;
        }

        if (t->n_slots == SLOTS_MAX)
                return NULL;

        s = calloc(1, sizeof(*s));
        if (!s)
                return NULL;

        s->index = t->n_slots;
        t->slots[t->n_slots++] = s;
        return s;
}

static void slot_give(StackTable *t, Slot *s) {
        s->module = NULL;
        s->free_next = t->free_slots;
        t->free_slots = s;
}

/* Counts one more frame in @m. Returns its index, PROFILE_MODULE_UNKNOWN when there is no room. */
static unsigned slot_ref(StackTable *t, Module *m) {
        Slot *s;

        HASH_FIND_PTR(t->modules, &m, s);
        if (!s) {
                s = slot_take(t);
                if (!s)
                        return PROFILE_MODULE_UNKNOWN;

                s->module = m;
                HASH_ADD_PTR(t->modules, module, s);
                if (!HASH_ADDED(s)) {
                        slot_give(t, s);
                        return PROFILE_MODULE_UNKNOWN;
                }
                (void) module_ref(m);
        }

        s->n_frames++;
        return s->index;
}

static void slot_unref(StackTable *t, unsigned index) {
        Slot *s = t->slots[index];

        if (!s) /* kernel, unknown */
                return;

        assert(s->n_frames > 0);
        if (--s->n_frames > 0)
                return;

        HASH_DEL(t->modules, s);
        (void) module_unref(s->module);
        slot_give(t, s);
}

static void unref_frames(StackTable *t, const Frame *frames, unsigned n) {
        for (unsigned i = 0; i < n; i++)
                slot_unref(t, frame_module(frames[i]));
}

/* The frames of @s with a reference to each module. Returns their number. */
static unsigned ref_frames(StackTable *t, const ResolvedStack *s, Frame *ret_frames) {
        unsigned n = s->n_kernel;

        memcpy(ret_frames, s->kernel, s->n_kernel * sizeof(Frame));
        for (unsigned i = 0; i < s->n_user; i++) {
                const ResolvedFrame *f = s->user + i;
                unsigned module = f->module ? slot_ref(t, f->module) : PROFILE_MODULE_UNKNOWN;

                ret_frames[n++] = FRAME(module, module == PROFILE_MODULE_UNKNOWN ? f->address : f->offset);
        }

        if (n == 0) /* no stack at all: the time was still spent */
                ret_frames[n++] = FRAME(PROFILE_MODULE_UNKNOWN, 0);

        return n;
}

static size_t stack_bytes(unsigned n_frames) {
        return sizeof(RecorderStack) + n_frames * sizeof(Frame);
}

size_t resolved_stack_bytes(const ResolvedStack *s) {
        return stack_bytes(MAX_OF(s->n_kernel + s->n_user, 1U));
}

/* What tells stacks apart, as it lies in RecorderStack. */
typedef struct StackKey {
        uint64_t n_kernel;
        Frame frames[STACK_FRAMES_MAX];
} StackKey;
_Static_assert(offsetof(RecorderStack, frames) - offsetof(RecorderStack, n_kernel) ==
                               offsetof(StackKey, frames),
               "the key lies in one piece");

static size_t key_bytes(unsigned n_frames) {
        return offsetof(StackKey, frames) + n_frames * sizeof(Frame);
}

int stack_table_get(StackTable *t, const ResolvedStack *s, RecorderStack **ret_stack) {
        RecorderStack *stack;
        StackKey key;
        uint64_t hash;
        unsigned n;

        assert(t);
        assert(s);
        assert(ret_stack);

        n = ref_frames(t, s, key.frames);
        key.n_kernel = s->n_kernel;
        hash = hash_u64(t->seed, key.n_kernel);
        for (unsigned i = 0; i < n; i++)
                hash = hash_u64(hash, key.frames[i]);

        HASH_FIND_BYHASHVALUE(hh, t->stacks, &key, key_bytes(n), (unsigned) hash, stack);
        if (stack) {
                unref_frames(t, key.frames, n); /* it has its own references */
                stack->n_ref++;
                *ret_stack = stack;
                return 0;
        }

        stack = calloc(1, stack_bytes(n));
        if (stack) {
                stack->n_frames = n;
                memcpy(&stack->n_kernel, &key, key_bytes(n));
                HASH_ADD_KEYPTR_BYHASHVALUE(
                                hh, t->stacks, &stack->n_kernel, key_bytes(n), (unsigned) hash, stack);
        }
        if (!stack || !HASH_ADDED(stack)) {
                unref_frames(t, key.frames, n);
                free(stack);
                return -ENOMEM;
        }

        stack->n_ref = 1;
        t->bytes += stack_bytes(n);
        *ret_stack = stack;
        return 1;
}

void stack_table_put(StackTable *t, RecorderStack *s) {
        assert(s->n_ref > 0);

        if (--s->n_ref > 0)
                return;

        HASH_DEL(t->stacks, s);
        t->bytes -= stack_bytes(s->n_frames);
        unref_frames(t, s->frames, s->n_frames);
        free(s);
}

Module *stack_table_module(const StackTable *t, unsigned index) {
        return index < t->n_slots && t->slots[index] ? t->slots[index]->module : NULL;
}

size_t stack_table_size(const StackTable *t) {
        return HASH_COUNT(t->stacks);
}

size_t stack_table_bytes(const StackTable *t) {
        return t->bytes;
}
