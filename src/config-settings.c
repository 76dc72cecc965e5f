/* SPDX-License-Identifier: Apache-2.0 */
/* What each setting of cprofd.conf takes. */
#include "config-settings.h"

#include "basic/log.h"
#include "basic/parse.h"
#include "config-oap.h"
#include "task/governor.h"

#include <string.h>

static int set_log_level(const char *value, Config *c) {
        int level = log_level_from_string(value);

        if (level < 0)
                return level;

        c->log_level = level;
        return 0;
}

static int set_oncpu_hz(const char *value, Config *c) {
        return parse_uint(value, 1, PROBE_ONCPU_HZ_MAX, &c->oncpu_hz);
}

static int set_java_attach(const char *value, Config *c) {
        return parse_bool(value, &c->java_attach);
}

static int set_tasks_max(const char *value, Config *c) {
        return parse_uint(value, 1, 1024, &c->tasks_max);
}

static int set_processes_max(const char *value, Config *c) {
        return parse_uint(value, 1, 65536, &c->processes_max);
}

static int set_unwind_bytes(const char *value, Config *c) {
        uint64_t bytes;
        int r;

        r = parse_bytes(value, &bytes);
        if (r < 0)
                return r;
        if (bytes < UNWIND_BYTES_MIN || bytes > UNWIND_BYTES_MAX)
                return -ERANGE;

        c->unwind_bytes = bytes;
        return 0;
}

static int set_budget(const char *value, Config *c) {
        size_t length = strlen(value);
        char number[32];
        double percent;
        int r;

        if (length == 0 || length >= sizeof(number) || value[length - 1] != '%')
                return -EINVAL;

        memcpy(number, value, length - 1);
        number[length - 1] = '\0';

        r = parse_double(number, BUDGET_PERCENT_MAX, &percent);
        if (r < 0)
                return r;
        if (percent < BUDGET_PERCENT_MIN)
                return -ERANGE;

        c->budget_percent = percent;
        return 0;
}

static int set_recorder_hz(const char *value, Config *c) {
        return parse_uint(value, 0, RECORDER_HZ_MAX, &c->recorder_hz);
}

static int set_recorder_sec(const char *value, Config *c) {
        usec_t usec;
        int r;

        r = timespan_parse(value, &usec);
        if (r < 0)
                return r;
        if (usec > RECORDER_SEC_MAX * USEC_PER_SEC || usec % USEC_PER_SEC != 0)
                return -ERANGE;

        c->recorder_sec = (unsigned) (usec / USEC_PER_SEC);
        return 0;
}

static int set_debuginfod(const char *value, Config *c) {
        return parse_bool(value, &c->debuginfod);
}

static int set_debuginfod_urls(const char *value, Config *c) {
        if (strlen(value) >= sizeof(c->debuginfod_urls))
                return -E2BIG;

        (void) snprintf(c->debuginfod_urls, sizeof(c->debuginfod_urls), "%s", value);
        return 0;
}

static int set_max_use(const char *value, Config *c) {
        return parse_bytes(value, &c->store.max_use_bytes);
}

static int set_keep_free(const char *value, Config *c) {
        return parse_bytes(value, &c->store.keep_free_bytes);
}

static int set_max_age(const char *value, Config *c) {
        if (strcmp(value, "infinity") == 0) {
                c->store.max_age_usec = USEC_INFINITY;
                return 0;
        }

        return timespan_parse(value, &c->store.max_age_usec);
}

static int set_http_hook(const char *value, Config *c) {
        int hook = probe_http_hook_from_string(value);

        if (hook < 0)
                return hook;

        c->http_hook = hook;
        return 0;
}

static int set_http_rules_max(const char *value, Config *c) {
        return parse_uint(value, 1, HTTP_RULES_MAX, &c->http_rules_max);
}

static int set_http_tls(const char *value, Config *c) {
        return parse_bool(value, &c->http_tls);
}

#define OAP_ADDRESSES "addresses such as oap.example:11800, [::1]:11800 or unix:/run/oap.sock"

const ConfigSetting config_settings[] = {
        { "Manager", "LogLevel", set_log_level, "err, warning, notice, info or debug" },
        { "Profile", "OnCpuHz", set_oncpu_hz, "a number from 1 to 1000" },
        { "Profile", "MaxTasks", set_tasks_max, "a number from 1 to 1024" },
        { "Profile", "MaxProcesses", set_processes_max, "a number from 1 to 65536" },
        { "Profile", "JavaAttach", set_java_attach, "yes or no" },
        { "Profile", "UnwindTablesMax", set_unwind_bytes, "bytes from 1M to 1G" },
        { "Profile", "Budget", set_budget, "a share of the host from 0.1% to 100%" },
        { "Recorder", "RecorderHz", set_recorder_hz, "a number from 0 (off) to 100" },
        { "Recorder", "RecorderSec", set_recorder_sec, "whole seconds from 0 (off) to 600" },
        { "Http", "HttpHook", set_http_hook, "auto, socket, cgroup or syscall" },
        { "Http", "HttpRulesMax", set_http_rules_max, "a number from 1 to 16384" },
        { "Http", "HttpTls", set_http_tls, "yes or no" },
        { "Symbols", "Debuginfod", set_debuginfod, "yes or no" },
        { "Symbols", "DebuginfodUrls", set_debuginfod_urls, "URLs of at most 1023 bytes" },
        { "Store", "MaxUse", set_max_use, "bytes such as 500M" },
        { "Store", "KeepFree", set_keep_free, "bytes such as 1G" },
        { "Store", "MaxAge", set_max_age, "a time span such as 14d, or infinity" },
        { "OAP", "Address", config_set_oap_address, OAP_ADDRESSES },
        { "OAP", "EbpfAddress", config_set_oap_ebpf_address, OAP_ADDRESSES },
        { "OAP", "TLS", config_set_oap_tls, "yes or no" },
        { "OAP", "CAFile", config_set_oap_ca_file, "an absolute path" },
        { "OAP", "CertificateFile", config_set_oap_certificate_file, "an absolute path" },
        { "OAP", "KeyFile", config_set_oap_key_file, "an absolute path" },
        { "OAP", "ServerName", config_set_oap_server_name, "a host name" },
        { "OAP", "TokenFile", config_set_oap_token_file, "an absolute path" },
        { "OAP", "MeterSec", config_set_oap_meter_interval, "whole seconds from 1 to 60" },
        { "OAP", "SpoolMaxUse", config_set_oap_spool_bytes, "bytes, 16M or more" },
        { "OAP", "SpoolMaxAge", config_set_oap_spool_age, "a time span from 1min to 30d" },
};
_Static_assert(ELEMENTSOF(config_settings) == CONFIG_SETTINGS_N, "each is in the table");

void config_default(Config *c) {
        *c = (Config){
                .log_level = LOG_INFO,
                .oncpu_hz = PROBE_ONCPU_HZ_DEFAULT,
                .tasks_max = TASKS_RUNNING_MAX_DEFAULT,
                .processes_max = PROBE_WATCHED_MAX,
                .java_attach = true,
                .unwind_bytes = PROBE_UNWIND_BYTES_DEFAULT,
                .recorder_hz = RECORDER_HZ_DEFAULT,
                .recorder_sec = RECORDER_SEC_DEFAULT,
                .budget_percent = BUDGET_PERCENT_DEFAULT,
                .http_hook = PROBE_HTTP_HOOK_AUTO,
                .http_rules_max = PROBE_HTTP_RULES_DEFAULT,
                .http_tls = true,
                .store.max_age_usec = USEC_INFINITY,
        };
        oap_config_default(&c->oap);
}

void config_done(Config *c) {
        assert(c);

        oap_config_done(&c->oap);
        service_rules_done(&c->services);
}

unsigned config_recorder_every(const Config *c) {
        assert(c);

        return c->recorder_sec > 0 ? recorder_every(c->oncpu_hz, c->recorder_hz) : 0;
}
