/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-profile.h"

#include "oap/oap-stacks.h"

#include <limits.h>
#include <sys/random.h>

#define FLUSH_BYTES_MAX UINT64_C(8 * 1024 * 1024)

/* Distinct stacks that are told as they come, so that a program with fewer is told exactly; of what is left
 * each flush may have an eighth, for what comes late. */
#define STACKS_FREELY (OAP_PROFILE_STACKS_MAX - OAP_PROFILE_STACKS_MAX / 4)
#define STACKS_LATE_DIVISOR 8U

typedef struct Told {
        uint64_t count, nsec;
} Told;

struct OapProfile {
        OapTarget target;
        uint64_t seed;

        /* Of each stack of the profile, in the order in which they came to it: they never go. */
        Told *stacks;
        size_t n_stacks, n_allocated;

        bool is_frozen;
        Told *limits; /* what they had then */
        size_t n_limits;

        Intern lists; /* uint64_t: hashes of the distinct lists of symbols that were told */
        uint64_t count, nsec, n_cut;
};

/* What one flush takes from a stack. */
typedef struct Taken {
        size_t number;
        Told told;
} Taken;

typedef struct Flush {
        OapStacks tree;
        Taken *taken;
        size_t n_taken, n_allocated;
        uint64_t count, nsec;
        OapMessages messages;
} Flush;

static bool equal_hashes(const void *a, const void *b) {
        return *(const uint64_t *) a == *(const uint64_t *) b;
}

static void flush_done(Flush *f) {
        oap_stacks_done(&f->tree);
        free(f->taken);
        oap_messages_done(&f->messages);
}

/* What @s has of what the target is about. */
static Told stack_value(const OapProfile *p, const ProfileStack *s) {
        bool is_running = s->state == PROFILE_STATE_RUNNING;

        if (is_running != (p->target == OAP_TARGET_ON_CPU))
                return (Told){};

        return is_running ? (Told){ .count = s->n_samples } : (Told){ s->n_switches, s->offcpu_nsec };
}

/* Room for what is told of @n stacks; nothing was told of those that are new. */
static int reserve_stacks(OapProfile *p, size_t n) {
        size_t n_allocated = MAX_OF(2 * p->n_allocated, n);
        Told *stacks;

        if (n > p->n_allocated) {
                stacks = reallocarray(p->stacks, n_allocated, sizeof(*stacks));
                if (!stacks)
                        return -ENOMEM;

                p->stacks = stacks;
                p->n_allocated = n_allocated;
        }

        for (; p->n_stacks < n; p->n_stacks++)
                p->stacks[p->n_stacks] = (Told){};

        return 0;
}

/* What each stack of @profile has. */
static void get_values(const OapProfile *p, const Profile *profile, Told *ret) {
        ProfileStack *s, *next;

        HASH_ITER(hh, profile_stacks(profile), s, next) {
                *ret++ = stack_value(p, s);
        }
}

static void thaw(OapProfile *p) {
        free(p->limits);
        p->limits = NULL;
        p->n_limits = 0;
        p->is_frozen = false;
}

int oap_profile_rebase(OapProfile *p, const Profile *profile) {
        int r;

        assert(p);

        r = reserve_stacks(p, profile ? profile_n_stacks(profile) : 0);
        if (r < 0)
                return r;

        thaw(p);
        p->n_stacks = profile ? profile_n_stacks(profile) : 0;
        if (profile)
                get_values(p, profile, p->stacks);

        return 0;
}

int oap_profile_freeze(OapProfile *p, const Profile *profile) {
        size_t n;
        Told *limits;

        assert(p);
        assert(profile);
        assert(!p->is_frozen);

        n = profile_n_stacks(profile);
        limits = calloc(MAX_OF(n, (size_t) 1), sizeof(*limits));
        if (!limits)
                return -ENOMEM;

        get_values(p, profile, limits);
        p->limits = limits;
        p->n_limits = n;
        p->is_frozen = true;
        return 0;
}

int oap_profile_new(OapTarget target, const Profile *profile, OapProfile **ret_profile) {
        _cleanup_(oap_profile_freep) OapProfile *p = NULL;
        int r;

        assert(target == OAP_TARGET_ON_CPU || target == OAP_TARGET_OFF_CPU);
        assert(ret_profile);

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;

        p->target = target;
        p->lists = (Intern){ .item_size = sizeof(uint64_t), .equal = equal_hashes };
        if (getrandom(&p->seed, sizeof(p->seed), GRND_NONBLOCK) != (ssize_t) sizeof(p->seed))
                p->seed = (uintptr_t) p;

        r = oap_profile_rebase(p, profile);
        if (r < 0)
                return r;

        *ret_profile = TAKE_PTR(p);
        return 0;
}

OapProfile *oap_profile_free(OapProfile *p) {
        if (!p)
                return NULL;

        free(p->stacks);
        free(p->limits);
        intern_done(&p->lists);
        free(p);
        return NULL;
}

/* What came since the last flush, as far as it fits a message's numbers: the rest is for the next one. */
static Told new_value(const OapProfile *p, const Flush *f, const ProfileStack *s, size_t number) {
        Told now = stack_value(p, s), before = p->stacks[number], value = {};

        if (p->is_frozen)
                now = number < p->n_limits ? p->limits[number] : (Told){};
        if (now.count > before.count)
                value.count = MIN_OF(now.count - before.count, (uint64_t) INT32_MAX - f->count);
        if (now.nsec > before.nsec)
                value.nsec = MIN_OF(now.nsec - before.nsec, (uint64_t) INT64_MAX - f->nsec);

        return value;
}

static int take(Flush *f, size_t number, Told value) {
        if (f->n_taken == f->n_allocated) {
                size_t n = MAX_OF(2 * f->n_allocated, (size_t) 256);
                Taken *taken = reallocarray(f->taken, n, sizeof(*taken));

                if (!taken)
                        return -ENOMEM;

                f->taken = taken;
                f->n_allocated = n;
        }

        f->taken[f->n_taken++] = (Taken){ number, value };
        f->count += value.count;
        f->nsec += value.nsec;
        return 0;
}

static int collect(OapProfile *p, Flush *f, const Profile *profile) {
        ProfileStack *s, *next;
        size_t number = 0;
        int r;

        r = reserve_stacks(p, profile_n_stacks(profile));
        if (r < 0)
                return r;

        HASH_ITER(hh, profile_stacks(profile), s, next) {
                Told value = new_value(p, f, s, number++);

                if (value.count == 0 && value.nsec == 0)
                        continue;

                r = oap_stacks_add(&f->tree, s, value.count, value.nsec);
                if (r > 0)
                        r = take(f, number - 1, value);
                if (r < 0)
                        return r;
        }

        return 0;
}

static size_t new_lists_max(const OapProfile *p, const Flush *f, bool last) {
        /* one is for those that share nothing */
        size_t n_told = p->lists.n_items + !oap_stacks_node(&f->tree, 0)->is_told, n_freely, n_late;

        assert(n_told <= OAP_PROFILE_STACKS_MAX);

        if (last)
                return OAP_PROFILE_STACKS_MAX - n_told;

        n_freely = n_told < STACKS_FREELY ? STACKS_FREELY - n_told : 0;
        n_late = OAP_PROFILE_STACKS_MAX - n_told - n_freely;
        return n_freely + (n_late + STACKS_LATE_DIVISOR - 1) / STACKS_LATE_DIVISOR;
}

static int encode(const OapProfile *p, Flush *f, uint32_t number) {
        _cleanup_(oap_bytes_done) OapBytes bytes = {};
        const OapStackNode *node = oap_stacks_node(&f->tree, number);
        const char *symbols[PROFILE_FRAMES_MAX];
        unsigned n, n_kernel;
        OapStack stack;
        int r;

        n = oap_stacks_symbols(&f->tree, number, symbols, &n_kernel);
        stack = (OapStack){
                .kernel = symbols,
                .user = symbols + n_kernel,
                .n_kernel = n_kernel,
                .n_user = n - n_kernel,
                .kernel_id = (int32_t) f->messages.n + 1,
                .user_id = (int32_t) f->messages.n + 1,
                .count = (int32_t) node->count,
                .duration_nsec = (int64_t) node->nsec,
        };

        r = oap_encode_stack(p->target, NULL, &stack, &bytes);
        return r < 0 ? r : oap_messages_push(&f->messages, &bytes);
}

static int encode_all(OapProfile *p, Flush *f) {
        for (uint32_t i = 0; i < f->tree.nodes.n_items; i++) {
                const OapStackNode *node = oap_stacks_node(&f->tree, i);
                uint32_t number;
                int r;

                if (node->count == 0 && node->nsec == 0)
                        continue;

                r = encode(p, f, i);
                if (r < 0)
                        return r;

                /* Stays if memory ends further on: it is told by the next flush. */
                r = intern_add(&p->lists, node->hash, &node->hash, &number);
                if (r < 0)
                        return r;
        }

        return 0;
}

static void commit(OapProfile *p, const Flush *f) {
        for (size_t i = 0; i < f->n_taken; i++) {
                Told *told = p->stacks + f->taken[i].number;

                told->count += f->taken[i].told.count;
                told->nsec += f->taken[i].told.nsec;
        }

        p->count += f->count;
        p->nsec += f->nsec;
        p->n_cut += f->tree.n_cut;
}

int oap_profile_flush(
                OapProfile *p, const Profile *profile, const Symbols *symbols, bool last, OapMessages *ret) {
        _cleanup_(flush_done) Flush f = {};
        int r;

        assert(p);
        assert(profile);
        assert(symbols);
        assert(ret);

        r = oap_stacks_init(&f.tree, symbols, &p->lists, p->seed, last);
        if (r >= 0)
                r = collect(p, &f, profile);
        if (r >= 0)
                r = oap_stacks_cut(&f.tree, new_lists_max(p, &f, last), FLUSH_BYTES_MAX);
        if (r >= 0)
                r = encode_all(p, &f);
        if (r < 0)
                return r;

        commit(p, &f);
        *ret = f.messages;
        f.messages = (OapMessages){};
        return 0;
}

void oap_profile_told(const OapProfile *p, uint64_t *ret_count, uint64_t *ret_nsec) {
        assert(p);

        *ret_count = p->count;
        *ret_nsec = p->nsec;
}

uint64_t oap_profile_n_cut(const OapProfile *p) {
        assert(p);

        return p->n_cut;
}
