/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-subjects.h"

#include <string.h>

Unit fake_unit(const char *name, Unit *slice) {
        return (Unit){ .name = (char *) name, .slice = slice };
}

Process fake_process(pid_t pid, const char *name, Unit *unit) {
        return (Process){
                .key = { .pid = pid, .start_ticks = (uint64_t) pid * 100 },
                .comm = (char *) name,
                .name = (char *) name,
                .ordinal = 1,
                .unit = unit,
                .n_threads = 1,
        };
}

Policy *fake_policy(const char *name, const char *text) {
        const PolicyText piece = { .path = "test", .text = text, .length = strlen(text) };
        char *message = NULL;
        Policy *p;

        if (policy_parse(name, &piece, 1, &p, &message) < 0) {
                (void) fprintf(stderr, "%s\n", message ? message : "no policy");
                abort();
        }

        return p;
}

void fake_process_use_cpu(Process *p, double percent) {
        p->before = p->now;
        if (p->before.at_usec == 0)
                p->before.at_usec = USEC_PER_SEC;

        p->now.at_usec = p->before.at_usec + USEC_PER_SEC;
        p->now.cpu_ns = p->before.cpu_ns + (uint64_t) (percent / 100 * (double) NSEC_PER_SEC);
}

uint64_t fake_random(uint64_t *state) {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        return *state;
}

unsigned fake_random_below(uint64_t *state, unsigned n) {
        return (unsigned) (fake_random(state) >> 16) % n;
}
