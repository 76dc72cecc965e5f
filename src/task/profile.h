/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "basic/hash.h"
#include "target/module.h"

/* Aggregated stacks of one task. A frame names code by module and offset and so stays true after exec,
 * dlclose, exit. */
typedef struct Profile Profile;

/* Module index within the profile (high 16 bits) and the low 48 bits of the offset or address. */
typedef uint64_t Frame;
#define FRAME_OFFSET_BITS 48
#define FRAME_OFFSET_MASK ((UINT64_C(1) << FRAME_OFFSET_BITS) - 1)
#define FRAME(module_index, offset) \
        (((uint64_t) (module_index) << FRAME_OFFSET_BITS) | ((uint64_t) (offset) &FRAME_OFFSET_MASK))
static inline unsigned frame_module(Frame f) {
        return (unsigned) (f >> FRAME_OFFSET_BITS);
}
static inline uint64_t frame_offset(Frame f) { /* of a kernel module: sign-extended from bit 47 */
        return f & FRAME_OFFSET_MASK;
}

#define PROFILE_MODULE_KERNEL 0U  /* always there */
#define PROFILE_MODULE_UNKNOWN 1U /* no mapping held the address, or too many modules; offset = address */
#define PROFILE_MODULES_MAX 65535U
#define PROFILE_STACKS_MAX 200000U /* unique ones; samples beyond are counted in n_over_cap */
#define PROFILE_FRAMES_MAX 384U    /* per stack; more are over the cap as well */
#define PROFILE_THREADS_MAX 16384U /* names; samples of further ones go to PROFILE_THREAD_OTHER */
#define PROFILE_THREAD_OTHER "(others)"

/* What the thread did. */
typedef enum ProfileState {
        PROFILE_STATE_RUNNING,
        PROFILE_STATE_SLEEP, /* waited, could be interrupted: S in ps */
        PROFILE_STATE_DISK,  /* waited, could not: D in ps */
        PROFILE_STATE_OTHER, /* stopped, traced */
        _PROFILE_STATE_MAX,
} ProfileState;
const char *profile_state_to_string(ProfileState s); /* "running", "sleep", "disk", "other" */

/* One unique stack of one state. @frames are innermost first; the first @n_kernel are the kernel's. */
typedef struct ProfileStack {
        uint64_t hash;
        uint32_t thread; /* index of the thread name */
        uint16_t n_frames, n_kernel;
        ProfileState state;
        uint64_t n_samples;                         /* of PROFILE_STATE_RUNNING; the others have these: */
        uint64_t n_switches, offcpu_nsec, max_nsec; /* waits, their time, the longest */
        UT_hash_handle hh;
        Frame frames[];
} ProfileStack;

/* @period_nsec is the time one sample stands for, 0 if there are to be none. @modules is borrowed for
 * references to modules. */
int profile_new(ModuleTable *modules, uint64_t period_nsec, Profile **ret_profile);
Profile *profile_free(Profile *p);
DEFINE_CLEANUP(Profile *, profile_free)

uint64_t profile_period_nsec(const Profile *p);

/* Index of @m in this profile, taking a reference the first time; PROFILE_MODULE_UNKNOWN when there is no
 * room. */
unsigned profile_module_index(Profile *p, Module *m);
Module *profile_module(const Profile *p, unsigned index); /* borrowed; NULL for PROFILE_MODULE_UNKNOWN */
unsigned profile_n_modules(const Profile *p);

/* Adds @n samples of a stack. @thread_name need not be valid UTF-8 nor terminated (CPROF_COMM_LEN at most).
 * Returns 1 if the stack is new, 0 if known, -E2BIG over the cap (counted), -ENOMEM (counted as well). */
int profile_add(Profile *p,
                const char *thread_name,
                const Frame *frames,
                unsigned n_frames,
                unsigned n_kernel,
                uint64_t n);

/* Adds @n_switches waits in a stack that took @nsec in all, the longest @max_nsec. Returns as profile_add();
 * what is refused counts as @n_switches over the cap. */
int profile_add_blocked(
                Profile *p,
                const char *thread_name,
                ProfileState state,
                const Frame *frames,
                unsigned n_frames,
                unsigned n_kernel,
                uint64_t n_switches,
                uint64_t nsec,
                uint64_t max_nsec);

ProfileStack *profile_stacks(const Profile *p);                    /* HASH_ITER(hh, …) */
const char *profile_thread_name(const Profile *p, uint32_t index); /* valid UTF-8 */
uint32_t profile_n_threads(const Profile *p);
uint64_t profile_n_samples(const Profile *p);
uint64_t profile_n_switches(const Profile *p);
uint64_t profile_offcpu_nsec(const Profile *p);
size_t profile_n_stacks(const Profile *p);
uint64_t profile_n_over_cap(const Profile *p);
