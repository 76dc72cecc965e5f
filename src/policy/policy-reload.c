/* SPDX-License-Identifier: Apache-2.0 */
/* Reload of the store in two steps: make a plan, which may fail and changes nothing, then apply it, which
 * cannot. */
#include "policy/policy-load.h"
#include "policy/policy-message.h"
#include "policy/policy-store-internal.h"

#include <string.h>

/* What is to become of one name. */
typedef struct Plan {
        const char *name;   /* borrowed from the scan */
        PolicyEntry *old;   /* borrowed from the store; NULL for a new name */
        PolicyEntry *fresh; /* takes its place; NULL: the old one stays as it is */
        char *kept_because; /* the old one cannot be looked at: why */
        bool gone;
} Plan;

typedef struct Change {
        PolicyEntry *entry; /* owned if @removed, else in the store */
        bool removed;
        Policy *old, *new;
} Change;

typedef struct Reload {
        PolicyScan scan;
        PolicyProblems problems;
        Plan *plans; /* sorted by name */
        size_t n_plans;
        Change *changes; /* room for each old and each new name */
        size_t n_changes;
} Reload;

static void reload_done(Reload *rl) {
        for (size_t i = 0; i < rl->n_plans; i++) {
                policy_entry_free(rl->plans[i].fresh);
                free(rl->plans[i].kept_because);
        }
        free(rl->plans);

        for (size_t i = 0; i < rl->n_changes; i++) {
                if (rl->changes[i].removed)
                        policy_entry_free(rl->changes[i].entry);
                policy_unref(rl->changes[i].old);
                policy_unref(rl->changes[i].new);
        }
        free(rl->changes);

        policy_problems_done(&rl->problems);
        policy_scan_done(&rl->scan);
}

/* The message of an unreadable directory that @e depends on, NULL if all can be read. */
static const char *unreadable_source(const PolicyScan *scan, const PolicyEntry *e) {
        const char *why = scan->unreadable[e->source];

        for (size_t i = 0; !why && e->pieces && i < e->pieces->n; i++)
                why = scan->unreadable[e->pieces->items[i].source];

        return why;
}

/* Names of unreadable directories are not in the scan: without this they would look removed. */
static int keep_unreadable(PolicyStore *s, PolicyScan *scan) {
        for (PolicyEntry *e = s->entries; e; e = e->hh.next) {
                int r;

                if (!scan->unreadable[e->source])
                        continue;

                r = policy_scan_add(scan, e->name, e->source);
                if (r < 0)
                        return r;
        }

        policy_scan_sort(scan);
        return 0;
}

static int
entry_new(const char *name,
          const char *directory,
          PolicySource source,
          PolicyState state,
          PolicyEntry **ret) {
        _cleanup_(policy_entry_freep) PolicyEntry *e = NULL;

        e = calloc(1, sizeof(*e));
        if (!e)
                return -ENOMEM;

        e->source = source;
        e->state = state;
        e->name = strdup(name);
        if (!e->name || asprintf(&e->path, "%s/%s.policy", directory, name) < 0) {
                e->path = NULL;
                return -ENOMEM;
        }

        *ret = TAKE_PTR(e);
        return 0;
}

/* Reads the files and sets policy, state and message. An equal policy stays the same object. */
static int entry_read(PolicyEntry *e, const PolicyScan *scan, const PolicyEntry *old) {
        int r;

        if (!e->message) {
                r = policy_pieces_read(scan, e->name, e->pieces, &e->policy, &e->message);
                if (r < 0 && !e->message)
                        return r;
        }

        if (e->message) {
                e->policy = policy_ref(old ? old->policy : NULL);
                e->state = e->policy ? POLICY_STATE_STALE : POLICY_STATE_ERROR;
        } else if (old && policy_equal(old->policy, e->policy)) {
                policy_unref(e->policy);
                e->policy = policy_ref(old->policy);
        }

        return 0;
}

/* A fresh entry for what @pieces (consumed) are, or for the @message (ditto) why they cannot be listed. */
static int
plan_fresh(Plan *plan, const PolicyScan *scan, PolicySource source, PolicyPieces **pieces, char **message) {
        _cleanup_(policy_entry_freep) PolicyEntry *e = NULL;
        int r;

        r = entry_new(plan->name, scan->directories[source], source, POLICY_STATE_LOADED, &e);
        if (r < 0)
                return r;

        e->message = TAKE_PTR(*message);
        e->pieces = TAKE_PTR(*pieces);
        if (e->pieces && e->pieces->masked)
                e->state = POLICY_STATE_MASKED;
        else {
                r = entry_read(e, scan, plan->old);
                if (r < 0)
                        return r;
        }

        plan->fresh = TAKE_PTR(e);
        return 0;
}

static int plan_name(Plan *plan, const PolicyScan *scan, PolicySource source) {
        _cleanup_(policy_pieces_freep) PolicyPieces *pieces = NULL;
        const PolicyEntry *same = plan->old && plan->old->source == source ? plan->old : NULL;
        const char *why = same ? unreadable_source(scan, same) : NULL;
        _cleanup_(freep) char *message = NULL;
        int r;

        if (why) {
                plan->kept_because = strdup(why);
                return plan->kept_because ? 0 : -ENOMEM;
        }

        r = policy_pieces_list(scan, plan->name, source, &pieces, &message);
        if (r == -ENOENT) {
                plan->gone = true;
                return 0;
        }
        if (r < 0 && !message)
                return r;

        if (same && policy_pieces_equal(same->pieces, pieces))
                return 0;

        return plan_fresh(plan, scan, source, &pieces, &message);
}

static int plan_all(Reload *rl, PolicyStore *s) {
        const PolicyNames *files = &rl->scan.files;
        size_t n_over = 0;
        int r;

        if (files->n == 0)
                return 0;

        rl->plans = calloc(MIN_OF(files->n, (size_t) POLICIES_MAX), sizeof(rl->plans[0]));
        if (!rl->plans)
                return -ENOMEM;

        for (size_t i = 0; i < files->n; i++) {
                const PolicyName *candidate = &files->items[i];
                Plan *plan;

                if (rl->n_plans > 0 && strcmp(rl->plans[rl->n_plans - 1].name, candidate->name) == 0) {
                        plan = &rl->plans[rl->n_plans - 1];
                        if (!plan->gone)
                                continue; /* a directory of higher precedence has it */
                } else if (rl->n_plans >= POLICIES_MAX) {
                        n_over += i == 0 || strcmp(files->items[i - 1].name, candidate->name) != 0;
                        continue;
                } else
                        plan = &rl->plans[rl->n_plans++];

                *plan = (Plan){ .name = candidate->name, .old = policy_store_find(s, candidate->name) };
                r = plan_name(plan, &rl->scan, candidate->source);
                if (r < 0)
                        return r;
        }

        if (n_over == 0)
                return 0;

        return policy_problems_add(
                        &rl->problems,
                        "More than %u policies, ignoring the last %zu by name, after '%s'",
                        POLICIES_MAX,
                        n_over,
                        rl->plans[rl->n_plans - 1].name);
}

/* The message of the entry as the plan leaves it; NULL also for those a message about their directory stands
 * for. */
static const char *plan_message(const Plan *plan) {
        if (plan->gone || plan->kept_because)
                return NULL;
        if (plan->fresh)
                return plan->fresh->message;

        return plan->old->message;
}

static int prepare(Reload *rl, PolicyStore *s) {
        int r;

        r = policy_scan(&rl->scan, (const char *const *) s->directories, &rl->problems);
        if (r < 0)
                return r;

        r = keep_unreadable(s, &rl->scan);
        if (r < 0)
                return r;

        r = plan_all(rl, s);
        if (r < 0)
                return r;

        for (size_t i = 0; i < rl->n_plans; i++) {
                const char *message = plan_message(&rl->plans[i]);

                r = message ? policy_problems_add(&rl->problems, "%s", message) : 0;
                if (r < 0)
                        return r;
        }

        rl->changes = calloc(HASH_COUNT(s->entries) + rl->n_plans + 1, sizeof(rl->changes[0]));
        return rl->changes ? policy_problems_finish(&rl->problems) : -ENOMEM;
}

/* Takes the entry if it is @removed, and the reference of @old. */
static void add_change(Reload *rl, PolicyEntry *entry, bool removed, Policy *old, Policy *new) {
        rl->changes[rl->n_changes++] = (Change){
                .entry = entry,
                .removed = removed,
                .old = old,
                .new = policy_ref(new),
        };
}

static int compare_plan(const void *key, const void *element) {
        return strcmp(key, ((const Plan *) element)->name);
}

static void apply_removals(Reload *rl, PolicyStore *s) {
        PolicyEntry *e, *next;

        HASH_ITER(hh, s->entries, e, next) {
                Plan *plan = NULL;

                if (rl->n_plans > 0)
                        plan = bsearch(e->name, rl->plans, rl->n_plans, sizeof(rl->plans[0]), compare_plan);
                if (plan && !plan->gone)
                        continue;

                HASH_DEL(s->entries, e);
                add_change(rl, e, true, TAKE_PTR(e->policy), NULL);
        }
}

/* The entry itself stays, others may point to it. */
static void replace_entry(Reload *rl, PolicyEntry *e, PolicyEntry *fresh) {
        Policy *old = TAKE_PTR(e->policy);

        e->source = fresh->source;
        e->state = fresh->state;
        free(e->path);
        e->path = TAKE_PTR(fresh->path);
        free(e->message);
        e->message = TAKE_PTR(fresh->message);
        policy_pieces_free(e->pieces);
        e->pieces = TAKE_PTR(fresh->pieces);
        e->policy = TAKE_PTR(fresh->policy);

        add_change(rl, e, false, old, e->policy);
}

static void keep_entry(PolicyEntry *e, char *why) {
        if (e->pieces)
                e->pieces->reread = true; /* so that the state is told anew once the directory can be read */
        if (e->policy)
                e->state = POLICY_STATE_STALE;

        free(e->message);
        e->message = why;
}

static int add_entry(Reload *rl, PolicyStore *s, Plan *plan) {
        PolicyEntry *e = plan->fresh;

        HASH_ADD_KEYPTR(hh, s->entries, e->name, strlen(e->name), e);
        if (!HASH_ADDED(e))
                return -ENOMEM;

        plan->fresh = NULL;
        add_change(rl, e, false, NULL, e->policy);
        return 0;
}

static int by_name(const PolicyEntry *a, const PolicyEntry *b) {
        return strcmp(a->name, b->name);
}

static int apply(Reload *rl, PolicyStore *s) {
        PolicyProblems problems = s->problems;
        int r = 0;

        apply_removals(rl, s);

        for (size_t i = 0; i < rl->n_plans; i++) {
                Plan *plan = &rl->plans[i];

                if (plan->kept_because)
                        keep_entry(plan->old, TAKE_PTR(plan->kept_because));
                else if (plan->fresh && plan->old)
                        replace_entry(rl, plan->old, plan->fresh);
                else if (plan->fresh && add_entry(rl, s, plan) < 0)
                        r = -ENOMEM;
        }

        HASH_SORT(s->entries, by_name);
        s->problems = rl->problems;
        rl->problems = problems;
        return r;
}

static void tell_changes(const Reload *rl, const PolicyStore *s) {
        if (!s->fn)
                return;

        for (size_t i = 0; i < rl->n_changes; i++) {
                const Change *c = &rl->changes[i];

                if (c->old != c->new)
                        s->fn(c->entry->name, c->old, c->new, s->userdata);
        }
}

static unsigned count_bad(const Reload *rl, const PolicyStore *s) {
        unsigned n = 0;

        for (const PolicyEntry *e = s->entries; e; e = e->hh.next)
                n += e->state == POLICY_STATE_ERROR || e->state == POLICY_STATE_STALE;
        for (int i = 0; i < _POLICY_SOURCE_MAX; i++)
                n += rl->scan.unreadable[i] != NULL;

        return n;
}

int policy_store_reload(PolicyStore *s, unsigned *ret_n_bad) {
        _cleanup_(reload_done) Reload rl = {};
        int r;

        assert(s);

        r = prepare(&rl, s);
        if (r < 0)
                return r;

        r = apply(&rl, s);
        tell_changes(&rl, s);
        if (r < 0)
                return r;

        if (ret_n_bad)
                *ret_n_bad = count_bad(&rl, s);
        return 0;
}
