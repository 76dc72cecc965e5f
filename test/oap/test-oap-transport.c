/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-transport.h"

#include "basic/cleanup.h"
#include "basic/file-io.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>

/* What is opened when there is an OAP, and only then; and what it refuses. */

TestSuite(oap_transport, .timeout = 30);

static bool is_mapped(const char *name) {
        _cleanup_(closep) int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
        _cleanup_(freep) char *maps = NULL;

        cr_assert_geq(fd, 0);
        cr_assert_eq(read_full_fd(fd, 1U << 24, &maps, NULL), 0);
        return strstr(maps, name);
}

Test(oap_transport, grpc_is_mapped_when_it_is_loaded) {
        _cleanup_(freep) char *message = NULL;
        const OapTransportOps *ops;

        cr_expect_not(is_mapped("libgrpc"));
        cr_assert_eq(oap_transport_load(NULL, &ops, &message), 0, "%s", message);
        cr_expect(is_mapped("libgrpc"));
        cr_expect_eq(ops->abi, OAP_TRANSPORT_ABI);
        cr_expect_str_eq(ops->name, "grpc");
}

/* Neither itself nor by another library. */
Test(oap_transport, the_daemon_does_not_need_grpc) {
        _cleanup_(freep) char *command = NULL;
        bool has_libc = false;
        char line[1024];
        FILE *p;

        cr_assert(getenv("CPROFD"));
        cr_assert_gt(asprintf(&command, "LD_TRACE_LOADED_OBJECTS=1 '%s'", getenv("CPROFD")), 0);
        p = popen(command, "re");
        cr_assert(p);
        while (fgets(line, sizeof(line), p)) {
                has_libc = has_libc || strstr(line, "libc.so");
                cr_expect_null(strstr(line, "grpc"), "%s", line);
                cr_expect_null(strstr(line, "libabsl"), "%s", line);
        }
        cr_expect_eq(pclose(p), 0);
        cr_expect(has_libc);
}

static void expect_no_load(const char *path, int error, const char *words) {
        _cleanup_(freep) char *message = NULL;
        const OapTransportOps *ops;

        cr_expect_eq(oap_transport_load(path, &ops, &message), error, "%s", path);
        cr_assert(message);
        cr_expect(strstr(message, words), "%s", message);
        cr_expect(strstr(message, path), "%s", message);
}

Test(oap_transport, what_cannot_be_loaded_is_said_with_its_reason) {
        _cleanup_(freep) char *none = NULL, *other = NULL;
        const char *directory = getenv("CPROF_TEST_MODULES");

        cr_assert(directory);
        cr_assert_gt(asprintf(&none, "%s/transport-none.so", directory), 0);
        cr_assert_gt(asprintf(&other, "%s/transport-other.so", directory), 0);
        expect_no_load("/nonexistent/oap-grpc.so", -ENOENT, "No such file or directory");
        expect_no_load("/dev/null", -ELIBACC, "file too short");
        expect_no_load(none, -ELIBBAD, "it has no 'oap_transport_ops'");
        expect_no_load(other,
                       -ELIBBAD,
                       "belongs to another version of cprofd: it has the interface 2, not 1");
}

static void expect_refused(const OapTransportConfig *config, const char *words) {
        _cleanup_(freep) char *message = NULL;
        const OapTransportOps *ops;
        OapTransport *t = NULL;

        cr_assert_eq(oap_transport_load(NULL, &ops, &message), 0, "%s", message);
        cr_expect_eq(ops->open(config, &t, &message), -EINVAL, "%s", words);
        cr_assert(message, "%s", words);
        cr_expect(strstr(message, words), "%s", message);
        cr_expect_null(ops->close(t));
}

Test(oap_transport, addresses_that_are_none_are_refused) {
        static const struct {
                const char *address, *words;
        } rows[] = {
                { "", "no address" },
                { " \t", "no address" },
                { "oap", "'oap' has no port" },
                { "oap:", "has no valid port" },
                { "oap:0", "has no valid port" },
                { "oap:65536", "has no valid port" },
                { "oap:123456", "has no valid port" },
                { "oap:+1", "has no valid port" },
                { "oap:11800/", "has no valid port" },
                { ":11800", "has no valid host" },
                { "o%61p:11800", "has no valid host" },
                { "a,b:11800", "has no valid host" },
                { "dns:///oap:11800", "is not HOST:PORT" },
                { "https://oap:11800", "is not HOST:PORT" },
                { "::1:11800", "in brackets" },
                { "[::1]", "is not [ADDRESS]:PORT" },
                { "[::1]:", "is not [ADDRESS]:PORT" },
                { "[oap]:11800", "is not [ADDRESS]:PORT" },
                { "[]:11800", "is not [ADDRESS]:PORT" },
                { "unix:oap", "has to begin with '/'" },
                { "unix:///", "has to begin with '/'" },
                { "unix:/run/%41", "no '%'" },
                { "unix:/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
                  "89012345678901234567890",
                  "too long" },
                { "oap:11800 oap", "'oap' has no port" },
                { "a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1", "more than 16" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                expect_refused(&(OapTransportConfig){ .addresses = { rows[i].address } }, rows[i].words);
                expect_refused(&(OapTransportConfig){ .addresses = { "oap:11800", rows[i].address } },
                               rows[i].words);
        }
        expect_refused(&(OapTransportConfig){}, "no address");
}

Test(oap_transport, a_token_that_is_no_header_is_refused) {
        static const char *const tokens[] = { "", "secret\n", "geheimnis\xc3\xbc", "a\tb" };

        for (size_t i = 0; i < ELEMENTSOF(tokens); i++)
                expect_refused(&(OapTransportConfig){ .addresses = { "oap:11800" }, .token = tokens[i] },
                               "the token");
}

/* Made by openssl(1); to be freed. */
static char *made(const char *command) {
        char *text = NULL;
        FILE *p = popen(command, "re");

        cr_assert(p);
        cr_assert_eq(read_full_fd(fileno(p), 1 << 20, &text, NULL), 0);
        cr_assert_eq(pclose(p), 0, "%s", command);
        return text;
}

Test(oap_transport, certificates_that_are_none_are_refused) {
        _cleanup_(freep) char *key = made("openssl genpkey -algorithm ed25519");
        _cleanup_(freep) char *other = made("openssl genpkey -algorithm ed25519");
        _cleanup_(freep) char *secret = made("openssl genpkey -algorithm ed25519 -aes256 -pass pass:x");
        _cleanup_(freep) char *certificate = made(
                        "openssl genpkey -algorithm ed25519 | openssl req -x509 -key /dev/stdin -subj /CN=x");
        OapTransportConfig c = { .addresses = { "oap:11800" }, .tls = true };

        c.ca = "nothing";
        expect_refused(&c, "the file of authorities");
        c.ca = key;
        expect_refused(&c, "the file of authorities");
        c.ca = certificate;
        c.certificate = certificate;
        expect_refused(&c, "a certificate, but no key");
        c.key = other;
        expect_refused(&c, "not that of its certificate");
        c.key = secret;
        expect_refused(&c, "without a password");
        c.key = "";
        expect_refused(&c, "without a password");
        c.certificate = NULL;
        expect_refused(&c, "a key, but no certificate");
        c.key = key;
        c.certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        expect_refused(&c, "the client's certificate");
}
