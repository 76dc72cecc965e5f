/* SPDX-License-Identifier: Apache-2.0 */
#include "target/identity-name.h"

#include "basic/utf8.h"
#include "fake/fake-subjects.h"
#include "target/identity.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(identity_name, .timeout = 10);

static UserNames *users;

static void start(void) {
        cr_assert_eq(user_names_new(&users), 0);
}

static void stop(void) {
        users = user_names_free(users);
}

static void
expect_expanded(const char *unit_name,
                const char *exe,
                bool is_whole,
                const char *text,
                const char *expected) {
        _cleanup_(freep) char *name = NULL;
        Unit root = fake_unit("-.slice", NULL), slice = fake_unit("web.slice", &root);
        Unit unit = fake_unit(unit_name, &slice);
        Process p = fake_process(10, "nginx#2", &unit);
        const NameSource source = {
                .host = "host-a",
                .machine_id = "0123",
                .unit = &unit,
                .process = &p,
                .is_whole_unit = is_whole,
                .users = users,
        };

        p.comm = (char *) "nginx";
        p.exe = (char *) exe;
        p.uid = 0;
        cr_assert_eq(identity_expand(text, &source, &name), 0);
        cr_expect_str_eq(name, expected, "'%s' of %s is '%s'", text, unit_name, name);
}

Test(identity_name, specifiers_are_those_of_systemd_and_some_more, .init = start, .fini = stop) {
        static const struct {
                const char *unit, *exe;
                bool is_whole;
                const char *text, *expected;
        } rows[] = {
                { "foo-bar@b-z.service", "/usr/sbin/nginx", false, "%n", "foo-bar@b-z.service" },
                { "foo-bar@b-z.service", "/usr/sbin/nginx", false, "%N", "foo-bar@b-z" },
                { "foo-bar@b-z.service", "/usr/sbin/nginx", false, "%p|%j|%i", "foo-bar|bar|b-z" },
                { "foo-bar.service", NULL, false, "%p|%j|%i|", "foo-bar|bar||" },
                { "a.b-c.service", NULL, false, "%N|%p|%j", "a.b-c|a.b-c|c" },
                { "user@1.service/x@y.scope",
                  NULL,
                  false,
                  "%n|%N",
                  "user@1.service/x@y.scope|user@1.service/x@y" },
                { "user@1.service/x@y.scope", NULL, false, "%p|%i", "x|y" },
                { "-.slice", NULL, true, "%N|%p|%j", "-|-|-" },
                { "web.service", "/usr/sbin/nginx", false, "%P|%x|%U|%s", "nginx#2|nginx|root|web.slice" },
                { "web.service", "/usr/sbin/nginx", true, "%P|%x|%U", "web|nginx|root" },
                { "web.service", "/opt/a (b)/app (deleted)", false, "%x", "app" },
                { "web.service", NULL, false, "%x", "nginx" },
                { "web.service", NULL, false, "%H-%m %%H", "host-a-0123 %H" },
                { "web.service", NULL, false, "  %i a b \t", "a b" },
                { "web.service", NULL, false, "%i", "" },
                { "web.service", NULL, false, "100%", "100" },
                { "w\xff\x01x.service", NULL, false, "%N", "w??x" },
                { "web.service", "/usr/bin/\xc3\xa4\xc3", false, "%x", "\xc3\xa4?" },
                { "noservice", NULL, false, "%N|%n", "noservice|noservice" },
                { "a@.service", NULL, false, "%p|%i|", "a||" },
                { "a/", NULL, false, "%p|%i|%N", "||a/" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                expect_expanded(rows[i].unit, rows[i].exe, rows[i].is_whole, rows[i].text, rows[i].expected);
}

Test(identity_name, unknown_specifiers_are_found) {
        static const struct {
                const char *text;
                int bad; /* -1: good */
        } rows[] = {
                { "", -1 },       { "shop", -1 },   { "%H%m%n%N%p%j%i%P%x%U%s%%", -1 },
                { "100%", '\0' }, { "%q", 'q' },    { "%%%", '\0' },
                { "%%q", -1 },    { "%N-%I", 'I' },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char bad = '?';

                cr_expect_eq(identity_template_is_valid(rows[i].text, &bad),
                             rows[i].bad < 0,
                             "%s",
                             rows[i].text);
                if (rows[i].bad >= 0)
                        cr_expect_eq(bad, (char) rows[i].bad, "%s", rows[i].text);
        }
}

static size_t utf16_units(const char *text) {
        size_t n = 0;

        for (; *text; text++)
                n += ((unsigned char) *text & 0xc0) == 0x80 ? 0 : (unsigned char) *text >= 0xf0 ? 2 : 1;

        return n;
}

Test(identity_name, long_names_are_cut_at_a_character_with_a_digest_of_all) {
        static const char *const letters[] = { "x", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x90\xbc" };
        char last[400] = "";

        for (size_t i = 0; i < ELEMENTSOF(letters); i++)
                for (size_t n = 1; n <= 90; n++) {
                        char name[400] = "", whole[400];
                        size_t before;

                        for (size_t k = 0; k < n; k++)
                                strcat(name, letters[i]);
                        strcpy(whole, name);
                        before = utf16_units(name);
                        identity_cut(name, IDENTITY_NAME_UNITS_MAX, IDENTITY_PROCESS_BYTES_MAX);

                        cr_expect(utf8_is_valid(name, strlen(name)));
                        cr_expect_leq(utf16_units(name), 70u);
                        if (before <= 70) {
                                cr_expect_str_eq(name, whole);
                                continue;
                        }
                        cr_expect_geq(utf16_units(name), 69u, "as much as fits");
                        cr_expect_eq(name[strlen(name) - 9], '~');
                        cr_expect_str_neq(name, last, "names that differ behind the cut differ");
                        strcpy(last, name);
                }
}

Test(identity_name, the_digest_never_changes) {
        char name[] = "a-service-with-a-name-that-is-longer-than-what-skywalking-keeps-of-it-in-its-tables";

        identity_cut(name, IDENTITY_NAME_UNITS_MAX, IDENTITY_PROCESS_BYTES_MAX);
        cr_expect_str_eq(name, "a-service-with-a-name-that-is-longer-than-what-skywalking-kee~3d5a7e9a");
}

Test(identity_name, bytes_are_a_limit_too) {
        char name[1201] = "";

        for (unsigned i = 0; i < 300; i++)
                strcat(name, "\xf0\x9f\x90\xbc");
        identity_cut(name, IDENTITY_PROCESS_BYTES_MAX, IDENTITY_PROCESS_BYTES_MAX);
        cr_expect_leq(strlen(name), 500u);
        cr_expect_geq(strlen(name), 497u);
        cr_expect(utf8_is_valid(name, strlen(name)));
}
