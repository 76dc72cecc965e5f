/* SPDX-License-Identifier: Apache-2.0 */
#include "config-settings.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(config_settings, .timeout = 10);

static const ConfigSetting *find(const char *key) {
        for (size_t i = 0; i < CONFIG_SETTINGS_N; i++)
                if (strcmp(config_settings[i].key, key) == 0)
                        return config_settings + i;

        return NULL;
}

Test(config_settings, http_is_measured_by_the_best_hook_unless_told_otherwise) {
        Config c;

        config_default(&c);
        cr_expect_eq(c.http_hook, PROBE_HTTP_HOOK_AUTO);
        cr_expect_eq(c.http_rules_max, 2048);
        cr_expect(c.http_tls);
}

Test(config_settings, values_of_http_are_checked) {
        static const struct {
                const char *key, *value;
                bool is_good;
        } rows[] = {
                { "HttpHook", "auto", true },      { "HttpHook", "socket", true },
                { "HttpHook", "cgroup", true },    { "HttpHook", "syscall", true },
                { "HttpHook", "kprobe", false },   { "HttpHook", "", false },
                { "HttpHook", "Socket", false },   { "HttpRulesMax", "1", true },
                { "HttpRulesMax", "16384", true }, { "HttpRulesMax", "16385", false },
                { "HttpRulesMax", "0", false },    { "HttpRulesMax", "many", false },
                { "HttpTls", "no", true },         { "HttpTls", "yes", true },
                { "HttpTls", "maybe", false },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const ConfigSetting *s = find(rows[i].key);
                Config c;

                config_default(&c);
                cr_assert_not_null(s);
                cr_expect_str_eq(s->section, "Http");
                cr_expect_eq(s->set(rows[i].value, &c) >= 0,
                             rows[i].is_good,
                             "%s=%s",
                             rows[i].key,
                             rows[i].value);
                config_done(&c);
        }
}

Test(config_settings, each_key_of_a_section_is_there_once) {
        for (size_t i = 0; i < CONFIG_SETTINGS_N; i++)
                for (size_t k = 0; k < i; k++)
                        cr_expect(strcmp(config_settings[i].section, config_settings[k].section) != 0 ||
                                                  strcmp(config_settings[i].key, config_settings[k].key) !=
                                                                  0,
                                  "%s",
                                  config_settings[i].key);
}
