/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/metric.h"

#include "basic/cleanup.h"
#include "basic/parse.h"

#include <math.h>
#include <string.h>

/* Thresholds are kept to the millionth: what format_value() writes then reads back as the same double,
 * because both are the double nearest to the same decimal. */
#define VALUE_DECIMALS 6
#define VALUE_SCALE 1e6
/* Beyond this the decimals would not fit the buffer, nor a double. */
#define VALUE_EXACT_MAX 1e15

static const MetricInfo infos[] = {
        [METRIC_PROCESS_CPU] = {
                .name = "process-cpu",
                .unit = "%",
                .threshold_max = 100.0 * 8192, /* NR_CPUS is at most 8192; linux/arch/x86/Kconfig */
                .expected = "a percentage such as 80%",
        },
        [METRIC_PROCESS_THREAD_COUNT] = {
                .name = "process-thread-count",
                .unit = "",
                .threshold_max = 4194304, /* PID_MAX_LIMIT; linux/threads.h */
                .expected = "a number of threads such as 500",
        },
        [METRIC_SYSTEM_LOAD] = {
                .name = "system-load",
                .unit = "",
                .threshold_max = 4194304, /* all threads there can be, all of them runnable */
                .expected = "a load average such as 8 or 2.5",
        },
        [METRIC_HTTP_ERROR_RATE] = {
                .name = "http-error-rate",
                .unit = "%",
                .threshold_max = 100,
                .expected = "a percentage such as 5%",
                .is_http = true,
        },
        [METRIC_HTTP_4XX_RATE] = {
                .name = "http-4xx-rate",
                .unit = "%",
                .threshold_max = 100,
                .expected = "a percentage such as 20%",
                .is_http = true,
        },
        [METRIC_HTTP_AVG_RESPONSE_TIME] = {
                .name = "http-avg-response-time",
                .unit = "ms",
                .threshold_max = 3600e3,
                .expected = "a time such as 250ms or 1.5s",
                .is_http = true,
        },
        [METRIC_HTTP_P95_RESPONSE_TIME] = {
                .name = "http-p95-response-time",
                .unit = "ms",
                .threshold_max = 3600e3,
                .expected = "a time such as 500ms or 1.5s",
                .is_http = true,
        },
        [METRIC_HTTP_P99_RESPONSE_TIME] = {
                .name = "http-p99-response-time",
                .unit = "ms",
                .threshold_max = 3600e3,
                .expected = "a time such as 900ms or 1.5s",
                .is_http = true,
        },
        [METRIC_HTTP_REQUEST_RATE] = {
                .name = "http-request-rate",
                .unit = "/s",
                .threshold_max = 1e9,
                .expected = "requests per second such as 1000/s",
                .is_http = true,
        },
        [METRIC_CPU_PRESSURE] = {
                .name = "cpu-pressure",
                .unit = "%",
                .threshold_max = 100,
                .expected = "a percentage such as 20%",
                .is_unit_only = true,
        },
        [METRIC_IO_PRESSURE] = {
                .name = "io-pressure",
                .unit = "%",
                .threshold_max = 100,
                .expected = "a percentage such as 20%",
                .is_unit_only = true,
        },
        [METRIC_MEMORY_PRESSURE] = {
                .name = "memory-pressure",
                .unit = "%",
                .threshold_max = 100,
                .expected = "a percentage such as 20%",
                .is_unit_only = true,
        },
};

const MetricInfo *metric_info(Metric m) {
        return m >= 0 && m < _METRIC_MAX ? &infos[m] : NULL;
}

const char *metric_to_string(Metric m) {
        const MetricInfo *info = metric_info(m);

        return info ? info->name : NULL;
}

int metric_from_string(const char *name) {
        assert(name);

        for (int i = 0; i < _METRIC_MAX; i++)
                if (strcmp(infos[i].name, name) == 0)
                        return i;

        return -EINVAL;
}

const char *const *metric_names(void) {
        static const char *const names[] = {
                "process-cpu",
                "process-thread-count",
                "system-load",
                "http-error-rate",
                "http-4xx-rate",
                "http-avg-response-time",
                "http-p95-response-time",
                "http-p99-response-time",
                "http-request-rate",
                "cpu-pressure",
                "io-pressure",
                "memory-pressure",
                NULL,
        };

        _Static_assert(ELEMENTSOF(names) == _METRIC_MAX + 1, "one name per metric");
        return names;
}

static bool ends_with(const char *text, size_t n, const char *suffix) {
        size_t length = strlen(suffix);

        return length > 0 && n > length && memcmp(text + n - length, suffix, length) == 0;
}

/* How many bytes of @text are the number, and what one of its unit is in the metric's. */
static size_t number_length(const MetricInfo *info, const char *text, double *ret_scale) {
        size_t n = strlen(text);

        *ret_scale = 1;
        if (ends_with(text, n, info->unit))
                n -= strlen(info->unit);
        else if (strcmp(info->unit, "ms") == 0 && ends_with(text, n, "s")) {
                *ret_scale = 1000;
                n--;
        }

        while (n > 0 && text[n - 1] == ' ')
                n--;

        return n;
}

int metric_parse_threshold(Metric m, const char *text, double *ret) {
        const MetricInfo *info = metric_info(m);
        char number[32];
        double v, scale;
        size_t n;
        int r;

        assert(text);
        assert(ret);

        if (!info)
                return -EINVAL;

        n = number_length(info, text, &scale);
        if (n == 0 || n >= sizeof(number))
                return -EINVAL;

        memcpy(number, text, n);
        number[n] = '\0';

        r = parse_double(number, info->threshold_max / scale, &v);
        if (r < 0)
                return r;

        *ret = round(v * scale * VALUE_SCALE) / VALUE_SCALE;
        return 0;
}

const char *metric_format_value(Metric m, double value, char buf[static 32]) {
        const MetricInfo *info = metric_info(m);
        const char *unit = info ? info->unit : "";
        int n;

        if (!isfinite(value)) {
                strcpy(buf, "-");
                return buf;
        }

        if (fabs(value) >= VALUE_EXACT_MAX) {
                (void) snprintf(buf, 32, "%.3g%s", value, unit);
                return buf;
        }

        n = snprintf(buf, 32, "%.*f", VALUE_DECIMALS, value);
        while (n > 1 && buf[n - 1] == '0')
                n--;
        if (buf[n - 1] == '.')
                n--;
        if (n == 2 && buf[0] == '-' && buf[1] == '0') { /* a negative too small for the decimals */
                buf[0] = '0';
                n = 1;
        }

        (void) snprintf(buf + n, 32 - (size_t) n, "%s", unit);
        return buf;
}
