/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/http-compiled.h"

#include "basic/cleanup.h"

#include <string.h>

static void free_rules(UriRule *rules, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(rules[i].text);
        free(rules);
}

static HttpCompiled *compiled_free(HttpCompiled *c) {
        if (!c)
                return NULL;

        free_rules(c->rules, c->n_rules);
        free_rules(c->refused, c->n_refused);
        for (size_t i = 0; i < c->n_refused; i++)
                free(c->reasons[i]);
        free(c->reasons);
        uri_match_free(c->match);
        free(c->key);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(HttpCompiled *, compiled_free)

/* Kind and text of each, ended by NUL: no two lists have the same. */
static int make_key(const UriRule *const *rules, size_t n, char **ret_key, size_t *ret_length) {
        size_t length = 0;
        char *key, *p;

        for (size_t i = 0; i < n; i++)
                length += 2 + strlen(rules[i]->text ?: "");

        p = key = malloc(length + 1);
        if (!key)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                *p++ = (char) ('0' + rules[i]->kind);
                p = stpcpy(p, rules[i]->text ?: "") + 1;
        }

        *ret_key = key;
        *ret_length = length;
        return 0;
}

static int copy_rule(UriRule *to, const UriRule *from) {
        *to = (UriRule){ .kind = from->kind };
        if (!from->text)
                return 0;

        to->text = strdup(from->text);
        return to->text ? 0 : -ENOMEM;
}

/* Takes @reason over. */
static int refuse(HttpCompiled *c, const UriRule *rule, char *reason) {
        int r;

        if (!reason)
                return -ENOMEM;

        r = copy_rule(c->refused + c->n_refused, rule);
        if (r < 0) {
                free(reason);
                return r;
        }

        c->reasons[c->n_refused++] = reason;
        return 0;
}

/* Leaves out number @i. Takes @reason over. */
static int leave_out(HttpCompiled *c, size_t i, char *reason) {
        UriRule out = c->rules[i];
        int r;

        memmove(c->rules + i, c->rules + i + 1, (--c->n_rules - i) * sizeof(out));
        r = refuse(c, &out, reason);
        free(out.text);
        return r;
}

/* Leaves out what does not go together with the rules before it, all at once: trying one after another would
 * take seconds with rules that are made for it. */
static int select_rules(HttpCompiled *c) {
        char *reasons[CPROF_HTTP_RULES_MAX] = {};
        size_t n = c->n_rules, kept = 0;
        int r;

        r = uri_rules_select(c->rules, n, reasons);

        for (size_t i = 0; i < n; i++) {
                if (r >= 0 && reasons[i])
                        r = leave_out(c, kept, TAKE_PTR(reasons[i]));
                else
                        kept++;
                free(reasons[i]);
        }

        return r;
}

static int compile(HttpCompiled *c) {
        while (c->n_rules > 0) {
                _cleanup_(freep) char *message = NULL;
                size_t before = c->n_rules, i;
                int r;

                r = uri_match_new(c->rules, c->n_rules, &c->match, &i, &message);
                if (r >= 0 || r == -ENOMEM)
                        return r;

                r = select_rules(c);
                if (r >= 0 && c->n_rules == before) /* cannot be, but must not go on for ever */
                        r = leave_out(c,
                                      i,
                                      message ? TAKE_PTR(message) : strdup("it needs too many states"));
                if (r < 0)
                        return r;
        }

        return 0;
}

static int take_rules(HttpCompiled *c, const UriRule *const *rules, size_t n) {
        int r;

        c->rules = calloc(n, sizeof(c->rules[0]));
        c->refused = calloc(n, sizeof(c->refused[0]));
        c->reasons = calloc(n, sizeof(c->reasons[0]));
        if (!c->rules || !c->refused || !c->reasons)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                if (c->n_rules == CPROF_HTTP_RULES_MAX) {
                        r = refuse(c, rules[i], strdup("the process has 64 URI rules before this one"));
                        if (r < 0)
                                return r;
                        continue;
                }

                r = copy_rule(c->rules + c->n_rules, rules[i]);
                if (r < 0)
                        return r;
                c->n_rules++;
        }

        return compile(c);
}

HttpCompiled *http_compiled_find(HttpCompiled *cache, const UriRule *const *rules, size_t n_rules) {
        _cleanup_(freep) char *key = NULL;
        HttpCompiled *c;
        size_t length;

        if (make_key(rules, n_rules, &key, &length) < 0)
                return NULL;

        HASH_FIND(hh, cache, key, length, c);
        return c;
}

int http_compiled_get(
                HttpCompiled **cache,
                const UriRule *const *rules,
                size_t n_rules,
                HttpCompiled **ret_compiled,
                bool *ret_is_new) {
        _cleanup_(compiled_freep) HttpCompiled *c = NULL;
        HttpCompiled *known;
        int r;

        assert(n_rules > 0);

        known = http_compiled_find(*cache, rules, n_rules);
        if (known) {
                *ret_compiled = known;
                *ret_is_new = false;
                return 0;
        }

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;

        r = make_key(rules, n_rules, &c->key, &c->key_length);
        if (r >= 0)
                r = take_rules(c, rules, n_rules);
        if (r < 0)
                return r;

        HASH_ADD_KEYPTR(hh, *cache, c->key, c->key_length, c);
        if (!HASH_ADDED(c))
                return -ENOMEM;

        *ret_compiled = TAKE_PTR(c);
        *ret_is_new = true;
        return 0;
}

void http_compiled_drop(HttpCompiled **cache, HttpCompiled *c) {
        HASH_DELETE(hh, *cache, c);
        compiled_free(c);
}
