/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/symbolizer.h"

#include "host/clock.h"
#include "symbol/module-namer.h"
#include "symbol/symbol-cache.h"
#include "symbol/symbols.h"

#include <string.h>

#define STACKS_SLICE 64U /* stacks looked through per step, of at most PROFILE_FRAMES_MAX frames */

static const char *const default_debug_roots[] = { "/usr/lib/debug", NULL };

struct Symbolizer {
        NamerContext context;
        char **debug_roots; /* owned; NULL: the default */
        SymbolCache *cache; /* owned */
};

typedef enum JobState {
        JOB_COLLECT, /* distinct frames */
        JOB_ORDER,
        JOB_NAME,
        JOB_DONE,
} JobState;

struct SymbolJob {
        Symbolizer *symbolizer; /* borrowed, outlives us */
        const Profile *profile; /* borrowed */
        Symbols *symbols;       /* owned until taken */

        JobState state;
        const ProfileStack *last_stack; /* looked through */

        Frame *frames; /* owned; distinct, ascending */
        size_t n_frames, next_frame;
        ModuleNamer *namer; /* owned; of the module that is named */
};

static void free_debug_roots(char **roots) {
        for (char **p = roots; p && *p; p++)
                free(*p);
        free(roots);
}

static int copy_debug_roots(const char *const *roots, char ***ret_copy) {
        char **copy;
        size_t n = 0;

        while (roots[n])
                n++;

        copy = calloc(n + 1, sizeof(*copy));
        if (!copy)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                copy[i] = strdup(roots[i]);
                if (!copy[i]) {
                        free_debug_roots(copy);
                        return -ENOMEM;
                }
        }

        *ret_copy = copy;
        return 0;
}

int symbolizer_new(const Host *host, const char *const *debug_roots, Symbolizer **ret) {
        _cleanup_(symbolizer_freep) Symbolizer *s = NULL;
        int r;

        assert(host);
        assert(ret);

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;

        r = symbol_cache_new(SYMBOL_CACHE_BYTES_MAX, &s->cache);
        if (r < 0)
                return r;

        if (debug_roots) {
                r = copy_debug_roots(debug_roots, &s->debug_roots);
                if (r < 0)
                        return r;
        }

        s->context = (NamerContext){
                .host = host,
                .debug_roots = debug_roots ? (const char *const *) s->debug_roots : default_debug_roots,
                .cache = s->cache,
        };

        *ret = TAKE_PTR(s);
        return 0;
}

void symbolizer_forget(Symbolizer *s, const Module *m) {
        assert(s);
        assert(m);

        module_symbols_free(symbol_cache_take(s->cache, m));
}

Symbolizer *symbolizer_free(Symbolizer *s) {
        if (!s)
                return NULL;

        symbol_cache_free(s->cache);
        free_debug_roots(s->debug_roots);
        free(s);
        return NULL;
}

int symbol_job_new(Symbolizer *s, const Profile *profile, SymbolJob **ret_job) {
        _cleanup_(symbol_job_freep) SymbolJob *j = NULL;
        int r;

        assert(s);
        assert(profile);
        assert(ret_job);

        j = malloc(sizeof(*j));
        if (!j)
                return -ENOMEM;
        *j = (SymbolJob){ .symbolizer = s, .profile = profile };

        r = symbols_new(profile_n_modules(profile), &j->symbols);
        if (r < 0)
                return r;

        *ret_job = TAKE_PTR(j);
        return 0;
}

SymbolJob *symbol_job_free(SymbolJob *j) {
        if (!j)
                return NULL;

        module_namer_free(j->namer);
        free(j->frames);
        symbols_free(j->symbols);
        free(j);
        return NULL;
}

/* Stacks that are added to the profile meanwhile come last and are seen as
 * well; modules that are new then are not. */
static int step_collect(SymbolJob *j) {
        const ProfileStack *stack;
        int r;

        for (unsigned n = 0; n < STACKS_SLICE; n++) {
                stack = j->last_stack ? j->last_stack->hh.next : profile_stacks(j->profile);
                if (!stack) {
                        j->state = JOB_ORDER;
                        return 1;
                }

                for (unsigned i = 0; i < stack->n_frames; i++) {
                        r = symbols_add_frame(j->symbols, stack->frames[i]);
                        if (r == -ENOMEM)
                                return r;
                }
                j->last_stack = stack;
        }

        return 1;
}

static int step_order(SymbolJob *j) {
        int r;

        r = symbols_list_frames(j->symbols, &j->frames, &j->n_frames);
        if (r < 0)
                return r;

        j->state = JOB_NAME;
        return 1;
}

/* Begins with the module of the next frame. */
static int begin_module(SymbolJob *j) {
        unsigned index = frame_module(j->frames[j->next_frame]);
        size_t end = j->next_frame;
        const Frame *frames = j->frames + j->next_frame;
        int r;

        while (end < j->n_frames && frame_module(j->frames[end]) == index)
                end++;

        r = module_namer_new(
                        &j->symbolizer->context,
                        j->symbols,
                        index,
                        profile_module(j->profile, index),
                        frames,
                        end - j->next_frame,
                        &j->namer);
        if (r < 0)
                return r;

        j->next_frame = end;
        return 1;
}

static int step_name(SymbolJob *j) {
        int r;

        if (j->namer) {
                r = module_namer_step(j->namer);
                if (r == 0)
                        j->namer = module_namer_free(j->namer);
                return r < 0 ? r : 1;
        }

        if (j->next_frame < j->n_frames)
                return begin_module(j);

        j->state = JOB_DONE;
        return 0;
}

static int job_step(SymbolJob *j) {
        switch (j->state) {
        case JOB_COLLECT:
                return step_collect(j);
        case JOB_ORDER:
                return step_order(j);
        case JOB_NAME:
                return step_name(j);
        default:
                return 0;
        }
}

int symbol_job_step(SymbolJob *j, usec_t budget_usec) {
        usec_t begin_usec = clock_monotonic_usec();
        int r;

        assert(j);

        do {
                r = job_step(j);
                if (r < 0)
                        j->state = JOB_DONE;
                if (r <= 0)
                        return r;
        } while (clock_monotonic_usec() - begin_usec < budget_usec);

        return 1;
}

Symbols *symbol_job_take(SymbolJob *j) {
        assert(j);
        assert(j->state == JOB_DONE);

        return TAKE_PTR(j->symbols);
}
