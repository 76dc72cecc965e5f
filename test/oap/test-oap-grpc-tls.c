/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/file-io.h"
#include "fake/fake-oap.h"
#include "oap/transport-bed.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>

/* TLS, with certificates that openssl(1) makes for the test: good ones, expired ones, those of others. */

TestSuite(oap_grpc_tls, .timeout = 120);

typedef struct Certificates {
        char directory[32];
} Certificates;

/* Runs openssl(1) in the directory; its words are shown when it fails. */
static void run(const Certificates *c, const char *command) {
        char text[1024];

        (void) snprintf(text,
                        sizeof(text),
                        "cd %s && { %s; } >log 2>&1 || { cat log; exit 1; }",
                        c->directory,
                        command);
        cr_assert_eq(system(text), 0, "%s", command);
}

static void authority(const Certificates *c, const char *name) {
        char command[512];

        (void) snprintf(command,
                        sizeof(command),
                        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s.key -out %s.pem "
                        "-days 2 -subj /CN=%s",
                        name,
                        name,
                        name);
        run(c, command);
}

/* Signed by the authority; @days may be of the past. */
static void
certificate(const Certificates *c, const char *name, const char *by, const char *names, int days) {
        char command[1024];

        (void) snprintf(command,
                        sizeof(command),
                        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s.key -out %s.csr "
                        "-subj /CN=%s && echo subjectAltName=%s >%s.ext && openssl x509 -req -in %s.csr -CA %s.pem -CAkey "
                        "%s.key -set_serial 2 -days %i -extfile %s.ext -out %s.pem",
                        name,
                        name,
                        name,
                        names,
                        name,
                        name,
                        by,
                        by,
                        days,
                        name,
                        name);
        run(c, command);
}

static void certificates_init(Certificates *c) {
        (void) snprintf(c->directory, sizeof(c->directory), "/tmp/oap-tls-XXXXXX");
        cr_assert(mkdtemp(c->directory));
        authority(c, "ca");
        authority(c, "other-ca");
        certificate(c, "server", "ca", "IP:127.0.0.1,DNS:localhost", 2);
        certificate(c, "elsewhere", "ca", "DNS:oap.example", 2);
        certificate(c, "expired", "ca", "IP:127.0.0.1", -1);
        certificate(c, "client", "ca", "DNS:client", 2);
        certificate(c, "stranger", "other-ca", "DNS:client", 2);
}

static void certificates_done(Certificates *c) {
        char command[64];

        (void) snprintf(command, sizeof(command), "rm -rf %s", c->directory);
        (void) !system(command);
}

static char *text_of(const Certificates *c, const char *name) {
        char path[128];
        char *text = NULL;

        (void) snprintf(path, sizeof(path), "%s/%s", c->directory, name);
        cr_assert_eq(read_full_file_at(AT_FDCWD, path, 1 << 20, &text, NULL), 0, "%s", path);
        return text;
}

/* A server with that certificate; clients have to have one if so asked. */
static FakeOap *server(const Certificates *c, const char *name, const char *client_ca) {
        char certificate_path[64], key_path[64], ca_path[64];

        (void) snprintf(certificate_path, sizeof(certificate_path), "%s/%s.pem", c->directory, name);
        (void) snprintf(key_path, sizeof(key_path), "%s/%s.key", c->directory, name);
        (void) snprintf(ca_path, sizeof(ca_path), "%s/%s.pem", c->directory, client_ca ?: "");
        return fake_oap_new(&(FakeOapOptions){ .tcp = true,
                                               .certificate = certificate_path,
                                               .key = key_path,
                                               .client_ca = client_ca ? ca_path : NULL });
}

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
        _cleanup_(freep) char *ca_text = text_of(c, ca), *certificate_text = NULL, *key_text = NULL;
        _cleanup_(transport_bed_done) TransportBed b = {};
        char name[64];

        if (client) {
                (void) snprintf(name, sizeof(name), "%s.pem", client);
                certificate_text = text_of(c, name);
                (void) snprintf(name, sizeof(name), "%s.key", client);
                key_text = text_of(c, name);
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
        f = server(&c, "server", NULL);
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

        f = server(&c, "elsewhere", NULL);
        cr_expect_eq(call(&c, fake_oap_address(f), "ca.pem", NULL, NULL, &o), OAP_STATUS_UNAVAILABLE);
        cr_expect_eq(call(&c, fake_oap_address(f), "ca.pem", NULL, "oap.example", &o),
                     OAP_STATUS_OK,
                     "%s",
                     o.message);
        fake_oap_free(f);

        f = server(&c, "expired", NULL);
        cr_expect_eq(call(&c, fake_oap_address(f), "ca.pem", NULL, NULL, &o), OAP_STATUS_UNAVAILABLE);
        expect_words(&o, "certificate verify failed");
        fake_oap_free(f);
}

Test(oap_grpc_tls, a_client_has_to_have_one_where_the_server_asks) {
        _cleanup_(certificates_done) Certificates c = {};
        _cleanup_(outcome_done) Outcome o = {};
        FakeOap *f;

        certificates_init(&c);
        f = server(&c, "server", "ca");
        cr_expect_eq(call(&c, fake_oap_address(f), "ca.pem", "client", NULL, &o),
                     OAP_STATUS_OK,
                     "%s",
                     o.message);
        cr_expect_eq(call(&c, fake_oap_address(f), "ca.pem", NULL, NULL, &o), OAP_STATUS_UNAVAILABLE);
        expect_words(&o, fake_oap_address(f));
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

        secure = server(&c, "server", NULL);
        transport_bed_init(&b, fake_oap_address(secure));
        outcome_done(&o);
        bed_call(&b, &o);
        cr_expect_eq(o.status, OAP_STATUS_UNAVAILABLE);
}
