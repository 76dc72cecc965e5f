/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-oap.h"
#include "oap/certificates.h"
#include "oap/transport-bed.h"

#include <criterion/criterion.h>
#include <string.h>

/* TLS, with certificates that openssl(1) makes for the test: good ones, expired ones, those of others. */

TestSuite(oap_grpc_tls, .timeout = 120);

static char said[4096];

/* From a thread of gRPC's; there is one that waits for one call. */
static void on_log(int level, const char *message) {
        size_t n = strlen(said);

        (void) snprintf(said + n, sizeof(said) - n, "<%i>%s\n", level, message);
}

/* What a call comes to. @client NULL: without a certificate of its own. */
static int call(const Certificates *c,
                const char *address,
                const char *ca,
                const char *client,
                const char *server_name,
                Outcome *o) {
        _cleanup_(freep) char *ca_text = certificates_text(c, ca), *certificate_text = NULL,
                              *key_text = NULL;
        _cleanup_(transport_bed_done) TransportBed b = {};
        char name[64];

        if (client) {
                (void) snprintf(name, sizeof(name), "%s.pem", client);
                certificate_text = certificates_text(c, name);
                (void) snprintf(name, sizeof(name), "%s.key", client);
                key_text = certificates_text(c, name);
        }

        transport_bed_open(
                        &b,
                        &(OapTransportConfig){ .addresses = { address },
                                               .tls = true,
                                               .ca = ca_text,
                                               .certificate = certificate_text,
                                               .key = key_text,
                                               .server_name = server_name,
                                               .token = "secret",
                                               .log = on_log });
        outcome_done(o);
        bed_call(&b, o);
        return o->status;
}

/* What an operator is told is chosen by them, src/oap/oap-client-words.c. */
static void expect_words(const Outcome *o, const char *words) {
        cr_expect(strstr(o->message, words), "%s", o->message);
        cr_expect_str_empty(o->peer);
}

Test(oap_grpc_tls, a_server_has_to_have_a_certificate_that_holds) {
        _cleanup_(certificates_done) Certificates c = {};
        _cleanup_(outcome_done) Outcome o = {};
        FakeOapCall seen;
        FakeOap *f;

        certificates_init(&c);
        f = certificates_server(&c, "server", NULL);
        cr_expect_eq(call(&c, fake_oap_address(f), "ca.pem", NULL, NULL, &o),
                     OAP_STATUS_OK,
                     "%s",
                     o.message);
        fake_oap_call(f, NULL, 0, &seen);
        cr_expect_str_eq(seen.token, "secret");

        cr_expect_eq(call(&c, fake_oap_address(f), "other-ca.pem", NULL, NULL, &o), OAP_STATUS_UNAVAILABLE);
        expect_words(&o, "certificate verify failed");
        cr_expect(strstr(said, "<3>ssl_transport_security.cc:"), "%s", said);
        cr_expect_eq(call(&c, fake_oap_address(f), "ca.pem", NULL, "oap.example", &o),
                     OAP_STATUS_UNAVAILABLE);
        expect_words(&o, "Peer name oap.example is not in peer certificate");
        fake_oap_free(f);

        f = certificates_server(&c, "elsewhere", NULL);
        cr_expect_eq(call(&c, fake_oap_address(f), "ca.pem", NULL, NULL, &o), OAP_STATUS_UNAVAILABLE);
        cr_expect_eq(call(&c, fake_oap_address(f), "ca.pem", NULL, "oap.example", &o),
                     OAP_STATUS_OK,
                     "%s",
                     o.message);
        fake_oap_free(f);

        f = certificates_server(&c, "expired", NULL);
        cr_expect_eq(call(&c, fake_oap_address(f), "ca.pem", NULL, NULL, &o), OAP_STATUS_UNAVAILABLE);
        expect_words(&o, "certificate verify failed");
        fake_oap_free(f);
}

Test(oap_grpc_tls, a_client_has_to_have_one_where_the_server_asks) {
        _cleanup_(certificates_done) Certificates c = {};
        _cleanup_(outcome_done) Outcome o = {};
        FakeOap *f;

        certificates_init(&c);
        f = certificates_server(&c, "server", "ca");
        cr_expect_eq(call(&c, fake_oap_address(f), "ca.pem", "client", NULL, &o),
                     OAP_STATUS_OK,
                     "%s",
                     o.message);
        cr_expect_eq(call(&c, fake_oap_address(f), "ca.pem", NULL, NULL, &o), OAP_STATUS_UNAVAILABLE);
        expect_words(&o, fake_oap_address(f));
        cr_expect_eq(call(&c, fake_oap_address(f), "ca.pem", "expired-client", NULL, &o),
                     OAP_STATUS_UNAVAILABLE);
        cr_expect_eq(call(&c, fake_oap_address(f), "ca.pem", "stranger", NULL, &o), OAP_STATUS_UNAVAILABLE);
        expect_words(&o, fake_oap_address(f));
        cr_expect_eq(fake_oap_n_calls(f, NULL), 1);
        fake_oap_free(f);
}

Test(oap_grpc_tls, both_sides_have_to_agree_about_it) {
        _cleanup_(certificates_done) Certificates c = {};
        _cleanup_(outcome_done) Outcome o = {};
        _cleanup_(transport_bed_done) TransportBed b = {};
        _cleanup_(fake_oap_freep) FakeOap *plain = fake_oap_new(&(FakeOapOptions){ .tcp = true }),
                                          *secure = NULL;

        certificates_init(&c);
        cr_expect_eq(call(&c, fake_oap_address(plain), "ca.pem", NULL, NULL, &o), OAP_STATUS_UNAVAILABLE);
        expect_words(&o, "wrong version number");

        secure = certificates_server(&c, "server", NULL);
        transport_bed_init(&b, fake_oap_address(secure));
        outcome_done(&o);
        bed_call(&b, &o);
        cr_expect_eq(o.status, OAP_STATUS_UNAVAILABLE);
}
