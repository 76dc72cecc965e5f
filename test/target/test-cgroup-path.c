/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/strbuf.h"
#include "target/target-set.h"

#include <criterion/criterion.h>

TestSuite(cgroup_path, .timeout = 5);

/* "name@length name@length …" */
static char *chain_text(const char *path, size_t max) {
        _cleanup_(strbuf_done) StrBuf b = {};
        char *names[64], *text = NULL;
        size_t lengths[64];
        int n;

        n = cgroup_path_to_units(path, max, names, lengths);
        cr_assert_geq(n, 1);
        cr_assert_leq((size_t) n, max);
        for (int i = 0; i < n; i++) {
                strbuf_addf(&b, "%s%s@%zu", i > 0 ? " " : "", names[i], lengths[i]);
                free(names[i]);
        }

        cr_assert_eq(strbuf_finish(&b, &text), 0);
        return text;
}

Test(cgroup_path, each_shape_of_path_gives_its_chain) {
        static const struct {
                const char *path, *chain;
        } table[] = {
                { "/", "-.slice@1" },
                { "/init.scope", "-.slice@1 init.scope@11" },
                { "/system.slice", "-.slice@1 system.slice@13" },
                { "/system.slice/nginx.service", "-.slice@1 system.slice@13 nginx.service@27" },
                { "/system.slice/system-getty.slice/getty@tty1.service",
                  "-.slice@1 system.slice@13 system-getty.slice@32 getty@tty1.service@51" },
                { "/user.slice/user-1000.slice/session-3.scope",
                  "-.slice@1 user.slice@11 user-1000.slice@27 session-3.scope@43" },
                { "/u.slice/u-1.slice/user@1.service/app.slice/app-ed.scope",
                  "-.slice@1 u.slice@8 u-1.slice@18 user@1.service@33 user@1.service/app-ed.scope@56" },
                { "/user.slice/user-1000.slice/user@1000.service/app.slice",
                  "-.slice@1 user.slice@11 user-1000.slice@27 user@1000.service@45" },
                /* Of several below the outer unit the innermost counts. */
                { "/a.scope/payload/system.slice/b.service/c.scope/leaf",
                  "-.slice@1 a.scope@8 a.scope/c.scope@47" },
                { "/system.slice/foo.service/worker-1", "-.slice@1 system.slice@13 foo.service@25" },
                /* systemd's escape of names that the kernel could take for its own files */
                { "/system.slice/_cpu.service", "-.slice@1 system.slice@13 cpu.service@26" },
                { "/system.slice/__x.service", "-.slice@1 system.slice@13 _x.service@25" },
                { "/system.slice/dev-disk\\x2d1.service",
                  "-.slice@1 system.slice@13 dev-disk\\x2d1.service@35" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(freep) char *text = chain_text(table[i].path, 64);

                cr_expect_str_eq(text, table[i].chain, "%s: %s", table[i].path, text);
        }
}

Test(cgroup_path, directories_that_are_no_units_end_the_chain) {
        static const struct {
                const char *path, *chain;
        } table[] = {
                { "", "-.slice@1" },
                { "nginx.service", "-.slice@1" },
                { "//nginx.service", "-.slice@1" },
                { "/docker/4f1c0d9d2b7a", "-.slice@1" },
                /* a container's own systemd: not the host's nginx.service */
                { "/docker/4f1c0d9d2b7a/system.slice/nginx.service", "-.slice@1" },
                { "/system.slice/docker/nginx.service", "-.slice@1 system.slice@13" },
                { "/../../nginx.service", "-.slice@1" },
                { "/system.slice/../nginx.service", "-.slice@1 system.slice@13" },
                { "/system.slice/", "-.slice@1 system.slice@13" },
                { "/-.slice/nginx.service", "-.slice@1" },
                { "/_-.slice/nginx.service", "-.slice@1" },
                { "/.service", "-.slice@1" },
                { "/a b.service", "-.slice@1" },
                { "/dev-sda.mount", "-.slice@1" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(freep) char *text = chain_text(table[i].path, 64);

                cr_expect_str_eq(text, table[i].chain, "%s: %s", table[i].path, text);
        }
}

Test(cgroup_path, too_long_a_component_is_no_unit) {
        char path[400] = "/";

        memset(path + 1, 'a', 300);
        strcpy(path + 301, ".service");

        _cleanup_(freep) char *text = chain_text(path, 8);
        cr_expect_str_eq(text, "-.slice@1");
}

Test(cgroup_path, too_many_slices_leave_room_for_the_unit_that_owns_the_processes) {
        static const char path[] = "/a.slice/a-b.slice/a-b-c.slice/a-b-c-d.slice/x.service/y.scope";

        _cleanup_(freep) char *four = chain_text(path, 4);
        cr_expect_str_eq(four, "-.slice@1 a.slice@8 x.service@54 x.service/y.scope@62");

        _cleanup_(freep) char *two = chain_text(path, 2);
        cr_expect_str_eq(two, "-.slice@1 x.service@54");

        _cleanup_(freep) char *one = chain_text(path, 1);
        cr_expect_str_eq(one, "-.slice@1");
}
