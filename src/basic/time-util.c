/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/time-util.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TIMESPAN_MAX (100 * 366 * USEC_PER_DAY)

static const struct {
        const char *suffix;
        usec_t usec;
} units[] = {
        { "us", 1 },
        { "ms", USEC_PER_MSEC },
        { "s", USEC_PER_SEC },
        { "sec", USEC_PER_SEC },
        { "m", USEC_PER_MINUTE },
        { "min", USEC_PER_MINUTE },
        { "h", USEC_PER_HOUR },
        { "hr", USEC_PER_HOUR },
        { "d", USEC_PER_DAY },
};

static usec_t unit_usec(const char *text, size_t length) {
        if (length == 0)
                return USEC_PER_SEC;

        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
                if (strlen(units[i].suffix) == length && memcmp(units[i].suffix, text, length) == 0)
                        return units[i].usec;

        return 0;
}

/* One "number[.fraction][unit]" group; moves *p behind it. */
static int parse_group(const char **p, usec_t *ret_usec) {
        const char *s = *p;
        usec_t whole = 0, fraction = 0, scale = 1, unit;
        size_t n;

        if (*s < '0' || *s > '9')
                return -EINVAL;

        for (; *s >= '0' && *s <= '9'; s++) {
                whole = whole * 10 + (usec_t) (*s - '0');
                if (whole > TIMESPAN_MAX)
                        return -ERANGE;
        }

        if (*s == '.') {
                s++;
                if (*s < '0' || *s > '9')
                        return -EINVAL;
                for (; *s >= '0' && *s <= '9'; s++)
                        if (scale < USEC_PER_SEC) { /* digits past the sixth are below any unit we keep */
                                fraction = fraction * 10 + (usec_t) (*s - '0');
                                scale *= 10;
                        }
        }

        while (*s == ' ' && s[1] >= 'a' && s[1] <= 'z')
                s++;

        n = strspn(s, "abcdefghijklmnopqrstuvwxyz");
        unit = unit_usec(s, n);
        if (unit == 0)
                return -EINVAL;
        if (whole > TIMESPAN_MAX / unit)
                return -ERANGE;

        *p = s + n;
        *ret_usec = whole * unit + fraction * unit / scale;
        return 0;
}

int timespan_parse(const char *text, usec_t *ret_usec) {
        usec_t sum = 0;

        assert(text);
        assert(ret_usec);

        text += strspn(text, " ");
        if (*text == '\0')
                return -EINVAL;

        while (*text) {
                usec_t group;
                int r;

                r = parse_group(&text, &group);
                if (r < 0)
                        return r;

                sum += group;
                if (sum > TIMESPAN_MAX)
                        return -ERANGE;

                text += strspn(text, " ");
        }

        *ret_usec = sum;
        return 0;
}

const char *timespan_format(usec_t usec, char buf[static TIMESPAN_TEXT_MAX]) {
        static const struct {
                const char *suffix;
                usec_t usec;
        } table[] = {
                { "d", USEC_PER_DAY }, { "h", USEC_PER_HOUR },  { "min", USEC_PER_MINUTE },
                { "s", USEC_PER_SEC }, { "ms", USEC_PER_MSEC }, { "us", 1 },
        };
        size_t at = 0;

        if (usec == USEC_INFINITY) {
                strcpy(buf, "infinity");
                return buf;
        }

        if (usec == 0) {
                strcpy(buf, "0s");
                return buf;
        }

        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                usec_t n = usec / table[i].usec;

                if (n == 0)
                        continue;

                at += (size_t) snprintf(
                                buf + at,
                                TIMESPAN_TEXT_MAX - at,
                                "%s%" PRIu64 "%s",
                                at > 0 ? " " : "",
                                n,
                                table[i].suffix);
                usec -= n * table[i].usec;
        }

        return buf;
}

const char *timestamp_format(usec_t realtime_usec, char buf[static TIMESTAMP_TEXT_MAX]) {
        time_t sec = (time_t) (realtime_usec / USEC_PER_SEC);
        struct tm tm;

        if (!gmtime_r(&sec, &tm)) {
                strcpy(buf, "-");
                return buf;
        }

        size_t n = strftime(buf, TIMESTAMP_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
        (void) snprintf(buf + n,
                        TIMESTAMP_TEXT_MAX - n,
                        ".%06uZ",
                        (unsigned) (realtime_usec % USEC_PER_SEC));
        return buf;
}
