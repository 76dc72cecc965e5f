/* SPDX-License-Identifier: Apache-2.0 */
/* What measuring HTTP takes of the kernel, and what is refused. */
#include "bpf/http-bed.h"

#include "basic/cleanup.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(http_limits, .timeout = 180);

Test(http_limits, rules_that_contradict_themselves_are_refused) {
        uint32_t next[4] = { 0, 2, 0, 2 | CPROF_HTTP_ABSORBING };
        uint64_t accepts[1] = { 1 };
        HttpRules sound = { .n_rules = 1,
                            .n_groups = 1,
                            .groups[0] = { .n_states = 2,
                                           .n_classes = 2,
                                           .n_accepts = 1,
                                           .next = next,
                                           .accepts = accepts } };
        HttpRules bad;
        HttpBed b = {};
        uint32_t id;

        if (!http_bed_open(&b))
                return;

        cr_assert_eq(probe_http_rules_add(b.probe, &sound, &id), 0);
        probe_http_rules_remove(b.probe, id);

        bad = sound;
        bad.n_rules = 0;
        cr_expect_eq(probe_http_rules_add(b.probe, &bad, &id), -EINVAL, "no rules");
        bad.n_rules = CPROF_HTTP_RULES_MAX + 1;
        cr_expect_eq(probe_http_rules_add(b.probe, &bad, &id), -EINVAL, "too many");
        bad = sound;
        bad.all = 2;
        cr_expect_eq(probe_http_rules_add(b.probe, &bad, &id), -EINVAL, "a rule that is not there");
        bad = sound;
        bad.groups[0].start = 4;
        cr_expect_eq(probe_http_rules_add(b.probe, &bad, &id), -EINVAL, "begins outside");
        bad = sound;
        bad.groups[0].classes['a'] = 2;
        cr_expect_eq(probe_http_rules_add(b.probe, &bad, &id), -EINVAL, "a class that is not there");
        next[1] = 4;
        cr_expect_eq(probe_http_rules_add(b.probe, &sound, &id), -EINVAL, "leads outside");
        next[1] = 1;
        cr_expect_eq(probe_http_rules_add(b.probe, &sound, &id), -EINVAL, "leads to no state");
        next[1] = 2;
        next[2] = 1;
        cr_expect_eq(probe_http_rules_add(b.probe, &sound, &id), -EINVAL, "no such set of rules");
        http_bed_close(&b);
}

Test(http_limits, more_rules_than_there_is_room_for_are_refused_and_harm_nobody) {
        _cleanup_(probe_freep) Probe *p = NULL;
        HttpServer s = {};
        HttpBed b = {};

        cr_assert_eq(probe_new(&(ProbeConfig){ .http_rules_max = 2 * BED_RULES + 1 }, &p), 0);
        if (!http_bed_open_with(&b, p))
                return;

        http_server_start(&s);
        cr_assert_eq(http_bed_watch(&b, s.pid, PROBE_HTTP_HOOK_AUTO, NULL), 0);
        cr_assert_eq(http_bed_watch(&b, getpid(), PROBE_HTTP_HOOK_AUTO, NULL), 0);
        cr_expect_eq(http_bed_watch(&b, getppid(), PROBE_HTTP_HOOK_AUTO, NULL), -ENOSPC);

        http_bed_reset(&b);
        b.pid = s.pid;
        cr_assert_eq(http_client_get_once(&s, "/a"), 200u);
        http_bed_read(&b);
        cr_expect_eq(b.sums[1].n_total, 1u);
        probe_http_unwatch(p, getpid());
        probe_http_unwatch(p, s.pid);
        http_server_stop(&s);
}

/* Maps, programs and links that this process holds. */
static unsigned n_bpf_things(void) {
        _cleanup_(closedirp) DIR *d = opendir("/proc/self/fd");
        struct dirent *entry;
        unsigned n = 0;

        while ((entry = readdir(d))) {
                char target[64] = {};

                if (readlinkat(dirfd(d), entry->d_name, target, sizeof(target) - 1) > 0 &&
                    strstr(target, "bpf"))
                        n++;
        }

        return n;
}

Test(http_limits, nothing_is_in_the_kernel_unless_it_is_armed) {
        _cleanup_(probe_freep) Probe *p = NULL;
        HttpServer s = {};
        unsigned before;
        HttpBed b = {};

        cr_assert_eq(probe_new(&(ProbeConfig){}, &p), 0);
        before = n_bpf_things();

        http_server_start(&s);
        if (!http_bed_open_with(&b, p))
                return;

        cr_assert_eq(http_bed_watch(&b, s.pid, PROBE_HTTP_HOOK_AUTO, NULL), 0);
        cr_expect_gt(n_bpf_things(), before + 5);

        probe_disarm(p, PROBE_USE_HTTP);
        cr_expect_gt(n_bpf_things(), before + 5, "somebody is watched still");
        probe_http_unwatch(p, s.pid);
        probe_disarm(p, PROBE_USE_HTTP);
        probe_http_rules_remove(p, b.rules);
        cr_expect_eq(n_bpf_things(), before);
        http_server_stop(&s);
}
