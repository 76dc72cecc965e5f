/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-machine.h"
#include "oap/oap-registry-private.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>

TestSuite(oap_ids, .timeout = 10);

/* Values as OAP computes them: from its IDManager, seen at a live one. */
Test(oap_ids, process_ids_are_those_of_oap) {
        static const struct {
                const char *service, *instance, *process, *id;
        } rows[] = {
                { "sqrt",
                  "test-instance",
                  "sqrt",
                  "3f84517a2b0f75e4b91f6fd23b020aa6f9b2cdae0a3d075ff7ee230000ee468d" },
                { "cprofd-demo",
                  "host-a",
                  "nginx",
                  "814baae4ae19942775c54156ecd776dc2c55096dc57779b8fb11bc41bb306085" },
        };
        char id[65], blank[65];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                oap_process_id(rows[i].service, rows[i].instance, rows[i].process, id);
                cr_expect_str_eq(id, rows[i].id);
        }

        oap_process_id("", " \t", "", id);
        oap_process_id("_blank", "_blank", "_blank", blank);
        cr_expect_str_eq(id, blank);
}

static void put_machine_id(FakeMachine *m, const char *text) {
        int fd;

        (void) mkdirat(m->host->proc_fd, "1", 0700);
        (void) mkdirat(m->host->proc_fd, "1/root", 0700);
        (void) mkdirat(m->host->proc_fd, "1/root/etc", 0700);
        fd = openat(m->host->proc_fd,
                    "1/root/etc/machine-id",
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                    0600);
        cr_assert_geq(fd, 0);
        cr_assert_eq(write(fd, text, strlen(text)), (ssize_t) strlen(text));
        (void) close(fd);
}

Test(oap_ids, item_1_an_agent_is_the_same_as_long_as_its_host_is) {
        char first[37], again[37], other[37];
        FakeMachine m;

        cr_assert_eq(fake_machine_init(&m), 0);
        put_machine_id(&m, "0123456789abcdef0123456789abcdef\n");
        cr_assert_eq(oap_agent_id(m.host, first), 0);
        cr_assert_eq(oap_agent_id(m.host, again), 0);
        cr_expect_str_eq(first, again);
        cr_expect_eq(strlen(first), 36);
        cr_expect_eq(first[14], '4', "%s is an UUID of version 4", first);
        cr_expect_null(strstr(first, "01234567"), "the machine's own stays here: machine-id(5)");

        put_machine_id(&m, "0123456789abcdef0123456789abcde0\n");
        cr_assert_eq(oap_agent_id(m.host, other), 0);
        cr_expect_str_neq(first, other);
        fake_machine_done(&m);
}

Test(oap_ids, a_host_without_an_id_gets_one_by_chance) {
        static const char *const texts[] = {
                "",
                "uninitialized\n",
                "00000000000000000000000000000000\n",
                "0123456789ABCDEF0123456789ABCDEF\n",
                "0123456789abcdef0123456789abcdef0\n",
                "0123456789abcdef0123456789abcde\n",
        };
        char first[37], again[37];
        FakeMachine m;

        cr_assert_eq(fake_machine_init(&m), 0);
        cr_expect_eq(oap_agent_id(m.host, first), -ENOENT);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                put_machine_id(&m, texts[i]);
                cr_expect_eq(oap_agent_id(m.host, again), -ENOMEDIUM, "%s", texts[i]);
                cr_expect_str_neq(first, again);
        }
        fake_machine_done(&m);
}

/* As systemd derives such ids: its own implementation is the oracle, on machines that have an id. */
Test(oap_ids, the_agent_of_this_host_is_derived_as_systemd_does) {
        static const sd_id128_t app =
                        SD_ID128_MAKE(5c, 8e, 1d, 27, b4, 0a, 4f, 3e, 9d, 61, 2a, f7, c3, 58, 90, 1b);
        _cleanup_(host_freep) Host *host = NULL;
        char ours[37], text[SD_ID128_UUID_STRING_MAX];
        sd_id128_t theirs;

        cr_assert_eq(host_new("/", &host), 0);
        if (sd_id128_get_machine_app_specific(app, &theirs) < 0) {
                cr_expect_lt(oap_agent_id(host, ours), 0, "without a machine ID it is by chance, and said");
                return;
        }

        cr_assert_eq(oap_agent_id(host, ours), 0);
        cr_expect_str_eq(ours, sd_id128_to_uuid_string(theirs, text));
}

Test(oap_ids, our_address_is_the_one_towards_oap) {
        char ip[INET6_ADDRSTRLEN];

        registry_host_ip("127.0.0.1:11800", ip);
        cr_expect_str_eq(ip, "127.0.0.1");
        registry_host_ip("127.0.0.1:11800 10.0.0.1:1", ip);
        cr_expect_str_eq(ip, "127.0.0.1");

        /* Whatever this machine has: an address, or none. */
        static const char *const peers[] = {
                "", "unix:/run/oap", "[::1", "[", "oap.example:1", "::", "]:["
        };
        for (size_t i = 0; i < ELEMENTSOF(peers); i++) {
                registry_host_ip(peers[i], ip);
                cr_expect_lt(strlen(ip), sizeof(ip));
                cr_expect_neq(ip[0], '[');
        }
}
