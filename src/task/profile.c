/* SPDX-License-Identifier: Apache-2.0 */
#include "task/profile.h"

#include "basic/utf8.h"
#include "cprof-abi.h"

#include <sys/random.h>

/* Known by its bytes as the kernel gave them; @name is what we show. */
typedef struct ThreadName {
        char key[CPROF_COMM_LEN]; /* NUL-padded */
        char *name;
        uint32_t index;
        UT_hash_handle hh;
} ThreadName;

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

        ThreadName *threads; /* by key */
        ThreadName **thread_list;
        uint32_t n_threads;

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

        HASH_CLEAR(hh, p->threads);
        for (uint32_t i = 0; i < p->n_threads; i++) {
                free(p->thread_list[i]->name);
                free(p->thread_list[i]);
        }
        free(p->thread_list);

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

static int profile_add_thread(Profile *p, const char key[static CPROF_COMM_LEN], uint32_t *ret_index) {
        ThreadName *t;
        int r;

        r = list_reserve((void ***) &p->thread_list, p->n_threads);
        if (r < 0)
                return r;

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;

        memcpy(t->key, key, sizeof(t->key));
        t->index = p->n_threads;
        t->name = utf8_sanitize(key, strnlen(key, CPROF_COMM_LEN));
        if (!t->name) {
                free(t);
                return -ENOMEM;
        }

        HASH_ADD(hh, p->threads, key, sizeof(t->key), t);
        if (!HASH_ADDED(t)) {
                free(t->name);
                free(t);
                return -ENOMEM;
        }

        p->thread_list[p->n_threads++] = t;
        *ret_index = t->index;
        return 0;
}

static int profile_thread_index(Profile *p, const char *name, uint32_t *ret_index) {
        char key[CPROF_COMM_LEN] = {};
        ThreadName *t;

        memcpy(key, name, strnlen(name, sizeof(key)));

        HASH_FIND(hh, p->threads, key, sizeof(key), t);
        if (t) {
                *ret_index = t->index;
                return 0;
        }

        if (p->n_threads < PROFILE_THREADS_MAX)
                return profile_add_thread(p, key, ret_index);

        /* A program that renames its threads all the time: keep the stacks, give up the names. */
        memset(key, 0, sizeof(key));
        memcpy(key, PROFILE_THREAD_OTHER, strlen(PROFILE_THREAD_OTHER));
        HASH_FIND(hh, p->threads, key, sizeof(key), t);
        if (!t)
                return profile_add_thread(p, key, ret_index);

        *ret_index = t->index;
        return 0;
}

static int profile_add_stack(
                Profile *p,
                uint64_t hash,
                uint32_t thread,
                const Frame *frames,
                unsigned n_frames,
                unsigned n_kernel,
                uint64_t n) {
        ProfileStack *s;

        if (HASH_COUNT(p->stacks) >= PROFILE_STACKS_MAX)
                return -E2BIG;

        s = calloc(1, sizeof(*s) + n_frames * sizeof(Frame));
        if (!s)
                return -ENOMEM;

        s->hash = hash;
        s->thread = thread;
        s->n_frames = (uint16_t) n_frames;
        s->n_kernel = (uint16_t) n_kernel;
        s->n_samples = n;
        if (n_frames > 0)
                memcpy(s->frames, frames, n_frames * sizeof(Frame));

        HASH_ADD_BYHASHVALUE(hh, p->stacks, hash, sizeof(s->hash), (unsigned) hash, s);
        if (!HASH_ADDED(s)) {
                free(s);
                return -ENOMEM;
        }

        return 1;
}

static int
profile_count(Profile *p,
              uint32_t thread,
              const Frame *frames,
              unsigned n_frames,
              unsigned n_kernel,
              uint64_t n) {
        uint64_t hash = hash_u64(p->seed, (uint64_t) thread << 16 | n_kernel);

        for (unsigned i = 0; i < n_frames; i++)
                hash = hash_u64(hash, frames[i]);

        /* Another stack of the same hash moves this one on to the next free value. */
        for (;; hash++) {
                ProfileStack *s;

                HASH_FIND_BYHASHVALUE(hh, p->stacks, &hash, sizeof(hash), (unsigned) hash, s);
                if (!s)
                        return profile_add_stack(p, hash, thread, frames, n_frames, n_kernel, n);

                if (s->thread == thread && s->n_kernel == n_kernel && s->n_frames == n_frames &&
                    memcmp(s->frames, frames, n_frames * sizeof(Frame)) == 0) {
                        s->n_samples += n;
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
        uint32_t thread;
        int r;

        assert(p);
        assert(thread_name);
        assert(frames || n_frames == 0);
        assert(n_kernel <= n_frames);

        r = n_frames > PROFILE_FRAMES_MAX ? -E2BIG : profile_thread_index(p, thread_name, &thread);
        if (r >= 0)
                r = profile_count(p, thread, frames, n_frames, n_kernel, n);
        if (r < 0) {
                p->n_over_cap += n;
                return r;
        }

        p->n_samples += n;
        return r;
}

ProfileStack *profile_stacks(const Profile *p) {
        return p->stacks;
}

const char *profile_thread_name(const Profile *p, uint32_t index) {
        assert(index < p->n_threads);

        return p->thread_list[index]->name;
}

uint32_t profile_n_threads(const Profile *p) {
        return p->n_threads;
}

uint64_t profile_n_samples(const Profile *p) {
        return p->n_samples;
}

size_t profile_n_stacks(const Profile *p) {
        return HASH_COUNT(p->stacks);
}

uint64_t profile_n_over_cap(const Profile *p) {
        return p->n_over_cap;
}
