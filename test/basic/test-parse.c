/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/cleanup.h"
#include "basic/parse.h"
#include "basic/unit-name.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(parse, .timeout = 5);

Test(parse, integers_are_whole_strings_in_range) {
        static const struct {
                const char *text;
                int r;
                uint64_t value;
        } table[] = {
                { "5", 0, 5 },         { "20", 0, 20 },
                { "007", 0, 7 },       { "18446744073709551616", -ERANGE, 0 },
                { "4", -ERANGE, 0 },   { "21", -ERANGE, 0 },
                { "", -EINVAL, 0 },    { " 5", -EINVAL, 0 },
                { "5 ", -EINVAL, 0 },  { "+5", -EINVAL, 0 },
                { "-5", -EINVAL, 0 },  { "0x10", -EINVAL, 0 },
                { "5.0", -EINVAL, 0 }, { "a", -EINVAL, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                uint64_t v = 77;
                unsigned u = 77;

                cr_expect_eq(parse_u64(table[i].text, 5, 20, &v), table[i].r, "'%s'", table[i].text);
                cr_expect_eq(parse_uint(table[i].text, 5, 20, &u), table[i].r, "'%s'", table[i].text);
                cr_expect_eq(v, table[i].r < 0 ? 77 : table[i].value, "'%s'", table[i].text);
                cr_expect_eq(u, table[i].r < 0 ? 77 : table[i].value, "'%s'", table[i].text);
        }

        uint64_t v;
        cr_expect_eq(parse_u64("18446744073709551615", 0, UINT64_MAX, &v), 0);
        cr_expect_eq(v, UINT64_MAX);
}

Test(parse, doubles_have_digits_on_both_sides_of_the_point) {
        static const struct {
                const char *text;
                int r;
                double value;
        } table[] = {
                { "0", 0, 0 },
                { "80", 0, 80 },
                { "0.25", 0, 0.25 },
                { "100", 0, 100 },
                { "0.1000000000000000000000000000001", 0, 0.1 },
                { "100.5", -ERANGE, 0 },
                { "99999999999999999999999999999999999999999999", -ERANGE, 0 },
                { "", -EINVAL, 0 },
                { ".5", -EINVAL, 0 },
                { "5.", -EINVAL, 0 },
                { "1,5", -EINVAL, 0 },
                { "-1", -EINVAL, 0 },
                { "1e1", -EINVAL, 0 },
                { "nan", -EINVAL, 0 },
                { "inf", -EINVAL, 0 },
                { "5%", -EINVAL, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                double v = 77;

                cr_expect_eq(parse_double(table[i].text, 100, &v), table[i].r, "'%s'", table[i].text);
                cr_expect_float_eq(
                                v,
                                table[i].r < 0 ? 77 : table[i].value,
                                1e-12,
                                "'%s': %g",
                                table[i].text,
                                v);
        }
}

Test(parse, booleans_are_those_of_systemd) {
        static const char *const yes[] = { "1", "yes", "Y", "true", "T", "on", "ON" };
        static const char *const no[] = { "0", "no", "N", "false", "F", "off", "Off" };
        static const char *const bad[] = { "", "2", "ye", "yes ", "enabled", "nope" };
        bool b;

        for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
                b = false;
                cr_expect(parse_bool(yes[i], &b) == 0 && b, "'%s'", yes[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(no); i++) {
                b = true;
                cr_expect(parse_bool(no[i], &b) == 0 && !b, "'%s'", no[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                cr_expect_eq(parse_bool(bad[i], &b), -EINVAL, "'%s'", bad[i]);
}

Test(parse, byte_suffixes_are_powers_of_1024) {
        static const struct {
                const char *text;
                int r;
                uint64_t value;
        } table[] = {
                { "0", 0, 0 },
                { "1023", 0, 1023 },
                { "1K", 0, 1024 },
                { "500M", 0, UINT64_C(500) << 20 },
                { "2G", 0, UINT64_C(2) << 30 },
                { "3T", 0, UINT64_C(3) << 40 },
                { "99999999999T", -ERANGE, 0 },
                { "18446744073709551616", -ERANGE, 0 },
                { "K", -EINVAL, 0 },
                { "1k", -EINVAL, 0 },
                { "1KB", -EINVAL, 0 },
                { "1 K", -EINVAL, 0 },
                { "1.5G", -EINVAL, 0 },
                { "-1", -EINVAL, 0 },
                { "", -EINVAL, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                uint64_t v = 77;

                cr_expect_eq(parse_bytes(table[i].text, &v), table[i].r, "'%s'", table[i].text);
                cr_expect_eq(v, table[i].r < 0 ? 77 : table[i].value, "'%s'", table[i].text);
        }
}

Test(parse, a_field_ends_where_its_digits_end) {
        static const char text[] = "1f 20g";
        const char *p = text, *end = text + strlen(text);
        uint64_t v = 0;

        cr_assert_eq(parse_field(&p, end, 16, &v), 0);
        cr_expect_eq(v, 0x1fu);
        cr_expect_eq(p, text + 2);
        cr_expect_eq(parse_field(&p, end, 10, &v), -EINVAL, "a blank is no digit");
        p++;
        cr_assert_eq(parse_field(&p, end, 10, &v), 0);
        cr_expect_eq(v, 20u);

        /* The end holds, not a NUL. */
        p = text;
        cr_assert_eq(parse_field(&p, text + 1, 16, &v), 0);
        cr_expect_eq(v, 1u);
        cr_expect_eq(parse_field(&p, text + 1, 16, &v), -EINVAL);

        p = "ffffffffffffffffff";
        cr_expect_eq(parse_field(&p, p + 18, 16, &v), -ERANGE);
        cr_expect_eq(*p, 'f');
}

Test(parse, unit_names_are_services_scopes_and_slices) {
        static const char *const good[] = {
                "nginx.service", "getty@tty1.service", "-.slice",
                "a-b.slice",     "x\\x2dy.scope",      "1:2_3.service",
        };
        static const char *const bad[] = {
                "",           "nginx",     ".service",   "a b.service", "a/b.service", "dbus.socket",
                "@x.service", "ü.service", "a.service ",
        };
        char longest[UNIT_NAME_MAX + 1];

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                cr_expect(unit_name_is_valid(good[i]), "'%s'", good[i]);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                cr_expect_not(unit_name_is_valid(bad[i]), "'%s'", bad[i]);

        memset(longest, 'a', sizeof(longest));
        strcpy(longest + 255 - 8, ".service");
        cr_expect(unit_name_is_valid(longest));
        memset(longest, 'a', sizeof(longest));
        strcpy(longest + 256 - 8, ".service");
        cr_expect_not(unit_name_is_valid(longest));
}

Test(parse, unit_names_are_completed_as_systemctl_does) {
        static const char *const table[][2] = {
                { "nginx", "nginx.service" },
                { "nginx.service", "nginx.service" },
                { "user.slice", "user.slice" },
                { "a.b", "a.b.service" },
                { "php*", "php*" },
                { "web@[12].service", "web@[12].service" },
                { ".service", ".service.service" },
        };
        char *name = NULL;

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                cr_assert_eq(unit_name_mangle(table[i][0], &name), 0);
                cr_expect_str_eq(name, table[i][1]);
                free(name);
        }
        cr_expect_eq(unit_name_mangle("", &name), -EINVAL);
}
