/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/certificates.h"

#include "basic/file-io.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>

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

void certificates_init(Certificates *c) {
        (void) snprintf(c->directory, sizeof(c->directory), "/tmp/oap-tls-XXXXXX");
        cr_assert(mkdtemp(c->directory));
        authority(c, "ca");
        authority(c, "other-ca");
        certificate(c, "server", "ca", "IP:127.0.0.1,DNS:localhost", 2);
        certificate(c, "elsewhere", "ca", "DNS:oap.example", 2);
        certificate(c, "expired", "ca", "IP:127.0.0.1", -1);
        certificate(c, "client", "ca", "DNS:client", 2);
        certificate(c, "expired-client", "ca", "DNS:client", -1);
        certificate(c, "stranger", "other-ca", "DNS:client", 2);
}

void certificates_done(Certificates *c) {
        char command[64];

        (void) snprintf(command, sizeof(command), "rm -rf %s", c->directory);
        (void) !system(command);
}

char *certificates_text(const Certificates *c, const char *name) {
        char path[128];
        char *text = NULL;

        (void) snprintf(path, sizeof(path), "%s/%s", c->directory, name);
        cr_assert_eq(read_full_file_at(AT_FDCWD, path, 1 << 20, &text, NULL), 0, "%s", path);
        return text;
}

FakeOap *certificates_server(const Certificates *c, const char *name, const char *client_ca) {
        char certificate_path[64], key_path[64], ca_path[64];

        (void) snprintf(certificate_path, sizeof(certificate_path), "%s/%s.pem", c->directory, name);
        (void) snprintf(key_path, sizeof(key_path), "%s/%s.key", c->directory, name);
        (void) snprintf(ca_path, sizeof(ca_path), "%s/%s.pem", c->directory, client_ca ?: "");
        return fake_oap_new(&(FakeOapOptions){ .tcp = true,
                                               .certificate = certificate_path,
                                               .key = key_path,
                                               .client_ca = client_ca ? ca_path : NULL });
}
