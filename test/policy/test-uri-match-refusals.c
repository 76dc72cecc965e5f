/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/cleanup.h"
#include "host/clock.h"
#include "policy/uri-match.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(uri_match_refusals, .timeout = 30);

typedef struct Row {
        const char *text, *message;
} Row;

static const Row regexes[] = {
        /* what RE2 has not, either */
        { "/a(?=b)", "column 3: '(?=' (lookahead) is not supported" },
        { "/a(?!b)", "column 3: '(?!' (negative lookahead) is not supported" },
        { "(?<=a)b", "column 1: '(?<=' (lookbehind) is not supported" },
        { "(?<!a)b", "column 1: '(?<!' (negative lookbehind) is not supported" },
        { "(?>a)", "column 1: '(?>' (atomic group) is not supported" },
        { "(?|a|b)", "column 1: '(?|' (branch reset) is not supported" },
        { "a(?#b)", "column 2: '(?#' (comment) is not supported" },
        { "(a)?(?(1)b)", "column 5: '(?(' (condition) is not supported" },
        { "(?'n'a)", "column 1: '(?'' (group named between quotes) is not supported" },
        { "(?P<n>a)(?P=n)", "column 9: '(?P=' (backreference) is not supported" },
        { "(?P>n)", "column 1: '(?P>' (recursion) is not supported" },
        { "(?&n)", "column 1: '(?&' (recursion) is not supported" },
        { "(a(?R))", "column 3: '(?R' (recursion) is not supported" },
        { "(?x)a", "column 1: '(?x' (spaces that do not count) is not supported" },
        { "(a)\\1", "column 4: '\\1' (backreference) is not supported" },
        { "\\8", "column 1: '\\8' (backreference) is not supported" },
        { "\\k<n>", "column 1: '\\k' (backreference) is not supported" },
        { "\\g1", "column 1: '\\g' (backreference) is not supported" },
        { "a\\Z", "column 2: '\\Z' (end before a newline, \\z is the end) is not supported" },
        { "a\\Kb", "column 2: '\\K' (start of the match) is not supported" },
        { "\\Ga", "column 1: '\\G' (end of the last match) is not supported" },
        { "\\R", "column 1: '\\R' (line break) is not supported" },
        { "\\X", "column 1: '\\X' (grapheme) is not supported" },
        { "\\h", "column 1: '\\h' (horizontal space) is not supported" },
        { "\\u0041", "column 1: '\\u' (character by number, \\x{…} is one) is not supported" },
        { "\\cA", "column 1: '\\c' (control character) is not supported" },
        { "a++", "column 3: '+' repeats a repetition" },
        { "a**", "column 3: '*' repeats a repetition" },
        { "a{2}{3}", "column 5: '{3}' repeats a repetition" },
        { "a+?*", "column 4: '*' repeats a repetition" },
        /* what RE2 has */
        { "\\pL", "column 1: '\\p' (class of Unicode) is not supported" },
        { "[a\\P{Greek}]", "column 3: '\\P' (class of Unicode) is not supported" },
        { "(?i)/caf\u00e9", "column 9: '\u00e9' (upper and lower case beyond ASCII) is not supported" },
        { "(?i)[a-\u00e9]", "column 6: 'a-\u00e9' (upper and lower case beyond ASCII) is not supported" },
        /* mistakes */
        { "*a", "column 1: '*' has nothing to repeat" },
        { "a|+", "column 3: '+' has nothing to repeat" },
        { "(?)", NULL },
        { "(?i)?", "column 5: '?' has nothing to repeat" },
        { "(*ACCEPT)", "column 2: '*' has nothing to repeat" },
        { "{2}", "column 1: '{2}' has nothing to repeat" },
        { "a{3,2}", "column 2: '{3,2}' ends before it starts" },
        { "a{1001}", "column 2: '{1001}' makes more than 1000 repetitions" },
        { "a{0,1001}", "column 2: '{0,1001}' makes more than 1000 repetitions" },
        { "a{999999999999}", "column 2: '{999999999999}' makes more than 1000 repetitions" },
        { "((a{11}){10}){10}", "column 14: '{10}' makes more than 1000 repetitions" },
        { "\u00e9\u00e9(a", "column 3: '(' has no ')'" },
        { "(a|(b)", "column 1: '(' has no ')'" },
        { "a)b", "column 2: ')' has no '('" },
        { "[a", "column 1: '[' has no ']'" },
        { "x[]", "column 2: '[' has no ']'" },
        { "[a-", "column 1: '[' has no ']'" },
        { "[z-a]", "column 2: 'z-a' is a range that ends before it starts" },
        { "[[:word:]z-\\d]", "column 12: '\\d' cannot stand here" },
        { "[[:letter:]]", "column 2: '[:letter:]' is no class of POSIX" },
        { "[\\b]", "column 2: '\\b' cannot stand here" },
        { "a\\", "column 2: '\\' at the end escapes nothing" },
        { "\\i", "column 1: '\\i' is no escape sequence" },
        { "\\\u00e9", "column 1: '\\\u00e9' is no escape sequence" },
        { "a\\E", "column 2: '\\E' is not the end of a '\\Q'" },
        { "\\xg0", "column 1: '\\x' is not followed by two hexadecimal digits" },
        { "\\x4", "column 1: '\\x' is not followed by two hexadecimal digits" },
        { "\\x{41", "column 1: '\\x{41' is not followed by hexadecimal digits and '}'" },
        { "\\x{}", "column 1: '\\x{' is not followed by hexadecimal digits and '}'" },
        { "\\x{110000}", "column 1: '\\x{110000' is beyond the last character, 10FFFF" },
        { "(?P<>a)", "column 1: '(?P<' is not followed by a name of letters, digits and '_', and '>'" },
        { "(?P<a-b>a)", "column 1: '(?P<a' is not followed by a name of letters, digits and '_', and '>'" },
        { "(?<n>a)(?P<n>b)", "column 12: 'n' is the name of two groups" },
        { "(?i", "column 1: '(?i' is no group: flags are i, m, s and U, then ':' or ')'" },
        { "(?iz)a", "column 1: '(?iz' is no group: flags are i, m, s and U, then ':' or ')'" },
        { "(?i-)a", "column 1: '(?i-)' is no group: flags are i, m, s and U, then ':' or ')'" },
        { "a\xff", "column 2: byte ff is not UTF-8" },
        { "\u00e9\xc3(", "column 2: byte c3 is not UTF-8" },
        { "\\\n", "matches no path: none has a space, control character, '?' or '#'" },
        { "^/a\\?b=1", "matches no path: none has a space, control character, '?' or '#'" },
        { "a^b", "matches no path: none has a space, control character, '?' or '#'" },
        { "[^\\x00-\\x{10ffff}]", "matches no path: none has a space, control character, '?' or '#'" },
        { "a\nb(\n", "column 4: '(' has no ')'" },
        { "(?\n", "column 1: '(?\?' is no group: flags are i, m, s and U, then ':' or ')'" },
};

#define TOO_MANY_STATES "too complex: needs more than 2048 states, or 65536 transitions between them"
#define TOO_LONG "too complex: it takes too long to make an automaton of it"

static const Row too_large[] = {
        { "a.{14}b", TOO_MANY_STATES },
        { "a[^b]{11}c", TOO_MANY_STATES },
        { "^/[a-z]{800}/[0-9]{800}/x{800}$", TOO_MANY_STATES },
        { ".{1000}", TOO_LONG },
        { "((\\b|x.*){5}(ab|cd|.)){7}z", TOO_LONG },
        { "/(x[0-9a-z/]*){30}", NULL },
        { "/(.[^\u00e9]){1000}", "column 9: repeats too much" },
        { "/((a|b{10}){2}[^\u00e9]{40}.){1,24}", "column 25: repeats too much" },
};

static const Row exacts[] = {
        { "", "the path is empty" },
        { "/a?b=1", "column 3: '?' ends the path" },
        { "/\u00e9#top", "column 3: '#' ends the path" },
        { "/a b", "column 3: byte 20 ends the path" },
        { "/a\x7f", "column 3: byte 7f ends the path" },
        { "/a\t", "column 3: byte 09 ends the path" },
};

static void check(UriRuleKind kind, int error, const Row *row) {
        _cleanup_(freep) char *message = NULL, *message_of_set = NULL;
        UriRule rules[] = { { .kind = URI_RULE_ALL }, { kind, (char *) row->text } };
        UriMatch *m = NULL;
        size_t number = 99;
        int r;

        r = uri_rule_check(&rules[1], &message);
        if (!row->message) {
                cr_expect_eq(r, 0, "'%s': %s", row->text, message);
                return;
        }
        cr_assert_eq(r, error, "'%s' gave %i", row->text, r);
        cr_expect_str_eq(message, row->message);
        cr_expect_eq(uri_rule_check(&rules[1], NULL), error);

        cr_expect_eq(uri_match_new(rules, 2, &m, &number, &message_of_set), error);
        cr_expect_eq(number, 1);
        cr_expect_str_eq(message_of_set, row->message);
        cr_expect_null(m);
}

Test(uri_match_refusals, regexes_name_construct_and_column) {
        for (size_t i = 0; i < ELEMENTSOF(regexes); i++)
                check(URI_RULE_REGEX, -EINVAL, &regexes[i]);
}

Test(uri_match_refusals, regexes_that_are_too_large) {
        for (size_t i = 0; i < ELEMENTSOF(too_large); i++)
                check(URI_RULE_REGEX, -E2BIG, &too_large[i]);
}

Test(uri_match_refusals, exact_paths_that_no_request_has) {
        for (size_t i = 0; i < ELEMENTSOF(exacts); i++)
                check(URI_RULE_EXACT, -EINVAL, &exacts[i]);
}

/* @n times @part behind each other. */
static char *repeated(const char *part, size_t n) {
        size_t length = strlen(part);
        char *s = calloc(n, length + 1);

        cr_assert_not_null(s);
        for (size_t i = 0; i < n; i++)
                memcpy(s + i * length, part, length);

        return s;
}

static void expect_message(UriRuleKind kind, const char *text, int error, const char *expected) {
        const Row row = { text, expected };

        check(kind, error, &row);
}

Test(uri_match_refusals, limits_are_as_said) {
        _cleanup_(freep) char *longest = repeated("/a23", 256), *longer = repeated("/a234", 205);
        _cleanup_(freep) char *open = repeated("(", 65), *closed = repeated(")", 64), *deep = NULL;
        _cleanup_(freep) char *names = repeated("(?<n>", 200);

        expect_message(URI_RULE_EXACT, longest, 0, NULL);
        expect_message(URI_RULE_REGEX, longest, 0, NULL);
        expect_message(URI_RULE_EXACT, longer, -EINVAL, "longer than 1024 bytes");
        expect_message(URI_RULE_REGEX, longer, -EINVAL, "longer than 1024 bytes");
        expect_message(URI_RULE_REGEX, names, -EINVAL, "column 9: 'n' is the name of two groups");

        expect_message(URI_RULE_REGEX, open, -EINVAL, "column 65: '(' is inside of 64 others, too many");
        cr_assert_geq(asprintf(&deep, "%.64sa%s", open, closed), 0);
        expect_message(URI_RULE_REGEX, deep, 0, NULL);
}

static void make_unfriendly(UriRule rules[static CPROF_HTTP_RULES_MAX], char texts[][32]) {
        for (unsigned i = 0; i < CPROF_HTTP_RULES_MAX; i++) {
                snprintf(texts[i], 32, "a%u.*b%u", i, i);
                rules[i] = (UriRule){ URI_RULE_REGEX, texts[i] };
        }
}

Test(uri_match_refusals, last_rule_that_does_not_fit_is_named) {
        _cleanup_(freep) char *message = NULL;
        UriRule rules[CPROF_HTTP_RULES_MAX];
        char texts[CPROF_HTTP_RULES_MAX][32];
        UriMatch *m = NULL;
        size_t number = 0;

        make_unfriendly(rules, texts);

        cr_assert_eq(uri_match_new(rules, CPROF_HTTP_RULES_MAX, &m, &number, &message), -E2BIG);
        cr_expect_str_eq(
                        message,
                        "does not fit beside the other rules of the process: they need more than 4 automata "
                        "of 2048 states");
        cr_assert_gt(number, CPROF_HTTP_GROUPS_MAX);
        cr_assert_lt(number, CPROF_HTTP_RULES_MAX);

        /* without it and those behind, they fit */
        cr_assert_eq(uri_match_new(rules, number, &m, NULL, NULL), 0);
        cr_expect_eq(uri_match_rules(m)->n_groups, CPROF_HTTP_GROUPS_MAX);
        uri_match_free(m);
}

Test(uri_match_refusals, rules_that_go_together_are_selected_at_once) {
        char *reasons[CPROF_HTTP_RULES_MAX] = {}, texts[CPROF_HTTP_RULES_MAX][32];
        UriRule rules[CPROF_HTTP_RULES_MAX], selected[CPROF_HTTP_RULES_MAX];
        _cleanup_(uri_match_freep) UriMatch *m = NULL;
        size_t n = 0;

        make_unfriendly(rules, texts);
        rules[1].text = (char *) "/a(?=b)";
        rules[2] = (UriRule){ URI_RULE_EXACT, (char *) "/a b" };
        rules[3] = (UriRule){ URI_RULE_EXACT, (char *) "/last" };
        rules[4] = (UriRule){};
        cr_assert_eq(uri_rules_select(rules, CPROF_HTTP_RULES_MAX, reasons), 0);

        cr_expect_null(reasons[0]);
        cr_expect_str_eq(reasons[1], "column 3: '(?=' (lookahead) is not supported");
        cr_expect_str_eq(reasons[2], "column 3: byte 20 ends the path");
        cr_expect_null(reasons[3]);
        cr_expect_null(reasons[4]);
        cr_assert_not_null(reasons[CPROF_HTTP_RULES_MAX - 1]);
        cr_expect(strstr(reasons[CPROF_HTTP_RULES_MAX - 1], "does not fit beside the other rules"));

        for (size_t i = 0; i < CPROF_HTTP_RULES_MAX; i++) {
                if (!reasons[i])
                        selected[n++] = rules[i];
                free(reasons[i]);
        }
        cr_expect_gt(n, 8);
        cr_expect_lt(n, CPROF_HTTP_RULES_MAX);
        cr_expect_eq(uri_match_new(selected, n, &m, NULL, NULL), 0);
}
