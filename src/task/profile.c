/* SPDX-License-Identifier: Apache-2.0 */
#include "task/profile.h"

#include "task/thread-names.h"

#include <sys/random.h>

static const char *const state_names[_PROFILE_STATE_MAX] = {
        [PROFILE_STATE_RUNNING] = "running",
        [PROFILE_STATE_SLEEP] = "sleep",
        [PROFILE_STATE_DISK] = "disk",
        [PROFILE_STATE_OTHER] = "other",
};

const char *profile_state_to_string(ProfileState s) {
        return s >= 0 && s < _PROFILE_STATE_MAX ? state_names[s] : NULL;
}

typedef struct ModuleSlot {
        Module *module; /* referenced; the hash key is the pointer */
        unsigned index;
        UT_hash_handle hh;
} ModuleSlot;

struct Profile {
        uint64_t period_nsec;
        uint64_t seed; /* so that a process cannot choose stacks that collide */

        ProfileStack *stacks;
        uint64_t n_samples, n_over_cap;
        uint64_t n_switches, offcpu_nsec;

        ThreadNames threads;

        ModuleSlot *modules; /* by pointer */
        ModuleSlot **module_list;
        unsigned n_modules;
        ModuleSlot *last_module; /* stacks stay in one module for several frames */
};

/* Makes room for element @n of a list that grows by doubling. */
static int list_reserve(void ***list, size_t n) {
        void **bigger;

        if (n > 0 && (n & (n - 1)) != 0)
                return 0;

        bigger = realloc(*list, (n > 0 ? 2 * n : 1) * sizeof(void *));
        if (!bigger)
                return -ENOMEM;

        *list = bigger;
        return 0;
}

/* @m may be NULL: a module without a file, which is in the list only. */
static int profile_add_module(Profile *p, Module *m) {
        ModuleSlot *slot;
        int r;

        r = list_reserve((void ***) &p->module_list, p->n_modules);
        if (r < 0)
                return r;

        slot = calloc(1, sizeof(*slot));
        if (!slot)
                return -ENOMEM;

        slot->module = m;
        slot->index = p->n_modules;
        if (m) {
                HASH_ADD_PTR(p->modules, module, slot);
                if (!HASH_ADDED(slot)) {
                        free(slot);
                        return -ENOMEM;
                }
                module_ref(m);
        }

        p->module_list[p->n_modules++] = slot;
        return 0;
}

int profile_new(ModuleTable *modules, uint64_t period_nsec, Profile **ret_profile) {
        _cleanup_(profile_freep) Profile *p = NULL;
        _cleanup_(module_unrefp) Module *kernel = NULL;
        int r;

        assert(modules);
        assert(ret_profile);

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;

        p->period_nsec = period_nsec;
        if (getrandom(&p->seed, sizeof(p->seed), GRND_NONBLOCK) != (ssize_t) sizeof(p->seed))
                p->seed = (uintptr_t) p;

        kernel = module_table_kernel(modules);
        if (!kernel)
                return -ENOMEM;

        r = profile_add_module(p, kernel);
        if (r < 0)
                return r;

        r = profile_add_module(p, NULL);
        if (r < 0)
                return r;

        assert(p->n_modules == PROFILE_MODULE_UNKNOWN + 1);

        *ret_profile = TAKE_PTR(p);
        return 0;
}

Profile *profile_free(Profile *p) {
        ProfileStack *s, *next;

        if (!p)
                return NULL;

        HASH_ITER(hh, p->stacks, s, next) {
                HASH_DEL(p->stacks, s);
                free(s);
        }

        thread_names_done(&p->threads);

        HASH_CLEAR(hh, p->modules);
        for (unsigned i = 0; i < p->n_modules; i++) {
                module_unref(p->module_list[i]->module);
                free(p->module_list[i]);
        }
        free(p->module_list);

        free(p);
        return NULL;
}

uint64_t profile_period_nsec(const Profile *p) {
        return p->period_nsec;
}

unsigned profile_module_index(Profile *p, Module *m) {
        ModuleSlot *slot;

        assert(p);
        assert(m);

        if (p->last_module && p->last_module->module == m)
                return p->last_module->index;

        HASH_FIND_PTR(p->modules, &m, slot);
        if (!slot) {
                if (p->n_modules >= PROFILE_MODULES_MAX || profile_add_module(p, m) < 0)
                        return PROFILE_MODULE_UNKNOWN;

                slot = p->module_list[p->n_modules - 1];
        }

        p->last_module = slot;
        return slot->index;
}

Module *profile_module(const Profile *p, unsigned index) {
        return index < p->n_modules ? p->module_list[index]->module : NULL;
}

unsigned profile_n_modules(const Profile *p) {
        return p->n_modules;
}

/* What tells one stack from another. */
typedef struct StackKey {
        uint32_t thread;
        ProfileState state;
        const Frame *frames;
        unsigned n_frames, n_kernel;
} StackKey;

static uint64_t stack_key_hash(const Profile *p, const StackKey *k) {
        uint64_t hash = hash_u64(p->seed, (uint64_t) k->thread << 24 | k->state << 16 | k->n_kernel);

        for (unsigned i = 0; i < k->n_frames; i++)
                hash = hash_u64(hash, k->frames[i]);

        return hash;
}

static bool stack_is(const ProfileStack *s, const StackKey *k) {
        return s->thread == k->thread && s->state == k->state && s->n_kernel == k->n_kernel &&
                        s->n_frames == k->n_frames &&
                        memcmp(s->frames, k->frames, k->n_frames * sizeof(Frame)) == 0;
}

/* Returns 1 and a stack that counts nothing yet. */
static int profile_add_stack(Profile *p, uint64_t hash, const StackKey *k, ProfileStack **ret_stack) {
        ProfileStack *s;

        if (HASH_COUNT(p->stacks) >= PROFILE_STACKS_MAX)
                return -E2BIG;

        s = calloc(1, sizeof(*s) + k->n_frames * sizeof(Frame));
        if (!s)
                return -ENOMEM;

        s->hash = hash;
        s->thread = k->thread;
        s->state = k->state;
        s->n_frames = (uint16_t) k->n_frames;
        s->n_kernel = (uint16_t) k->n_kernel;
        if (k->n_frames > 0)
                memcpy(s->frames, k->frames, k->n_frames * sizeof(Frame));

        HASH_ADD_BYHASHVALUE(hh, p->stacks, hash, sizeof(s->hash), (unsigned) hash, s);
        if (!HASH_ADDED(s)) {
                free(s);
                return -ENOMEM;
        }

        *ret_stack = s;
        return 1;
}

/* The stack of @k, whose thread is filled in here; 1 if it is new. */
static int profile_get_stack(Profile *p, const char *thread_name, StackKey *k, ProfileStack **ret_stack) {
        uint64_t hash;
        int r;

        assert(k->frames || k->n_frames == 0);
        assert(k->n_kernel <= k->n_frames);

        if (k->n_frames > PROFILE_FRAMES_MAX)
                return -E2BIG;

        r = thread_names_index(&p->threads, thread_name, &k->thread);
        if (r < 0)
                return r;

        /* Another stack of the same hash moves this one on to the next free value. */
        for (hash = stack_key_hash(p, k);; hash++) {
                ProfileStack *s;

                HASH_FIND_BYHASHVALUE(hh, p->stacks, &hash, sizeof(hash), (unsigned) hash, s);
                if (!s)
                        return profile_add_stack(p, hash, k, ret_stack);

                if (stack_is(s, k)) {
                        *ret_stack = s;
                        return 0;
                }
        }
}

int profile_add(Profile *p,
                const char *thread_name,
                const Frame *frames,
                unsigned n_frames,
                unsigned n_kernel,
                uint64_t n) {
        StackKey key = {
                .state = PROFILE_STATE_RUNNING,
                .frames = frames,
                .n_frames = n_frames,
                .n_kernel = n_kernel,
        };
        ProfileStack *s;
        int r;

        assert(p);
        assert(thread_name);

        r = profile_get_stack(p, thread_name, &key, &s);
        if (r < 0) {
                p->n_over_cap += n;
                return r;
        }

        s->n_samples += n;
        p->n_samples += n;
        return r;
}

int profile_add_blocked(
                Profile *p,
                const char *thread_name,
                ProfileState state,
                const Frame *frames,
                unsigned n_frames,
                unsigned n_kernel,
                uint64_t n_switches,
                uint64_t nsec,
                uint64_t max_nsec) {
        StackKey key = {
                .state = state,
                .frames = frames,
                .n_frames = n_frames,
                .n_kernel = n_kernel,
        };
        ProfileStack *s;
        int r;

        assert(p);
        assert(thread_name);
        assert(state > PROFILE_STATE_RUNNING && state < _PROFILE_STATE_MAX);

        r = profile_get_stack(p, thread_name, &key, &s);
        if (r < 0) {
                p->n_over_cap += n_switches;
                return r;
        }

        s->n_switches += n_switches;
        s->offcpu_nsec += nsec;
        s->max_nsec = MAX_OF(s->max_nsec, max_nsec);
        p->n_switches += n_switches;
        p->offcpu_nsec += nsec;
        return r;
}

ProfileStack *profile_stacks(const Profile *p) {
        return p->stacks;
}

const char *profile_thread_name(const Profile *p, uint32_t index) {
        return thread_names_get(&p->threads, index);
}

uint32_t profile_n_threads(const Profile *p) {
        return p->threads.n;
}

uint64_t profile_n_samples(const Profile *p) {
        return p->n_samples;
}

uint64_t profile_n_switches(const Profile *p) {
        return p->n_switches;
}

uint64_t profile_offcpu_nsec(const Profile *p) {
        return p->offcpu_nsec;
}

size_t profile_n_stacks(const Profile *p) {
        return HASH_COUNT(p->stacks);
}

uint64_t profile_n_over_cap(const Profile *p) {
        return p->n_over_cap;
}
