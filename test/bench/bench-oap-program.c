/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/bench-load.h"
#include "bench/bench-oap.h"
#include "fake/fake-subjects.h"
#include "symbol/symbols.h"

#include <string.h>

#define DEPTH_MIN 12U
#define DEPTH_MAX 52U
#define FUNCTIONS 600U
#define KERNEL_FUNCTIONS 200U
#define KERNEL_DEPTH_MAX 10U
#define KERNEL_BASE UINT64_C(0xffff81000000)
#define FUNCTION_BYTES 64U

typedef struct BenchStack {
        Frame frames[DEPTH_MAX + KERNEL_DEPTH_MAX];
        unsigned n_frames, n_kernel;
} BenchStack;

struct BenchProgram {
        ModuleTable *modules;
        Module file;
        Profile *profile;
        uint64_t random;
        BenchStack *stacks;
        unsigned n_stacks;
};

/* The square of an evenly distributed share: a third of all is in a tenth of them. */
static unsigned hot(uint64_t *random, unsigned n) {
        uint64_t a = fake_random_below(random, 1U << 16), share = a * a >> 16;

        return (unsigned) (share * n >> 16);
}

/* As another one up to some depth, then elsewhere. */
static void make_stack(BenchProgram *p, BenchStack *s, const BenchStack *like, unsigned file) {
        unsigned n_user = DEPTH_MIN + fake_random_below(&p->random, DEPTH_MAX - DEPTH_MIN);
        unsigned n_like = like ? like->n_frames - like->n_kernel : 0;
        unsigned n_shared = n_like > 0 ? fake_random_below(&p->random, MIN_OF(n_like, n_user)) : 0;

        s->n_kernel = fake_random_below(&p->random, 3) == 0 ? fake_random_below(&p->random, KERNEL_DEPTH_MAX)
                                                            : 0;
        s->n_frames = n_user + s->n_kernel;

        for (unsigned i = 0; i < s->n_kernel; i++)
                s->frames[i] =
                                FRAME(PROFILE_MODULE_KERNEL,
                                      KERNEL_BASE + hot(&p->random, KERNEL_FUNCTIONS) * FUNCTION_BYTES);
        for (unsigned i = 0; i < n_user; i++) {
                unsigned at = s->n_frames - 1 - i; /* from the outermost on */

                s->frames[at] = i < n_shared ? like->frames[like->n_frames - 1 - i]
                                             : FRAME(file, hot(&p->random, FUNCTIONS) * FUNCTION_BYTES);
        }
}

BenchProgram *bench_program_new(unsigned n_stacks, uint64_t seed) {
        BenchProgram *p = calloc(1, sizeof(*p));
        unsigned file;

        if (!p || !(p->stacks = calloc(n_stacks, sizeof(*p->stacks))))
                bench_fail("program", -ENOMEM);

        p->random = seed;
        p->n_stacks = n_stacks;
        p->file = (Module){ .type = MODULE_ANON, .n_ref = 1 };
        if (module_table_new(&p->modules) < 0 || profile_new(p->modules, 10101010, &p->profile) < 0)
                bench_fail("profile", -ENOMEM);

        file = profile_module_index(p->profile, &p->file);
        for (unsigned i = 0; i < n_stacks; i++)
                make_stack(p,
                           p->stacks + i,
                           i > 0 ? p->stacks + fake_random_below(&p->random, i) : NULL,
                           file);

        return p;
}

BenchProgram *bench_program_free(BenchProgram *p) {
        if (!p)
                return NULL;

        profile_free(p->profile);
        module_table_free(p->modules);
        free(p->stacks);
        free(p);
        return NULL;
}

Profile *bench_program_profile(BenchProgram *p) {
        return p->profile;
}

static void run(BenchProgram *p, unsigned stack) {
        const BenchStack *s = p->stacks + stack;

        if (profile_add(p->profile, "worker", s->frames, s->n_frames, s->n_kernel, 1) < 0)
                bench_fail("profile", -ENOMEM);
}

void bench_program_run_all(BenchProgram *p) {
        for (unsigned i = 0; i < p->n_stacks; i++)
                run(p, i);
}

void bench_program_run(BenchProgram *p, unsigned n_samples) {
        for (unsigned i = 0; i < n_samples; i++)
                run(p, hot(&p->random, p->n_stacks));
}

/* About as long as names of C++ and Go are. */
static void set_name(Symbols *s, Frame frame) {
        bool is_kernel = frame_module(frame) == PROFILE_MODULE_KERNEL;
        unsigned number = (unsigned) (frame_offset(frame) % KERNEL_BASE / FUNCTION_BYTES);
        char name[128];

        (void) snprintf(name,
                        sizeof(name),
                        is_kernel ? "do_something_in_kernel_%u"
                                  : "shop::orders::handler_%u::handle_request_of_customer",
                        number);
        if (symbols_set_name(s, frame, name, true) < 0)
                bench_fail("symbols", -ENOMEM);
}

Symbols *bench_program_symbols(const BenchProgram *p) {
        ProfileStack *stack, *next;
        Symbols *s = NULL;

        if (symbols_new(profile_n_modules(p->profile), &s) < 0)
                bench_fail("symbols", -ENOMEM);

        HASH_ITER(hh, profile_stacks(p->profile), stack, next)
        for (unsigned i = 0; i < stack->n_frames; i++)
                if (symbols_add_frame(s, stack->frames[i]) > 0)
                        set_name(s, stack->frames[i]);

        return s;
}
