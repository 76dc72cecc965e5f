/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/file-io.h"
#include "basic/strbuf.h"
#include "basic/strv.h"
#include "basic/words.h"
#include "fake/fake-host.h"
#include "fake/fake-probe.h"
#include "target/identity.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* A machine called "host-a" of files, and the identity set on it, wired as in the daemon. What it tells is
 * one word each: "+service/instance/process=pid", "-service/instance/process",
 * "~service/instance/process=pid".
 */
typedef struct Bed {
        FakeHost host;
        FakeProbe fake;
        Probe *probe;
        TargetSet *targets;
        ServiceRules rules; /* until bed_start() */
        IdentitySet *set;
        StrBuf told;
        unsigned second;
        int error; /* the last that adding came to */
} Bed;

static inline void bed_tell(Bed *b, char what, const Identity *i, bool with_pid) {
        strbuf_addf(&b->told,
                    "%s%c%s/%s/%s",
                    b->told.length > 0 ? " " : "",
                    what,
                    i->service,
                    i->instance,
                    i->process);
        if (with_pid)
                strbuf_addf(&b->told, "=%i", (int) i->pid);
}

static inline void bed_on_added(Identity *i, void *userdata) {
        cr_expect_eq(i->target_process != NULL, i->target_unit == NULL);
        cr_expect_eq(i->target_process ? i->target_process->identity : i->target_unit->identity, i);
        bed_tell(userdata, '+', i, true);
}

static inline void bed_on_removed(Identity *i, void *userdata) {
        bed_tell(userdata, '-', i, false);
}

static inline void bed_on_changed(Identity *i, void *userdata) {
        bed_tell(userdata, '~', i, true);
}

static inline void bed_on_process(Process *p, void *userdata) {
        Bed *b = userdata;

        if (b->set)
                b->error = identity_set_add_process(b->set, p);
}

static inline void bed_on_process_removed(Process *p, void *userdata) {
        Bed *b = userdata;

        if (b->set)
                identity_set_remove_process(b->set, p);
}

static inline void bed_on_unit_removed(Unit *u, void *userdata) {
        Bed *b = userdata;

        if (b->set)
                identity_set_remove_unit(b->set, u);
}

static inline void bed_write(Bed *b, const char *path, const char *text) {
        _cleanup_(closep) int fd = -EBADF;
        char full[PATH_MAX], *slash;

        cr_assert_lt(snprintf(full, sizeof(full), "%s/%s", b->host.root, path), PATH_MAX);
        slash = strrchr(full, '/');
        *slash = '\0';
        cr_assert_geq(mkdir_parents_at(AT_FDCWD, full, 0755), 0);
        *slash = '/';
        fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        cr_assert_geq(fd, 0);
        cr_assert_geq(write_full_fd(fd, text, strlen(text)), 0);
}

static inline void bed_init(Bed *b) {
        const TargetEvents events = {
                .process_added = bed_on_process,
                .process_changed = bed_on_process,
                .process_removed = bed_on_process_removed,
                .unit_removed = bed_on_unit_removed,
                .userdata = b,
        };

        *b = (Bed){ .fake.fail[PROBE_FEATURE_TASK_ITERATOR] = -EOPNOTSUPP };
        fake_host_init(&b->host);
        bed_write(b, "proc/sys/kernel/hostname", "host-a\n");
        bed_write(b, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
        cr_assert_eq(fake_probe_new(&b->fake, &b->probe), 0);
        cr_assert_eq(target_set_new(b->host.host, b->probe, &events, &b->targets), 0);
}

static inline void bed_done(Bed *b) {
        identity_set_free(b->set);
        service_rules_done(&b->rules);
        target_set_free(b->targets);
        probe_free(b->probe);
        fake_host_done(&b->host);
        strbuf_done(&b->told);
}

static inline char ***bed_list(ServiceRule *r, const char *key) {
        return strcmp(key, "Unit") == 0                ? &r->units
                        : strcmp(key, "Slice") == 0    ? &r->slices
                        : strcmp(key, "Exe") == 0      ? &r->exes
                        : strcmp(key, "User") == 0     ? &r->users
                        : strcmp(key, "Property") == 0 ? &r->properties
                                                       : NULL;
}

static inline char **bed_text(ServiceRule *r, const char *key) {
        return strcmp(key, "Layer") == 0               ? &r->layer
                        : strcmp(key, "Service") == 0  ? &r->service
                        : strcmp(key, "Instance") == 0 ? &r->instance
                        : strcmp(key, "Process") == 0  ? &r->process
                                                       : NULL;
}

/* A rule of words "Key=value". */
static inline void bed_rule(Bed *b, const char *text) {
        _cleanup_(freep) char **words = NULL;
        ServiceRule r;

        cr_assert_geq(words_split(text, 64, &words), 0);
        cr_assert_eq(service_rule_init(&r, "test"), 0);
        for (char **w = words; *w; w++) {
                char *value = strchr(*w, '=');

                cr_assert_not_null(value);
                *value++ = '\0';
                if (strcmp(*w, "Register") == 0)
                        r.is_registered = strcmp(value, "yes") == 0;
                else if (strcmp(*w, "Scope") == 0)
                        r.is_unit_scope = strcmp(value, "unit") == 0;
                else if (bed_list(&r, *w))
                        cr_assert_eq(strv_pushf(bed_list(&r, *w), "%s", value), 0);
                else {
                        char **field = bed_text(&r, *w);

                        cr_assert_not_null(field, "%s", *w);
                        free(*field);
                        *field = strdup(value);
                }
        }

        b->rules.is_given = true;
        cr_assert_eq(service_rules_push(&b->rules, &r), 0);
}

static inline void bed_start(Bed *b) {
        const IdentityEvents events = {
                .added = bed_on_added, .removed = bed_on_removed, .changed = bed_on_changed, .userdata = b
        };

        cr_assert_eq(identity_set_new(b->host.host, &b->rules, &events, &b->set), 0);
        cr_assert_eq(b->rules.n_rules, 0, "the rules are taken over");
}

static inline void bed_put(Bed *b, pid_t pid, const char *comm, const char *cgroup) {
        char exe[64];

        (void) snprintf(exe, sizeof(exe), "/usr/bin/%s", comm);
        fake_host_set_process(&b->host, pid, (uint64_t) pid * 10, comm, exe, cgroup);
}

/* One pass; @expected is what it tells. */
static inline void bed_expect(Bed *b, const char *expected, int line) {
        strbuf_done(&b->told);
        cr_assert_eq(target_set_refresh(b->targets, ++b->second * USEC_PER_SEC), 0);
        cr_expect_str_eq(b->told.text ?: "", expected, "line %i: told '%s'", line, b->told.text ?: "");
}
#define EXPECT(b, expected) bed_expect(b, expected, __LINE__)
