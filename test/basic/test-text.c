/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/ratelimit.h"
#include "basic/strbuf.h"
#include "basic/time-util.h"
#include "basic/utf8.h"
#include "basic/words.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

TestSuite(text, .timeout = 5);

Test(text, utf8_is_what_rfc_3629_says) {
        static const struct {
                const char *text;
                bool valid;
                const char *sanitized;
        } table[] = {
                { "", true, "" },
                { "plain", true, "plain" },
                { "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", true, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
                { "\xf4\x8f\xbf\xbf", true, "\xf4\x8f\xbf\xbf" },
                { "tab\there\x7f", true, "tab?here?" }, /* control characters are valid, but not for names */
                { "a\xff", false, "a?" },
                { "\x80", false, "?" },
                { "\xc0\xaf", false, "??" }, /* overlong */
                { "\xe0\x80\xaf", false, "???" },
                { "\xed\xa0\x80", false, "???" },      /* surrogate */
                { "\xf4\x90\x80\x80", false, "????" }, /* above U+10FFFF */
                { "\xf8\x88\x80\x80\x80", false, "?????" },
                { "x\xe2\x82", false, "x??" }, /* cut off */
                { "\xe2\x82x", false, "??x" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                size_t n = strlen(table[i].text);
                _cleanup_(freep) char *s = utf8_sanitize(table[i].text, n);

                cr_expect_eq(utf8_is_valid(table[i].text, n), table[i].valid, "row %zu", i);
                cr_expect_str_eq(s, table[i].sanitized, "row %zu: %s", i, s);
        }

        cr_expect_not(utf8_is_valid("a\0b", 3), "NUL is refused");
        _cleanup_(freep) char *s = utf8_sanitize("a\0b", 3);
        cr_expect_str_eq(s, "a?b");
}

Test(text, a_bad_byte_is_found_wherever_it_is) {
        char text[24];

        for (size_t at = 0; at < sizeof(text); at++)
                for (unsigned byte = 0; byte < 256; byte++) {
                        memset(text, 'a', sizeof(text));
                        text[at] = (char) byte;
                        cr_assert_eq(utf8_is_valid(text, sizeof(text)),
                                     byte > 0 && byte < 0x80,
                                     "%zu: %u",
                                     at,
                                     byte);
                }
}

Test(text, typing_errors_find_the_word_that_was_meant) {
        static const char *const known[] = { "Threshold", "Period", "Count", "URI", NULL };

        cr_expect_str_eq(word_nearest("Treshold", known), "Threshold");
        cr_expect_str_eq(word_nearest("Thresholds", known), "Threshold");
        cr_expect_str_eq(word_nearest("Peroid", known), "Period");
        cr_expect_str_eq(word_nearest("Count", known), "Count");
        cr_expect_null(word_nearest("Silence", known));
        cr_expect_null(word_nearest("", known));
        cr_expect_null(word_nearest("xyz", known));
        cr_expect_str_eq(
                        word_nearest("OnCpuHertz", (const char *const[]){ "Delegate", "OnCpuHz", NULL }),
                        "OnCpuHz");
        cr_expect_null(word_nearest("ngnix.service", (const char *const[]){ "dbus.service", NULL }));
        cr_expect_str_eq(
                        word_nearest("ngnix.service",
                                     (const char *const[]){ "dbus.service", "nginx.service", NULL }),
                        "nginx.service");

        char longest[200];
        memset(longest, 'C', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        cr_expect_null(word_nearest(longest, known));
}

Test(text, words_are_split_at_blanks) {
        _cleanup_(freep) char **words = NULL, **none = NULL;

        cr_assert_eq(words_split("  one\ttwo   three ", 3, &words), 3);
        cr_expect_str_eq(words[0], "one");
        cr_expect_str_eq(words[1], "two");
        cr_expect_str_eq(words[2], "three");
        cr_expect_null(words[3]);

        cr_assert_eq(words_split(" \t", 3, &none), 0);
        cr_expect_null(none[0]);

        char **many = NULL;
        cr_expect_eq(words_split("a b c d", 3, &many), -E2BIG);
        cr_expect_null(many);
}

Test(text, a_buffer_grows_and_is_handed_over) {
        StrBuf b = {};
        char *text = NULL;

        for (unsigned i = 0; i < 1000; i++)
                strbuf_addf(&b, "%u,", i % 10);
        strbuf_add_n(&b, "endless", 3);
        cr_assert_eq(strbuf_finish(&b, &text), 0);
        cr_expect_eq(strlen(text), 2003u);
        cr_expect_str_eq(text + 1998, "9,end");
        cr_expect_null(b.text);
        free(text);

        cr_assert_eq(strbuf_finish(&b, &text), 0);
        cr_expect_str_eq(text, "", "nothing is an empty text");
        free(text);
}

Test(text, errors_of_a_buffer_stick) {
        StrBuf b = {};
        char *text = NULL;

        strbuf_add(&b, "abc");
        strbuf_add_n(&b, "x", SIZE_MAX - 2); /* no machine has that; nothing is read */
        strbuf_add(&b, "def");
        cr_expect_str_eq(b.text, "abc");
        cr_expect_eq(strbuf_finish(&b, &text), -ENOMEM);
        cr_expect_null(text);
        cr_expect_eq(b.error, 0, "and can be used again");
}

Test(text, time_spans_are_read_as_systemd_does) {
        static const struct {
                const char *text;
                int r;
                usec_t usec;
        } table[] = {
                { "90", 0, 90 * USEC_PER_SEC },
                { "10min", 0, 10 * USEC_PER_MINUTE },
                { "1h 30min", 0, 90 * USEC_PER_MINUTE },
                { "1h30min", 0, 90 * USEC_PER_MINUTE },
                { "250ms", 0, 250 * USEC_PER_MSEC },
                { "5us", 0, 5 },
                { "2 min", 0, 2 * USEC_PER_MINUTE },
                { " 3s ", 0, 3 * USEC_PER_SEC },
                { "1.5s", 0, 1500 * USEC_PER_MSEC },
                { "0.0000001s", 0, 0 },
                { "0", 0, 0 },
                { "2d", 0, 2 * USEC_PER_DAY },
                { "200000d", -ERANGE, 0 },
                { "99999999999999999999", -ERANGE, 0 },
                { "36500d 200d", -ERANGE, 0 },
                { "", -EINVAL, 0 },
                { "  ", -EINVAL, 0 },
                { "min", -EINVAL, 0 },
                { "-5s", -EINVAL, 0 },
                { "5 parsecs", -EINVAL, 0 },
                { "5.s", -EINVAL, 0 },
                { "5s,", -EINVAL, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                usec_t v = 77;

                cr_expect_eq(timespan_parse(table[i].text, &v), table[i].r, "'%s'", table[i].text);
                cr_expect_eq(v, table[i].r < 0 ? 77 : table[i].usec, "'%s': %" PRIu64, table[i].text, v);
        }
}

Test(text, a_formatted_time_span_reads_back_the_same) {
        static const struct {
                usec_t usec;
                const char *text;
        } table[] = {
                { 0, "0s" },
                { 1, "1us" },
                { 90 * USEC_PER_SEC, "1min 30s" },
                { 10 * USEC_PER_MINUTE, "10min" },
                { USEC_PER_DAY + 1001, "1d 1ms 1us" },
                { 100 * 366 * USEC_PER_DAY - 1, "36599d 23h 59min 59s 999ms 999us" },
        };
        char buf[TIMESPAN_TEXT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                usec_t v;

                cr_expect_str_eq(timespan_format(table[i].usec, buf), table[i].text, "%s", buf);
                cr_assert_eq(timespan_parse(buf, &v), 0);
                cr_expect_eq(v, table[i].usec, "%s", buf);
        }
        cr_expect_str_eq(timespan_format(USEC_INFINITY, buf), "infinity");
}

Test(text, time_stamps_are_in_utc_with_microseconds) {
        char buf[TIMESTAMP_TEXT_MAX];

        cr_expect_str_eq(timestamp_format(0, buf), "1970-01-01T00:00:00.000000Z");
        cr_expect_str_eq(timestamp_format(UINT64_C(1700000000123456), buf), "2023-11-14T22:13:20.123456Z");
}

Test(text, a_rate_limit_counts_from_the_first_of_a_burst) {
        RateLimit l = { .interval_usec = 10, .burst = 2 };

        cr_expect(ratelimit_below(&l, 100));
        cr_expect(ratelimit_below(&l, 105));
        cr_expect_not(ratelimit_below(&l, 106));
        cr_expect_not(ratelimit_below(&l, 109));
        cr_expect_eq(l.n_suppressed, 2u);
        cr_expect(ratelimit_below(&l, 110), "a new interval begins");
        cr_expect(ratelimit_below(&l, 119));
        cr_expect_not(ratelimit_below(&l, 119));
}
