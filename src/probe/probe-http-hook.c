/* SPDX-License-Identifier: Apache-2.0 */
/* What all hooks have in common: loading with the shared maps, marks of processes, attaching. */
#include "probe/probe-http.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* Programs read them while we write. */
#define set_volatile(variable, value) (*(volatile typeof(variable) *) &(variable) = (value))

void http_add_run_time(const struct bpf_object *object, uint64_t *ns, uint64_t *count) {
        struct bpf_program *program;

        bpf_object__for_each_program(program, object) {
                struct bpf_prog_info info = {};
                uint32_t size = sizeof(info);

                if (bpf_program__fd(program) < 0 ||
                    bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) < 0)
                        continue;

                *ns += info.run_time_ns;
                *count += info.run_cnt;
        }
}

int http_hook_load(HttpHook *hook, const ProbeHttp *h) {
        int r;

        if (hook->marks)
                return 0;

        r = hook->type->open(hook, h);
        if (r >= 0)
                r = http_maps_share(&h->maps, hook->object);
        if (r >= 0)
                r = bpf_object__load_skeleton(hook->skeleton);
        if (r < 0) {
                hook->type->destroy(hook);
                *hook = (HttpHook){ .type = hook->type };
                return r;
        }

        hook->marks = hook->type->marks(hook);
        set_volatile(hook->marks->epoch, h->epoch);
        return 0;
}

void http_hook_unload(HttpHook *hook, ProbeHttp *h) {
        if (!hook->skel)
                return;

        http_add_run_time(hook->object, &h->run_ns, &h->run_count);
        hook->type->destroy(hook);
        *hook = (HttpHook){ .type = hook->type };
}

/* Several processes may have the same one; @gone does not count any more. */
static void set_mark(HttpHook *hook, const ProbeHttp *h, pid_t pid, const HttpProcess *gone) {
        unsigned mark = (unsigned) pid % CPROF_HTTP_MARKS;
        __u64 bit = UINT64_C(1) << (mark % 64), *word = hook->marks->bits + mark / 64;
        HttpProcess *p, *next;
        bool is_used = false;

        HASH_ITER(hh, h->processes, p, next) {
                if (p != gone && h->hooks + p->hook == hook && (unsigned) p->pid % CPROF_HTTP_MARKS == mark)
                        is_used = true;
        }

        set_volatile(*word, is_used ? *word | bit : *word & ~bit);
}

static int attach(HttpHook *hook) {
        return hook->type->attach ? hook->type->attach(hook) : bpf_object__attach_skeleton(hook->skeleton);
}

static void detach(HttpHook *hook) {
        if (hook->type->detach)
                hook->type->detach(hook);
        else
                bpf_object__detach_skeleton(hook->skeleton);
}

int http_hook_watch(HttpHook *hook, ProbeHttp *h, const HttpProcess *p, const ProbeHttpTarget *target) {
        int r;

        if (hook->type->watch) {
                r = hook->type->watch(hook, p, target);
                if (r < 0)
                        return r;
        }

        set_mark(hook, h, p->pid, NULL);
        if (hook->n_processes++ > 0)
                return 0;

        r = attach(hook);
        if (r < 0)
                http_hook_unwatch(hook, h, p);

        return r;
}

void http_hook_unwatch(HttpHook *hook, ProbeHttp *h, const HttpProcess *p) {
        if (--hook->n_processes == 0)
                detach(hook);

        set_mark(hook, h, p->pid, p);
        if (hook->type->unwatch)
                hook->type->unwatch(hook, p);
}

void http_hooks_renew(ProbeHttp *h) {
        h->epoch++;
        for (ProbeHttpHook i = 0; i < _PROBE_HTTP_HOOK_MAX; i++)
                if (h->hooks[i].marks)
                        set_volatile(h->hooks[i].marks->epoch, h->epoch);
}

void http_hooks_age(ProbeHttp *h) {
        for (ProbeHttpHook i = 0; i < _PROBE_HTTP_HOOK_MAX; i++) {
                struct cprof_http_marks *marks = h->hooks[i].marks;
                uint32_t other;

                if (!marks)
                        continue;

                other = !marks->now;
                for (unsigned k = 0; k < ELEMENTSOF(marks->children[other]); k++)
                        set_volatile(marks->children[other][k], 0);
                set_volatile(marks->now, other);
        }
}
