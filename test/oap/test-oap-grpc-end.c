/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-oap.h"
#include "oap/transport-bed.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

/* Calls and transports that are ended by us. */

TestSuite(oap_grpc_end, .timeout = 60);

static void expect_cancelled(TransportBed *b, Outcome *o) {
        b->ops->cancel(o->call);
        bed_finish(b, o);
        cr_expect_eq(o->status, OAP_STATUS_CANCELLED, "%i %s", o->status, o->message);
        cr_expect_null(o->response);
        bed_run(b, 20000);
        cr_expect_eq(o->n, 1);
        outcome_done(o);
}

Test(oap_grpc_end, a_call_is_cancelled_before_it_has_left) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        Outcome o = {};

        fake_oap_freeze(f);
        transport_bed_init(&b, fake_oap_address(f));
        bed_start(&b, BED_KEEP_ALIVE, 1, BED_TIMEOUT_USEC, &o);
        expect_cancelled(&b, &o);
        bed_start(&b, BED_COLLECT, 100, BED_TIMEOUT_USEC, &o);
        bed_run(&b, 20000);
        expect_cancelled(&b, &o);
}

Test(oap_grpc_end, a_call_is_cancelled_when_the_server_has_it) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        FakeOapCall call;
        Outcome o = {};

        fake_oap_answer(f, NULL, &(FakeOapAnswer){ .never = true });
        transport_bed_init(&b, fake_oap_address(f));
        bed_start(&b, BED_KEEP_ALIVE, 1, BED_TIMEOUT_USEC, &o);
        while (fake_oap_n_calls(f, NULL) == 0)
                bed_run(&b, 1000);
        expect_cancelled(&b, &o);

        cr_assert(fake_oap_wait(f, NULL, 1, BED_TIMEOUT_USEC));
        fake_oap_call(f, NULL, 0, &call);
        cr_expect(call.cancelled);
}

/* At each moment of it, as far as time tells one from the other. */
Test(oap_grpc_end, a_stream_is_cancelled_anywhere) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};

        fake_oap_answer(f, NULL, &(FakeOapAnswer){ .never = true });
        transport_bed_init(&b, fake_oap_address(f));
        for (size_t i = 0; i < 40; i++) {
                Outcome o = {};

                bed_start(&b, BED_COLLECT, 2000, BED_TIMEOUT_USEC, &o);
                bed_run(&b, i * 250);
                expect_cancelled(&b, &o);
        }
}

Test(oap_grpc_end, an_answer_that_is_there_may_win_over_cancelling) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        _cleanup_(outcome_done) Outcome o = {};

        transport_bed_init(&b, fake_oap_address(f));
        bed_start(&b, BED_KEEP_ALIVE, 1, BED_TIMEOUT_USEC, &o);
        cr_assert(fake_oap_wait(f, NULL, 1, BED_TIMEOUT_USEC));
        (void) usleep(50000); /* it has been received, and nobody dispatched */
        b.ops->cancel(o.call);
        b.ops->cancel(o.call);
        bed_finish(&b, &o);
        cr_expect(o.status == OAP_STATUS_OK || o.status == OAP_STATUS_CANCELLED);
}

/* From within: the next call is started by the answer of the last one. */
typedef struct Chain {
        TransportBed bed;
        unsigned n_left, n_ok;
} Chain;

static void on_chain(const OapCallResult *result, void *userdata) {
        Chain *c = userdata;

        c->n_ok += result->status == OAP_STATUS_OK;
        if (--c->n_left > 0)
                cr_assert_eq(c->bed.ops->start(
                                             c->bed.transport,
                                             &(OapCallRequest){ .method = BED_COLLECT,
                                                                .timeout_usec = BED_TIMEOUT_USEC },
                                             on_chain,
                                             c,
                                             NULL),
                             0);
}

Test(oap_grpc_end, an_answer_starts_the_next_call) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        Chain c = { .n_left = 11 };

        transport_bed_init(&c.bed, fake_oap_address(f));
        on_chain(&(OapCallResult){ .message = "", .peer = "" }, &c);
        for (unsigned i = 0; i < 1000 && c.n_left > 0; i++)
                bed_run(&c.bed, 10000);
        cr_expect_eq(c.n_left, 0);
        cr_expect_eq(c.n_ok, 11);
        transport_bed_done(&c.bed);
}

/* A connection that was not made yet may take the library some seconds to give up. */
static bool threads_become(size_t n) {
        for (unsigned i = 0; i < 800 && bed_n_threads() != n; i++)
                (void) usleep(10000);

        return bed_n_threads() == n;
}

static size_t n_descriptors(void) {
        _cleanup_(closedirp) DIR *d = opendir("/proc/self/fd");
        size_t n = 0;

        cr_assert(d);
        while (readdir(d))
                n++;

        return n;
}

Test(oap_grpc_end, closing_ends_calls_without_telling_and_leaves_no_thread) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        size_t threads = bed_n_threads(), descriptors = 0;

        fake_oap_answer(f, "collectBatch", &(FakeOapAnswer){ .never = true });
        for (size_t i = 0; i < 8; i++) {
                TransportBed b = {};
                Outcome calls[4] = {};

                transport_bed_init(&b, fake_oap_address(f));
                cr_expect_gt(bed_n_threads(), threads);
                bed_start(&b, BED_COLLECT, 0, BED_TIMEOUT_USEC, &calls[0]);
                bed_start(&b, BED_COLLECT, 5000, BED_TIMEOUT_USEC, &calls[1]);
                bed_start(&b, BED_KEEP_ALIVE, 1, BED_TIMEOUT_USEC, &calls[2]);
                bed_run(&b, i * 1000);
                bed_start(&b, BED_COLLECT, 100, BED_TIMEOUT_USEC, &calls[3]);
                if (i % 2 > 0) {
                        b.ops->cancel(calls[0].call);
                        (void) usleep(2000);
                }
                transport_bed_done(&b);
                cr_expect_null(b.transport);
                cr_expect_eq(calls[0].n + calls[1].n + calls[3].n, 0);
                outcome_done(&calls[2]);
                cr_expect(threads_become(threads), "%zu", i);
                if (i == 0)
                        descriptors = n_descriptors(); /* the library keeps two of its own */
                cr_expect_eq(n_descriptors(), descriptors, "%zu", i);
        }
}

Test(oap_grpc_end, two_transports_do_not_know_of_each_other) {
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed a = {};
        TransportBed b = {};
        _cleanup_(outcome_done) Outcome one = {}, two = {};

        transport_bed_init(&a, fake_oap_address(f));
        transport_bed_init(&b, fake_oap_address(f));
        bed_call(&b, &one);
        transport_bed_done(&b);
        bed_call(&a, &two);
        cr_expect_eq(two.status, OAP_STATUS_OK);
}

/* The masks of all threads but this one, as /proc says them. */
static bool others_block(int signo) {
        _cleanup_(closedirp) DIR *d = opendir("/proc/self/task");
        const struct dirent *e;
        unsigned n = 0;

        cr_assert(d);
        while ((e = readdir(d))) {
                char path[512], line[256];
                _cleanup_(fclosep) FILE *status = NULL;
                unsigned long long mask = 0;

                if (e->d_name[0] == '.' || atoi(e->d_name) == getpid())
                        continue;

                (void) snprintf(path, sizeof(path), "/proc/self/task/%s/status", e->d_name);
                status = fopen(path, "re");
                if (!status)
                        continue; /* it is gone */
                while (fgets(line, sizeof(line), status))
                        if (strncmp(line, "SigBlk:", 7) == 0)
                                mask = strtoull(line + 7, NULL, 16);
                if (!(mask >> (signo - 1) & 1))
                        return false;
                n++;
        }

        return n > 0;
}

Test(oap_grpc_end, no_thread_takes_a_signal_that_is_ours) {
        static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1 };
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
        _cleanup_(transport_bed_done) TransportBed b = {};
        _cleanup_(outcome_done) Outcome o = {};
        sigset_t before = {}, after = {};

        cr_assert_eq(sigprocmask(SIG_BLOCK, NULL, &before), 0);
        transport_bed_init(&b, fake_oap_address(f));
        bed_call(&b, &o);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                cr_expect(others_block(signals[i]), "%s", strsignal(signals[i]));

        cr_assert_eq(sigprocmask(SIG_BLOCK, NULL, &after), 0);
        cr_expect_eq(memcmp(&before, &after, sizeof(before)), 0, "the mask of the caller is as it was");
}
