/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring HTTP: which processes by which rules and hook, and what they did in a second. */
#include "probe/probe-http.h"

#include "host/clock.h"

#include <bpf/bpf.h>

#define CHILD_SEC 3U /* as HTTP_CHILD_NSEC of http-fork.bpf.h */

int probe_http_new(const PidNamespace *ns, const ProbeConfig *config, ProbeHttp **ret_http) {
        ProbeHttp *h;

        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;

        *h = (ProbeHttp){
                .ns = *ns,
                .rules_max = config->http_rules_max,
                .maps = HTTP_MAPS_UNMADE,
                .hooks = { [PROBE_HTTP_HOOK_SOCKET].type = &http_hook_socket,
                           [PROBE_HTTP_HOOK_CGROUP].type = &http_hook_cgroup,
                           [PROBE_HTTP_HOOK_SYSCALL].type = &http_hook_syscall },
        };
        *ret_http = h;
        return 0;
}

static void forget_process(ProbeHttp *h, HttpProcess *p) {
        http_tls_detach(h, p);
        HASH_DEL(h->processes, p);
        free(p);
}

ProbeHttp *probe_http_free(ProbeHttp *h) {
        HttpProcess *p, *next;

        if (!h)
                return NULL;

        for (ProbeHttpHook i = 0; i < _PROBE_HTTP_HOOK_MAX; i++)
                http_hook_unload(h->hooks + i, h);

        HASH_ITER(hh, h->processes, p, next)
        forget_process(h, p);

        http_tls_unload(h, true);
        http_rule_list_done(&h->rules);
        http_maps_done(&h->maps);
        free(h);
        return NULL;
}

HttpProcess *probe_http_find(const ProbeHttp *h, pid_t pid) {
        HttpProcess *p;

        HASH_FIND_INT(h->processes, &pid, p);
        return p;
}

/* Any of the objects declares all shared maps; this one is only looked at. */
static int make_maps(ProbeHttp *h) {
        HttpHook model = { .type = &http_hook_socket };
        int r;

        if (h->maps.is_made)
                return 0;

        h->failed_step = "making the maps of the HTTP programs";
        r = model.type->open(&model, h);
        if (r < 0)
                return r;

        r = http_maps_make(&h->maps, model.object, h->rules_max);
        model.type->destroy(&model);
        if (r < 0)
                http_maps_done(&h->maps);

        return r;
}

static void release_maps(ProbeHttp *h) {
        if (!h->is_armed && h->rules.n_used == 0)
                http_maps_done(&h->maps);
}

static int load(ProbeHttp *h, ProbeHttpHook hook) {
        h->failed_step = h->hooks[hook].type->step;
        return http_hook_load(h->hooks + hook, h);
}

int probe_http_arm(ProbeHttp *h) {
        int r;

        if (h->is_armed)
                return 0;

        r = make_maps(h);
        if (r < 0)
                return r;

        /* the others when a process needs them; whether the kernel takes the parser, one tells */
        r = load(h, h->kernel.has_socket_hook ? PROBE_HTTP_HOOK_SOCKET : PROBE_HTTP_HOOK_CGROUP);
        if (r < 0)
                r = load(h, PROBE_HTTP_HOOK_SYSCALL);
        if (r < 0) {
                release_maps(h);
                return r;
        }

        h->is_armed = true;
        return 0;
}

void probe_http_disarm(ProbeHttp *h) {
        if (!h->is_armed || h->processes)
                return;

        for (ProbeHttpHook i = 0; i < _PROBE_HTTP_HOOK_MAX; i++)
                http_hook_unload(h->hooks + i, h);

        http_tls_unload(h, false);
        h->is_armed = false;
        release_maps(h);
}

int probe_http_add_rules(ProbeHttp *h, const HttpRules *rules, uint32_t *ret_rules) {
        int r;

        r = make_maps(h);
        if (r < 0)
                return r;

        r = http_rule_list_add(&h->rules, &h->maps, rules, ret_rules);
        if (r < 0)
                release_maps(h);

        return r;
}

void probe_http_remove_rules(ProbeHttp *h, uint32_t rules) {
        http_rule_list_remove(&h->rules, &h->maps, rules);
        release_maps(h);
}

/* When all that it refers to is there. */
static int publish(ProbeHttp *h, const HttpProcess *p) {
        const HttpRuleSet *rules = http_rule_list_find(&h->rules, p->rules);
        struct cprof_http_process value = {
                .cell_first = p->cells.first,
                .n_rules = rules->n_rules,
                .slot = p->slot.first,
                .n_groups = rules->n_groups,
                .hook = (uint32_t) p->hook,
                .generation = ++h->generation ?: ++h->generation,
                .rules = p->rules,
                .all = rules->all,
        };
        uint32_t pid = (uint32_t) p->pid;

        for (unsigned i = 0; i < rules->n_groups; i++)
                value.groups[i] = rules->groups[i];

        if (bpf_map_update_elem(h->maps.fds[HTTP_MAP_PROCESSES], &pid, &value, BPF_ANY) < 0)
                return errno == E2BIG ? -ENOSPC : -errno;

        return 0;
}

static void withdraw(ProbeHttp *h, HttpProcess *p) {
        uint32_t pid = (uint32_t) p->pid;

        (void) bpf_map_delete_elem(h->maps.fds[HTTP_MAP_PROCESSES], &pid);
        http_hooks_renew(h);
        http_rule_list_find(&h->rules, p->rules)->n_users--;
        http_maps_give(&h->maps, &p->cells, &p->slot);
        forget_process(h, p);
}

static int begin_process(ProbeHttp *h, const ProbeHttpTarget *target, ProbeHttpHook hook) {
        HttpRuleSet *rules = http_rule_list_find(&h->rules, target->rules);
        HttpProcess *p;
        int r;

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;

        *p = (HttpProcess){ .pid = target->pid, .rules = target->rules, .hook = hook };
        r = http_maps_take(&h->maps, rules->n_rules, &p->cells, &p->slot);
        if (r < 0) {
                free(p);
                return r;
        }

        p->since_sec = clock_monotonic_usec() / USEC_PER_SEC;
        rules->n_users++;
        HASH_ADD_INT(h->processes, pid, p);
        if (!HASH_ADDED(p)) {
                rules->n_users--;
                http_maps_give(&h->maps, &p->cells, &p->slot);
                free(p);
                return -ENOMEM;
        }

        r = publish(h, p);
        if (r >= 0)
                r = http_hook_watch(h->hooks + hook, h, p, target);
        if (r < 0) {
                withdraw(h, p);
                return r;
        }

        http_hooks_renew(h);
        return 0;
}

static int watch_by(ProbeHttp *h, const ProbeHttpTarget *target, ProbeHttpHook hook) {
        int r;

        if (hook == PROBE_HTTP_HOOK_SOCKET && !h->kernel.has_socket_hook)
                return -EOPNOTSUPP;
        if (hook == PROBE_HTTP_HOOK_CGROUP && !target->cgroup)
                return -ENODEV;

        r = load(h, hook);
        return r < 0 ? r : begin_process(h, target, hook);
}

/* By the hook that is wanted, else the best that there is and that sees this process. */
static int watch_anew(ProbeHttp *h, const ProbeHttpTarget *target, ProbeHttpHook *ret_hook) {
        ProbeHttpHook hook = target->hook;
        int r;

        if (hook != PROBE_HTTP_HOOK_AUTO) {
                r = watch_by(h, target, hook);
        } else {
                do
                        r = watch_by(h, target, ++hook);
                while (r < 0 && r != -ENOSPC && r != -ENOMEM && hook + 1 < _PROBE_HTTP_HOOK_MAX);
        }
        if (r < 0)
                return r;

        *ret_hook = hook;
        return 0;
}

/* With other rules it keeps what is attached: the file need not be found again. */
static HttpTlsProcess *take_tls(ProbeHttp *h, pid_t pid) {
        HttpProcess *p = probe_http_find(h, pid);

        return p ? TAKE_PTR(p->tls) : NULL;
}

static void give_tls(ProbeHttp *h, pid_t pid, HttpTlsProcess *tls) {
        HttpProcess *p = probe_http_find(h, pid), gone = { .tls = tls };

        if (p)
                p->tls = tls;
        else
                http_tls_detach(h, &gone);
}

int probe_http_watch_process(ProbeHttp *h, const ProbeHttpTarget *target, ProbeHttpHook *ret_hook) {
        HttpTlsProcess *tls;
        int r;

        if (!h->is_armed || !http_rule_list_find(&h->rules, target->rules))
                return -ENOENT;

        tls = take_tls(h, target->pid);
        probe_http_unwatch_process(h, target->pid);
        r = watch_anew(h, target, ret_hook);
        give_tls(h, target->pid, tls);
        return r;
}

void probe_http_unwatch_process(ProbeHttp *h, pid_t pid) {
        HttpProcess *p = probe_http_find(h, pid);

        if (!p)
                return;

        http_hook_unwatch(h->hooks + p->hook, h, p);
        withdraw(h, p);
}

static void tick_hooks(ProbeHttp *h, uint64_t second) {
        if (second % CHILD_SEC == 0)
                http_hooks_age(h);

        for (ProbeHttpHook i = 0; i < _PROBE_HTTP_HOOK_MAX; i++)
                if (h->hooks[i].n_processes > 0 && h->hooks[i].type->tick)
                        h->hooks[i].type->tick(h->hooks + i);
}

int probe_http_read_second(ProbeHttp *h, uint64_t second, ProbeHttpFn fn, void *userdata) {
        _cleanup_(freep) struct cprof_http_cell *buffer = NULL;
        HttpProcess *p, *next;
        int r;

        if (!h->is_armed)
                return -ENOENT;

        http_tls_sweep(h);
        tick_hooks(h, second);
        buffer = calloc(h->maps.n_cpus, sizeof(buffer[0]));
        if (!buffer)
                return -ENOMEM;

        HASH_ITER(hh, h->processes, p, next) {
                for (uint32_t i = 0; i < p->cells.n && second >= p->since_sec; i++) {
                        struct cprof_http_cell sums;

                        r = http_maps_read(&h->maps, p->cells.first + i, second, buffer, &sums);
                        if (r < 0)
                                return r;
                        if (r > 0)
                                fn(p->pid, i, &sums, userdata);
                }
        }

        return 0;
}

int probe_http_read_counters(ProbeHttp *h, pid_t pid, uint64_t ret[static CPROF_HTTP_COUNTERS_MAX]) {
        HttpProcess *p = probe_http_find(h, pid);

        return p ? http_maps_read_counters(&h->maps, p->slot.first, ret) : -ENOENT;
}

void probe_http_run_time(const ProbeHttp *h, uint64_t *ret_ns, uint64_t *ret_count) {
        *ret_ns = h->run_ns;
        *ret_count = h->run_count;
        for (ProbeHttpHook i = 0; i < _PROBE_HTTP_HOOK_MAX; i++)
                if (h->hooks[i].skel)
                        http_add_run_time(h->hooks[i].object, ret_ns, ret_count);

        http_tls_run_time(h, ret_ns, ret_count);
}
