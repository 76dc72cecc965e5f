/* SPDX-License-Identifier: Apache-2.0 */
/* Who is watched by what. */
#include "policy/watch-set-internal.h"

#include <string.h>

int watch_set_new(Monitor *monitor, WatchSet **ret_set) {
        _cleanup_(watch_set_freep) WatchSet *s = NULL;
        int r;

        assert(monitor);
        assert(ret_set);

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;

        s->monitor = monitor;
        watch_set_set_source(s, NULL, NULL);

        r = user_names_new(&s->user_names);
        if (r < 0)
                return r;

        *ret_set = TAKE_PTR(s);
        return 0;
}

WatchSet *watch_set_free(WatchSet *s) {
        if (!s)
                return NULL;

        watch_array_done(&s->array);
        policy_uses_done(&s->policies);
        user_names_free(s->user_names);
        free(s);
        return NULL;
}

void watch_set_set_http_changed(WatchSet *s, WatchHttpFn fn, void *userdata) {
        assert(s);

        s->http_changed = fn;
        s->http_userdata = userdata;
}

static bool has_http(Subject subject) {
        const Watch *w = subject_watch(subject);

        return w && watch_has_http(w);
}

/* After something changed: @had is what has_http() said before. */
static void tell_http(WatchSet *s, Subject subject, bool had) {
        if (s->http_changed && (had || has_http(subject)))
                s->http_changed(subject, s->http_userdata);
}

static void remove_watch(WatchSet *s, Watch *w) {
        for (size_t i = 0; i < w->n_policies; i++)
                policy_uses_find(&s->policies, w->policies[i]->name)->n_subjects--;

        s->n_rules -= w->n_rules;
        watch_array_remove(&s->array, w);
}

static bool matches(const WatchSet *s, const Policy *p, Subject subject) {
        if (subject.process)
                return policy_matches_process_named(p, subject.process, s->user_names);

        return policy_matches_unit(p, subject.unit);
}

/* Has the subject watched by that policy, in place of one of the same name. */
static int attach(WatchSet *s, PolicyUse *use, Subject subject) {
        bool had, had_http = has_http(subject);
        Watch *w = subject_watch(subject);
        size_t n_rules_before;
        int r;

        if (!w) {
                r = watch_array_add(&s->array, subject, &w);
                if (r < 0) {
                        s->n_dropped += r == -EUSERS;
                        return r;
                }
        }

        n_rules_before = w->n_rules;
        had = watch_find_policy(w, use->policy->name);

        r = watch_put_policy(w, use->policy);

        s->n_rules = s->n_rules - n_rules_before + w->n_rules;
        use->n_subjects = use->n_subjects - had + (r >= 0);
        if (w->n_policies == 0)
                remove_watch(s, w);

        tell_http(s, subject, had_http);
        return r;
}

static void detach(WatchSet *s, PolicyUse *use, Watch *w) {
        size_t n_rules_before = w->n_rules;
        Subject subject = w->subject;
        bool had_http = has_http(subject);

        watch_drop_policy(w, use->policy->name);
        use->n_subjects--;
        s->n_rules = s->n_rules - n_rules_before + w->n_rules;
        if (w->n_policies == 0)
                remove_watch(s, w);

        tell_http(s, subject, had_http);
}

static void remove_subject(WatchSet *s, Subject subject) {
        bool had_http = has_http(subject);
        Watch *w = subject_watch(subject);

        if (w)
                remove_watch(s, w);
        tell_http(s, subject, had_http);
}

static int add_subject(WatchSet *s, Subject subject) {
        int r;

        if (subject_watch(subject))
                return 0;

        for (size_t i = 0; i < s->policies.n_uses; i++) {
                if (!matches(s, s->policies.uses[i].policy, subject))
                        continue;

                r = attach(s, s->policies.uses + i, subject);
                if (r < 0) {
                        remove_subject(s, subject);
                        return r;
                }
        }

        return 0;
}

int watch_set_add_process(WatchSet *s, Process *p) {
        assert(s);
        assert(p);

        return add_subject(s, (Subject){ .process = p });
}

void watch_set_remove_process(WatchSet *s, Process *p) {
        assert(s);
        assert(p);

        remove_subject(s, (Subject){ .process = p });
}

int watch_set_add_unit(WatchSet *s, Unit *u) {
        assert(s);
        assert(u);

        return add_subject(s, (Subject){ .unit = u });
}

void watch_set_remove_unit(WatchSet *s, Unit *u) {
        assert(s);
        assert(u);

        remove_subject(s, (Subject){ .unit = u });
}

/* Those the policy of that name watches: to the new one if it matches too. */
static int move_subjects(WatchSet *s, PolicyUse *use) {
        int r;

        /* Backwards, because what is removed is replaced by the last. */
        for (size_t i = s->array.n_watches; i > 0; i--) {
                Watch *w = s->array.watches + i - 1;

                if (!watch_find_policy(w, use->policy->name))
                        continue;
                if (!matches(s, use->policy, w->subject)) {
                        detach(s, use, w);
                        continue;
                }

                r = attach(s, use, w->subject);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int attach_if_new(WatchSet *s, PolicyUse *use, Subject subject) {
        Watch *w = subject_watch(subject);
        int r;

        if ((w && watch_find_policy(w, use->policy->name)) || !matches(s, use->policy, subject))
                return 0;

        r = attach(s, use, subject);
        return r == -EUSERS ? 0 : r; /* counted */
}

static int attach_all(WatchSet *s, PolicyUse *use) {
        Process *p, *next_process;
        Unit *u, *next_unit;
        int r;

        if (!s->monitor->targets)
                return 0;

        HASH_ITER(hh, target_set_processes(s->monitor->targets), p, next_process) {
                r = attach_if_new(s, use, (Subject){ .process = p });
                if (r < 0)
                        return r;
        }

        HASH_ITER(hh, target_set_units(s->monitor->targets), u, next_unit) {
                r = attach_if_new(s, use, (Subject){ .unit = u });
                if (r < 0)
                        return r;
        }

        return 0;
}

int watch_set_add_policy(WatchSet *s, Policy *p) {
        PolicyUse *use;
        int r;

        assert(s);
        assert(p);

        if (p->users[0])
                user_names_forget(s->user_names); /* a reload sees renamed users */

        r = policy_uses_put(&s->policies, p, &use);
        if (r >= 0)
                r = move_subjects(s, use);
        if (r >= 0)
                r = attach_all(s, use);
        if (r < 0)
                watch_set_remove_policy(s, p);

        return r;
}

int watch_set_replace_policy(WatchSet *s, const Policy *old, Policy *new) {
        assert(s);
        assert(old);
        assert(new);

        if (strcmp(old->name, new->name) != 0)
                watch_set_remove_policy(s, old);

        return watch_set_add_policy(s, new);
}

void watch_set_remove_policy(WatchSet *s, const Policy *p) {
        PolicyUse *use;

        assert(s);
        assert(p);

        use = policy_uses_find(&s->policies, p->name);
        if (!use)
                return;

        /* Backwards, because what is removed is replaced by the last. */
        for (size_t i = s->array.n_watches; i > 0; i--) {
                Watch *w = s->array.watches + i - 1;

                if (watch_find_policy(w, p->name))
                        detach(s, use, w);
        }

        policy_uses_drop(&s->policies, use);
}

size_t watch_set_n_watches(const WatchSet *s) {
        assert(s);

        return s->array.n_watches;
}

size_t watch_set_n_rules(const WatchSet *s) {
        assert(s);

        return s->n_rules;
}

uint64_t watch_set_n_dropped(const WatchSet *s) {
        assert(s);

        return s->n_dropped;
}

bool watch_set_wants_kind(const WatchSet *s, ProfileKind kind) {
        assert(s);

        for (size_t i = 0; i < s->policies.n_uses; i++)
                if (s->policies.uses[i].policy->kinds & (1U << kind))
                        return true;

        return false;
}

size_t policy_n_subjects(const WatchSet *s, const Policy *p) {
        PolicyUse *use;

        assert(s);
        assert(p);

        use = policy_uses_find(&s->policies, p->name);
        return use ? use->n_subjects : 0;
}
