/* SPDX-License-Identifier: Apache-2.0 */
/* [OAP] and [Service] of cprofd.conf. */
#include "config-bed.h"

#include "check.h"
#include "config-settings.h"

#include <criterion/redirect.h>

TestSuite(test_config_service, .timeout = 30);

#define LEFT_OUT(line) "; the [Service] section of line " #line " is left out"
#define ALL "HmnNpjiPxUs"
#define ADDRESSES "expected addresses such as oap.example:11800, [::1]:11800 or unix:/run/oap.sock"

static const char *or_none(const char *text) {
        return text ? text : "";
}

Test(test_config_service, without_files_there_is_no_oap_and_no_rule, .init = init, .fini = done) {
        _cleanup_(config_done) Config c;

        LOAD(&c);
        cr_expect_not(oap_config_is_on(&c.oap));
        cr_expect_not(c.oap.tls);
        cr_expect_eq(c.oap.meter_interval_usec, 5 * USEC_PER_SEC);
        cr_expect_eq(c.oap.spool_bytes, UINT64_C(256) << 20);
        cr_expect_eq(c.oap.spool_age_usec, 3 * USEC_PER_DAY);
        cr_expect(c.services.n_rules == 0 && !c.services.is_given);
}

Test(test_config_service, every_setting_of_oap_is_read, .init = init, .fini = done) {
        _cleanup_(config_done) Config c;

        put(MAIN_FILE,
            "[OAP]\nAddress=a.example:11800 [::1]:11801\nEbpfAddress=unix:/run/oap.sock\nTLS=yes\nCAFile=/ca.pem\n"
            "CertificateFile=/c.pem\nKeyFile=/k.pem\nServerName=oap.example\nTokenFile=/token\nMeterSec=10s\n"
            "SpoolMaxUse=1G\nSpoolMaxAge=1d\n");
        LOAD(&c);
        cr_expect_str_eq(or_none(c.oap.addresses[OAP_CHANNEL_MAIN]), "a.example:11800 [::1]:11801");
        cr_expect_str_eq(or_none(c.oap.addresses[OAP_CHANNEL_EBPF]), "unix:/run/oap.sock");
        cr_expect(c.oap.tls);
        cr_expect_str_eq(or_none(c.oap.ca_file), "/ca.pem");
        cr_expect_str_eq(or_none(c.oap.certificate_file), "/c.pem");
        cr_expect_str_eq(or_none(c.oap.key_file), "/k.pem");
        cr_expect_str_eq(or_none(c.oap.server_name), "oap.example");
        cr_expect_str_eq(or_none(c.oap.token_file), "/token");
        cr_expect_eq(c.oap.meter_interval_usec, 10 * USEC_PER_SEC);
        cr_expect_eq(c.oap.spool_bytes, UINT64_C(1) << 30);
        cr_expect_eq(c.oap.spool_age_usec, USEC_PER_DAY);
}

Test(test_config_service, an_empty_value_takes_a_setting_of_oap_back, .init = init, .fini = done) {
        _cleanup_(config_done) Config c;

        put(MAIN_FILE, "[OAP]\nAddress=a:1\nTokenFile=/token\n");
        put(ETC_DROPINS "a.conf", "[OAP]\nAddress=\nTokenFile=\n");
        LOAD(&c);
        cr_expect_not(oap_config_is_on(&c.oap));
        cr_expect_str_eq(or_none(c.oap.token_file), "");
}

Test(test_config_service, bad_settings_of_oap_are_told, .init = init, .fini = done) {
        static const struct {
                const char *line, *problem;
        } rows[] = {
                { "Address=a", ADDRESSES },
                { "Address=a:0", ADDRESSES },
                { "Address=a:65536", ADDRESSES },
                { "Address=:11800", ADDRESSES },
                { "Address=::1:11800", ADDRESSES },
                { "Address=a:1,b:2", ADDRESSES },
                { "Address=http://a:1", ADDRESSES },
                { "Address=unix:oap.sock", ADDRESSES },
                { "Address=a:1 b", ADDRESSES },
                { "EbpfAddress=[::1:1", ADDRESSES },
                { "TLS=maybe", "expected yes or no" },
                { "CAFile=ca.pem", "expected an absolute path" },
                { "TokenFile=token", "expected an absolute path" },
                { "ServerName=a b", "expected a host name" },
                { "MeterSec=0", "expected whole seconds from 1 to 60" },
                { "MeterSec=61s", "expected whole seconds from 1 to 60" },
                { "MeterSec=1500ms", "expected whole seconds from 1 to 60" },
                { "SpoolMaxUse=1M", "expected bytes, 16M or more" },
                { "SpoolMaxAge=infinity", "expected a time span from 1min to 30d" },
                { "SpoolMaxAge=10s", "expected a time span from 1min to 30d" },
                { "Adress=a:1", "unknown key, did you mean Address" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(config_done) Config c;
                char text[256], expected[256];

                (void) snprintf(text, sizeof(text), "[OAP]\n%s\n", rows[i].line);
                (void) snprintf(expected,
                                sizeof(expected),
                                MAIN_FILE ":2: %s: %s",
                                rows[i].line,
                                rows[i].problem);
                put(MAIN_FILE, text);
                LOAD(&c, expected);
                cr_expect_not(oap_config_is_on(&c.oap));
        }
}

Test(test_config_service, settings_of_oap_that_do_nothing_are_told, .init = init, .fini = done) {
        _cleanup_(config_done) Config c;

        put(MAIN_FILE, "[OAP]\nEbpfAddress=a:1\n\nCAFile=/x\nServerName=y\n");
        LOAD(&c,
             MAIN_FILE ":2: EbpfAddress= does nothing without Address=",
             MAIN_FILE ":4: CAFile= does nothing without TLS=yes",
             MAIN_FILE ":5: ServerName= does nothing without TLS=yes");

        config_done(&c);
        put(MAIN_FILE, "[OAP]\nEbpfAddress=a:1\nAddress=b:2\nCAFile=/x\nServerName=y\nTLS=yes\n");
        LOAD(&c);
}

Test(test_config_service, each_section_is_a_rule_in_order, .init = init, .fini = done) {
        _cleanup_(config_done) Config c;
        char expected[PATH_MAX];

        put(MAIN_FILE,
            "[Service]\nUnit=web php*.service\nUnit=api\nSlice=shop\nLayer=MESH\nService=shop::%p\nInstance=%H-1\n"
            "Process=%x\nProperty=team=web shop\nProperty=unit=%n\nProperty=team=a=b\n"
            "[OAP]\nAddress=a:1\n"
            "[Service]\nExe=/usr/bin/*\nUser=www-data\nRegister=no\n");
        put(ETC_DROPINS "b.conf", "[Service]\nUnit=late\nScope=unit\n");
        put(VENDOR_DROPINS "a.conf", "[Service]\nUnit=early\n");
        LOAD(&c);
        cr_assert_eq(c.services.n_rules, 4);
        cr_expect(c.services.is_given);
        cr_expect_str_eq(c.oap.addresses[0], "a:1");

        const ServiceRule *r = c.services.rules;
        cr_expect_str_eq(r->units[0], "web.service");
        cr_expect_str_eq(r->units[1], "php*.service");
        cr_expect_str_eq(r->units[2], "api.service");
        cr_expect_null(r->units[3]);
        cr_expect_str_eq(r->slices[0], "shop.slice");
        cr_expect_str_eq(r->layer, "MESH");
        cr_expect_str_eq(r->service, "shop::%p");
        cr_expect_str_eq(r->instance, "%H-1");
        cr_expect_str_eq(r->process, "%x");
        cr_expect_str_eq(r->properties[0], "team=a=b");
        cr_expect_str_eq(r->properties[1], "unit=%n");
        cr_expect_null(r->properties[2]);
        cr_expect(r->is_registered && !r->is_unit_scope);
        (void) snprintf(expected, sizeof(expected), "%s" MAIN_FILE ":1", root);
        cr_expect_str_eq(r->where, expected);

        cr_expect_not(r[1].is_registered);
        cr_expect_str_eq(r[1].service, "%N");
        cr_expect_str_eq(r[1].exes[0], "/usr/bin/*");
        cr_expect_str_eq(r[1].users[0], "www-data");
        (void) snprintf(expected, sizeof(expected), "%s" MAIN_FILE ":14", root);
        cr_expect_str_eq(r[1].where, expected);
        cr_expect_str_eq(r[2].units[0], "early.service");
        cr_expect_str_eq(r[3].units[0], "late.service");
        cr_expect(r[3].is_unit_scope);
}

Test(test_config_service, empty_values_are_the_defaults, .init = init, .fini = done) {
        _cleanup_(config_done) Config c, plain;

        put(MAIN_FILE,
            "[Service]\nUnit=web\nSlice=a\nUnit=\nSlice=\nLayer=MESH\nLayer=\nService=x\nService=\nInstance=y\nInstance=\n"
            "Process=z\nProcess=\nProperty=a=b\nProperty=\nRegister=no\nRegister=\nScope=unit\nScope=\n");
        LOAD(&c);
        put(MAIN_FILE, "\n\n[Service]\n");
        LOAD(&plain);
        cr_expect(service_rules_equal(&c.services, &plain.services));

        config_done(&plain);
        put(MAIN_FILE, "[Service]\nProperty=a=\n");
        LOAD(&plain);
        cr_expect_not(service_rules_equal(&c.services, &plain.services));
}

Test(test_config_service, a_bad_line_costs_its_section_and_no_other, .init = init, .fini = done) {
        static const struct {
                const char *line, *problem;
        } rows[] = {
                { "Unti=web", "unknown key in [Service], did you mean Unit=?" },
                { "Colour=blue",
                  "unknown key in [Service], expected one of Unit, Slice, Exe, User, Register, Scope, Layer, Service, Instance, Process, Property" },
                { "Unit=a.socket", "'a.socket' is not watched, expected a service, scope or slice" },
                { "Unit=a[.service", "'a[.service' has a '[' without ']'" },
                { "Exe=nginx", "'nginx' is not an absolute path or glob such as /usr/bin/php*" },
                { "Register=perhaps", "expected yes or no" },
                { "Scope=units", "unknown scope, did you mean unit?" },
                { "Layer=general", "expected a layer of SkyWalking in capitals such as GENERAL or MESH" },
                { "Service=%q", "unknown specifier %q, expected one of " ALL },
                { "Instance=100%", "'%' at the end, expected %% for the character" },
                { "Process=% P", "'%' without a specifier, one of " ALL },
                { "Property=a", "expected KEY=VALUE with a key of 1 to 64 bytes without blanks" },
                { "Property==b", "expected KEY=VALUE with a key of 1 to 64 bytes without blanks" },
                { "Property=a b=c", "expected KEY=VALUE with a key of 1 to 64 bytes without blanks" },
                { "Property=a=%z", "unknown specifier %z, expected one of " ALL },
                { "Property=support_ebpf_profiling=false", "cprofd itself says that" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(config_done) Config c;
                char text[256], expected[400];

                (void) snprintf(text,
                                sizeof(text),
                                "[Service]\nUnit=a\n[Service]\nUnit=b\n%s\nService=x\n[Service]\nUnit=c\n",
                                rows[i].line);
                (void) snprintf(expected,
                                sizeof(expected),
                                MAIN_FILE ":5: %s: %s" LEFT_OUT(3),
                                rows[i].line,
                                rows[i].problem);
                put(MAIN_FILE, text);
                LOAD(&c, expected);
                cr_assert_eq(c.services.n_rules, 2, "%s", rows[i].line);
                cr_expect_str_eq(c.services.rules[0].units[0], "a.service");
                cr_expect_str_eq(c.services.rules[1].units[0], "c.service");
        }
}

Test(test_config_service, what_no_line_alone_is_to_blame_for, .init = init, .fini = done) {
        _cleanup_(config_done) Config c;

        put(MAIN_FILE, "[Service]\nScope=unit\nExe=/usr/bin/php\n");
        LOAD(&c,
             MAIN_FILE
             ":1: [Service]: Scope=unit: Exe= and User= tell processes apart, not units; use Unit= or Slice=" LEFT_OUT(
                             1));
        cr_expect(c.services.n_rules == 0 && c.services.is_given);

        config_done(&c);
        put(MAIN_FILE, "[Service]\nUnit=a\nnonsense\n[Service]\nUnit=b\n");
        put(ETC_DROPINS "a.conf", "[Service]\nUnit=c\n");
        LOAD(&c, MAIN_FILE ":3: syntax: expected 'Key=Value' or '[Section]'" LEFT_OUT(1));
        cr_assert_eq(c.services.n_rules, 1);
        cr_expect_str_eq(c.services.rules[0].units[0], "c.service");
}

Test(test_config_service, sections_are_bounded, .init = init, .fini = done) {
        _cleanup_(config_done) Config c;
        char text[16 * (SERVICE_RULES_MAX + 1)] = "", expected[128];

        for (unsigned i = 0; i <= SERVICE_RULES_MAX; i++)
                strcat(text, "[Service]\n");
        put(MAIN_FILE, text);
        (void) snprintf(expected,
                        sizeof(expected),
                        MAIN_FILE
                        ":%u: [Service]: more than %u sections; the [Service] section of line %u is left out",
                        SERVICE_RULES_MAX + 1,
                        SERVICE_RULES_MAX,
                        SERVICE_RULES_MAX + 1);
        LOAD(&c, expected);
        cr_expect_eq(c.services.n_rules, SERVICE_RULES_MAX);

        config_done(&c);
        strcpy(text, "[Service]\n");
        for (unsigned i = 0; i <= IDENTITY_PROPERTIES_MAX; i++)
                (void) snprintf(text + strlen(text), 32, "Property=p%u=x\n", i);
        put(MAIN_FILE, text);
        LOAD(&c, MAIN_FILE ":18: Property=p16=x: more than 16 properties" LEFT_OUT(1));
}

Test(test_config_service, the_check_shows_them, .init = init, .fini = done) {
        char expected[1024];

        put(MAIN_FILE, "[OAP]\nAddress=oap\n[Service]\nUnit=web\nServise=shop\n");
        (void) snprintf(expected,
                        sizeof(expected),
                        "cprofd: %1$s" MAIN_FILE ":2: Address=oap: " ADDRESSES "\n"
                        "cprofd: %1$s" MAIN_FILE
                        ":5: Servise=shop: unknown key in [Service], did you mean Service=?" LEFT_OUT(
                                        3) "\n"
                                           "cprofd: check failed: 2 problems\n",
                        root);
        cr_redirect_stderr();
        cr_expect_eq(check_run(root), EXIT_FAILURE);
        (void) fflush(stderr);
        cr_expect_stderr_eq_str(expected);
}

static char *read_manual(void) {
        char path[PATH_MAX], *text;
        size_t length;

        (void) snprintf(path, sizeof(path), "%s/doc/cprofd.conf.5", getenv("CPROF_SOURCE_ROOT") ?: ".");
        cr_assert_eq(read_full_file_at(AT_FDCWD, path, 1 << 20, &text, &length), 0, "%s", path);
        return text;
}

Test(test_config_service, the_example_of_the_manual_is_good, .init = init, .fini = done) {
        _cleanup_(config_done) Config c;
        _cleanup_(freep) char *text = read_manual();
        char *begin = strstr(text, ".SH EXAMPLES\n.nf\n"), *end = begin ? strstr(begin, ".fi\n") : NULL,
             *out = text;

        cr_assert_not_null(end);
        for (char *p = begin + strlen(".SH EXAMPLES\n.nf\n"); p < end; p++)
                if (*p != '\\')
                        *out++ = *p;
        *out = '\0';

        put(MAIN_FILE, text);
        LOAD(&c);
        cr_expect(oap_config_is_on(&c.oap) && c.oap.tls);
        cr_assert_eq(c.services.n_rules, 4);
        cr_expect_not(c.services.rules[0].is_registered);
        cr_expect_str_eq(c.services.rules[1].process, "%p/%P");
        cr_expect(c.services.rules[2].is_unit_scope);
}

Test(test_config_service, the_manual_has_every_setting_and_specifier) {
        _cleanup_(freep) char *text = read_manual();
        char word[64];

        for (size_t i = 0; i < CONFIG_SETTINGS_N; i++) {
                (void) snprintf(word, sizeof(word), "%s=", config_settings[i].key);
                cr_expect_not_null(strstr(text, word), "%s", word);
        }
        for (const char *p = IDENTITY_SPECIFIERS; *p; p++) {
                (void) snprintf(word, sizeof(word), "\n%%%c|", *p);
                cr_expect_not_null(strstr(text, word), "%s", word + 1);
        }
}
