/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-oap.h"
#include "oap/transport-bed.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>

/* gRPC and servers that are not there, go, come back, or are no servers. */

TestSuite(oap_grpc_away, .timeout = 60);

/* A socket of 127.0.0.1 that listens, and where. Nobody accepts; the kernel does so for a while. */
static int listen_somewhere(char ret_address[static 32]) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(a);
        int fd;

        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        cr_assert_geq(fd, 0);
        cr_assert_eq(bind(fd, (struct sockaddr *) &a, sizeof(a)), 0);
        cr_assert_eq(listen(fd, 16), 0);
        cr_assert_eq(getsockname(fd, (struct sockaddr *) &a, &size), 0);
        (void) snprintf(ret_address, 32, "127.0.0.1:%u", ntohs(a.sin_port));
        return fd;
}

static void expect_status(TransportBed *b, int status) {
        _cleanup_(outcome_done) Outcome o = {};

        bed_call(b, &o);
        cr_expect_eq(o.status, status, "%i %s", o.status, o.message);
}

Test(oap_grpc_away, nobody_there_is_said_and_why) {
        _cleanup_(transport_bed_done) TransportBed b = {};
        char address[32];

        (void) close(listen_somewhere(address));
        transport_bed_init(&b, address);
        for (size_t i = 0; i < 3; i++) {
                _cleanup_(outcome_done) Outcome o = {};

                bed_call(&b, &o);
                cr_expect_eq(o.status, OAP_STATUS_UNAVAILABLE);
                cr_expect_str_empty(o.peer);
                cr_expect_not_null(strstr(o.message, address), "%s", o.message);
                cr_expect_not_null(strstr(o.message, "Connection refused"), "%s", o.message);
        }
}

/* Whether there is IPv6 or not: it was read as an address. */
Test(oap_grpc_away, an_address_of_version_6_is_one) {
        _cleanup_(transport_bed_done) TransportBed b = {};
        _cleanup_(outcome_done) Outcome o = {};

        transport_bed_init(&b, "[::1]:1");
        bed_call(&b, &o);
        cr_expect_eq(o.status, OAP_STATUS_UNAVAILABLE);
        cr_expect(strstr(o.message, "ipv6:%5B::1%5D:1: "), "%s", o.message);
}

Test(oap_grpc_away, a_name_that_nobody_knows_is_said) {
        _cleanup_(transport_bed_done) TransportBed b = {};
        _cleanup_(outcome_done) Outcome o = {};

        transport_bed_init(&b, "no-such-host.invalid:11800");
        bed_call(&b, &o);
        cr_expect_eq(o.status, OAP_STATUS_UNAVAILABLE, "%i %s", o.status, o.message);
        cr_expect_not_null(strstr(o.message, "no-such-host.invalid"), "%s", o.message);
}

Test(oap_grpc_away, a_name_is_looked_up) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(&(FakeOapOptions){ .tcp = true });
        _cleanup_(transport_bed_done) TransportBed b = {};
        _cleanup_(outcome_done) Outcome o = {};
        char address[64], peer[64];

        (void) snprintf(address, sizeof(address), "localhost%s", strchr(fake_oap_address(f), ':'));
        (void) snprintf(peer, sizeof(peer), "ipv4:%s", fake_oap_address(f));
        transport_bed_init(&b, address);
        bed_call(&b, &o);
        cr_expect_eq(o.status, OAP_STATUS_OK, "%s", o.message);
        cr_expect_str_eq(o.peer, peer);
}

Test(oap_grpc_away, a_server_that_comes_is_found_by_the_next_call) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};

        fake_oap_kill(f);
        transport_bed_init(&b, fake_oap_address(f));
        expect_status(&b, OAP_STATUS_UNAVAILABLE);
        fake_oap_restart(f);
        expect_status(&b, OAP_STATUS_OK);
}

Test(oap_grpc_away, a_restart_costs_no_call_that_comes_after_it) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(&(FakeOapOptions){ .tcp = true });
        _cleanup_(transport_bed_done) TransportBed b = {};

        transport_bed_init(&b, fake_oap_address(f));
        for (size_t i = 0; i < 4; i++) {
                expect_status(&b, OAP_STATUS_OK);
                if (i % 2 == 0)
                        fake_oap_kill(f);
                else
                        fake_oap_stop(f);
                fake_oap_restart(f);
                bed_run(&b, 300000); /* what tells that the connection is gone has come */
        }
        expect_status(&b, OAP_STATUS_OK);
        cr_expect_eq(fake_oap_n_calls(f, NULL), 5);
}

Test(oap_grpc_away, a_server_killed_in_a_call_is_unavailable) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        _cleanup_(outcome_done) Outcome unary = {}, stream = {};

        fake_oap_answer(f, NULL, &(FakeOapAnswer){ .never = true });
        transport_bed_init(&b, fake_oap_address(f));
        bed_start(&b, BED_KEEP_ALIVE, 1, BED_TIMEOUT_USEC, &unary);
        bed_start(&b, BED_COLLECT, 100000, BED_TIMEOUT_USEC, &stream);
        while (fake_oap_n_calls(f, NULL) < 2)
                bed_run(&b, 1000);
        fake_oap_kill(f);
        bed_finish(&b, &unary);
        bed_finish(&b, &stream);
        cr_expect_eq(unary.status, OAP_STATUS_UNAVAILABLE);
        cr_expect_eq(stream.status, OAP_STATUS_UNAVAILABLE);

        fake_oap_answer(f, NULL, NULL);
        fake_oap_restart(f);
        expect_status(&b, OAP_STATUS_OK);
}

Test(oap_grpc_away, a_frozen_server_costs_the_deadline_and_answers_when_it_thaws) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        _cleanup_(outcome_done) Outcome o = {}, stream = {};

        transport_bed_init(&b, fake_oap_address(f));
        expect_status(&b, OAP_STATUS_OK);
        fake_oap_freeze(f);
        bed_start(&b, BED_KEEP_ALIVE, 1, 300000, &o);
        bed_start(&b, BED_COLLECT, 1000, 300000, &stream);
        bed_finish(&b, &o);
        bed_finish(&b, &stream);
        cr_expect_eq(o.status, OAP_STATUS_DEADLINE_EXCEEDED);
        cr_expect_str_eq(o.peer, fake_oap_address(f));
        cr_expect_eq(stream.status, OAP_STATUS_DEADLINE_EXCEEDED);

        fake_oap_thaw(f);
        expect_status(&b, OAP_STATUS_OK);
}

Test(oap_grpc_away, a_server_frozen_before_is_not_connected) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};

        fake_oap_freeze(f);
        transport_bed_init(&b, fake_oap_address(f));
        expect_status(&b, OAP_STATUS_UNAVAILABLE);
        fake_oap_thaw(f);
        expect_status(&b, OAP_STATUS_OK);
}

Test(oap_grpc_away, what_is_not_grpc_is_unavailable) {
        static const char *const answers[] = { "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
                                               "\x15\x03\x01\0\x02\x02\x46",
                                               "220 mail.example ESMTP\r\n" };

        for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
                _cleanup_(transport_bed_done) TransportBed b = {};
                _cleanup_(outcome_done) Outcome o = {};
                _cleanup_(closep) int fd = -EBADF, client = -EBADF;
                char address[32];

                fd = listen_somewhere(address);
                transport_bed_init(&b, address);
                bed_start(&b, BED_KEEP_ALIVE, 1, BED_TIMEOUT_USEC, &o);
                client = accept(fd, NULL, NULL);
                cr_assert_geq(client, 0);
                cr_assert_eq(write(client, answers[i], strlen(answers[i])), (ssize_t) strlen(answers[i]));
                cr_assert_eq(shutdown(client, SHUT_WR), 0);
                bed_finish(&b, &o);
                cr_expect_eq(o.status, OAP_STATUS_UNAVAILABLE, "%i %s", o.status, o.message);
        }
}

Test(oap_grpc_away, the_next_address_is_tried_and_kept) {
        _cleanup_(fake_oap_freep) FakeOap *first = fake_oap_new(&(FakeOapOptions){ .tcp = true });
        _cleanup_(fake_oap_freep) FakeOap *second = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        char addresses[256];
        FakeOapCall call;

        (void) snprintf(addresses,
                        sizeof(addresses),
                        " %s  %s ",
                        fake_oap_address(first),
                        fake_oap_address(second));
        fake_oap_kill(first);
        transport_bed_init(&b, addresses);
        for (size_t i = 0; i < 3; i++)
                expect_status(&b, OAP_STATUS_OK);
        cr_expect_eq(fake_oap_n_calls(second, NULL), 3);

        /* the first one is back: no reason to leave the other */
        fake_oap_restart(first);
        expect_status(&b, OAP_STATUS_OK);
        cr_expect_eq(fake_oap_n_calls(second, NULL), 4);

        fake_oap_kill(second);
        bed_run(&b, 300000);
        for (size_t i = 0; i < 3; i++)
                expect_status(&b, OAP_STATUS_OK);
        cr_expect_eq(fake_oap_n_calls(first, NULL), 3);
        fake_oap_call(first, NULL, 0, &call);
        for (size_t i = 1; i < 3; i++) {
                FakeOapCall other;

                fake_oap_call(first, NULL, i, &other);
                cr_expect_str_eq(other.peer, call.peer, "one connection");
        }

        fake_oap_kill(first);
        bed_run(&b, 300000);
        expect_status(&b, OAP_STATUS_UNAVAILABLE);
}

Test(oap_grpc_away, a_frozen_address_is_left_for_the_next) {
        _cleanup_(fake_oap_freep) FakeOap *first = fake_oap_new(NULL), *second = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        _cleanup_(outcome_done) Outcome o = {};
        char addresses[256];

        (void) snprintf(addresses,
                        sizeof(addresses),
                        "%s %s",
                        fake_oap_address(first),
                        fake_oap_address(second));
        transport_bed_init(&b, addresses);
        expect_status(&b, OAP_STATUS_OK);
        fake_oap_freeze(first);
        bed_start(&b, BED_KEEP_ALIVE, 1, 300000, &o);
        bed_finish(&b, &o);
        cr_expect_eq(o.status, OAP_STATUS_DEADLINE_EXCEEDED);
        expect_status(&b, OAP_STATUS_OK);
        cr_expect_eq(fake_oap_n_calls(second, NULL), 1);
}

/* A report of a task that is said twice is two tasks. */
Test(oap_grpc_away, what_a_server_may_have_seen_is_not_said_to_another) {
        _cleanup_(fake_oap_freep) FakeOap *first = fake_oap_new(NULL), *second = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        _cleanup_(outcome_done) Outcome o = {};
        char addresses[256];

        (void) snprintf(addresses,
                        sizeof(addresses),
                        "%s %s",
                        fake_oap_address(first),
                        fake_oap_address(second));
        fake_oap_answer(first, NULL, &(FakeOapAnswer){ .never = true });
        transport_bed_init(&b, addresses);
        bed_start(&b, BED_KEEP_ALIVE, 1, BED_TIMEOUT_USEC, &o);
        while (fake_oap_n_calls(first, NULL) == 0)
                bed_run(&b, 1000);
        fake_oap_kill(first);
        bed_finish(&b, &o);
        cr_expect_eq(o.status, OAP_STATUS_UNAVAILABLE);
        cr_expect_eq(fake_oap_n_calls(second, NULL), 0);

        expect_status(&b, OAP_STATUS_OK);
        cr_expect_eq(fake_oap_n_calls(second, NULL), 1);
}

Test(oap_grpc_away, the_ebpf_port_is_another_when_it_is_said) {
        _cleanup_(fake_oap_freep) FakeOap *all = fake_oap_new(NULL), *ebpf = fake_oap_new(NULL);

        for (int split = 0; split < 2; split++) {
                _cleanup_(transport_bed_done) TransportBed b = {};

                transport_bed_open(
                                &b,
                                &(OapTransportConfig){
                                                .addresses = { fake_oap_address(all),
                                                               split ? fake_oap_address(ebpf) : NULL } });
                for (int channel = 0; channel < _OAP_CHANNEL_MAX; channel++) {
                        _cleanup_(outcome_done) Outcome o = {};

                        bed_start_request(
                                        &b,
                                        &(OapCallRequest){ .channel = (OapChannel) channel,
                                                           .method = BED_COLLECT,
                                                           .timeout_usec = BED_TIMEOUT_USEC },
                                        &o);
                        bed_finish(&b, &o);
                        cr_expect_eq(o.status, OAP_STATUS_OK);
                }
                cr_expect_eq(fake_oap_n_calls(all, NULL), split ? 3 : 2);
                cr_expect_eq(fake_oap_n_calls(ebpf, NULL), split ? 1 : 0);
        }
}
