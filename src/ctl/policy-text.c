/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/policy-text.h"

#include "basic/strbuf.h"
#include "basic/unit-name.h"

#include <string.h>

int flag_values_add(FlagValues *v, const char *value) {
        assert(v);
        assert(value);

        if (v->n >= FLAG_VALUES_MAX)
                return -E2BIG;

        v->values[v->n++] = value;
        return 0;
}

/* Whether @value stays one line and one value when it is written behind "Key=". */
static const char *value_problem(const char *value) {
        size_t n = strlen(value);

        if (n == strspn(value, " \t"))
                return "is empty";

        for (const char *p = value; *p; p++)
                if ((unsigned char) *p < ' ' && *p != '\t')
                        return "contains a line break or another control character";

        if (value[n - 1] == '\\')
                return "ends in '\\', which would join it with the next line";

        return NULL;
}

static int
add_line(StrBuf *b, const char *option, const char *key, const char *value, char **reterr_message) {
        const char *problem;

        if (!value)
                return 0;

        problem = value_problem(value);
        if (problem) {
                if (asprintf(reterr_message, "The value of --%s %s.", option, problem) < 0)
                        return -ENOMEM;
                return -EINVAL;
        }

        strbuf_addf(b, "%s=%s\n", key, value);
        return 0;
}

static int
add_lines(StrBuf *b, const char *option, const char *key, const FlagValues *v, char **reterr_message) {
        int r;

        for (size_t i = 0; i < v->n; i++) {
                r = add_line(b, option, key, v->values[i], reterr_message);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* --unit="nginx php*": each word is a unit of its own, as in Unit=. */
static int add_units(StrBuf *b, const FlagValues *v, char **reterr_message) {
        int r;

        for (size_t i = 0; i < v->n; i++) {
                _cleanup_(freep) char *name = NULL;

                if (value_problem(v->values[i]) || strpbrk(v->values[i], " \t/"))
                        r = add_line(b, "unit", "Unit", v->values[i], reterr_message);
                else {
                        r = unit_name_mangle(v->values[i], &name);
                        if (r >= 0)
                                r = add_line(b, "unit", "Unit", name, reterr_message);
                        else if (r == -EINVAL &&
                                 asprintf(reterr_message, "The value of --unit is no unit name.") < 0)
                                r = -ENOMEM;
                }
                if (r < 0)
                        return r;
        }

        return 0;
}

static int compose(StrBuf *b, const PolicyFlags *f, char **reterr_message) {
        int r;

        strbuf_add(b, "[Policy]\n");

        r = add_line(b, "description", "Description", f->description, reterr_message);
        if (r < 0)
                return r;

        r = add_units(b, &f->units, reterr_message);
        if (r < 0)
                return r;

        const struct {
                const char *option, *key;
                const FlagValues *values;
        } lists[] = {
                { "slice", "Slice", &f->slices },       { "exe", "Exe", &f->exes },
                { "user", "User", &f->users },          { "service", "Service", &f->services },
                { "profile", "Profile", &f->profiles },
        };
        const char *const scalars[][3] = {
                { "duration", "Duration", f->duration },
                { "silence", "Silence", f->silence },
                { "scope", "Scope", f->scope },
        };

        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                r = add_lines(b, lists[i].option, lists[i].key, lists[i].values, reterr_message);
                if (r < 0)
                        return r;
        }

        for (size_t i = 0; i < ELEMENTSOF(scalars); i++) {
                r = add_line(b, scalars[i][0], scalars[i][1], scalars[i][2], reterr_message);
                if (r < 0)
                        return r;
        }

        for (size_t i = 0; i < f->whens.n; i++) {
                strbuf_add(b, "\n[Trigger]\n");
                r = add_line(b, "when", "When", f->whens.values[i], reterr_message);
                if (r < 0)
                        return r;
        }

        return 0;
}

int policy_text_compose(const PolicyFlags *f, char **ret_text, char **reterr_message) {
        _cleanup_(strbuf_done) StrBuf b = {};
        int r;

        assert(f);
        assert(ret_text);
        assert(reterr_message);

        if (f->whens.n == 0) {
                *reterr_message = strdup(
                                "Say when to act, for example --when 'process-cpu >= 80% for 5 of 10s'.");
                return *reterr_message ? -EINVAL : -ENOMEM;
        }

        r = compose(&b, f, reterr_message);
        if (r < 0)
                return r;

        return strbuf_finish(&b, ret_text);
}

int policy_name_from_path(const char *path, char **ret_name) {
        const char *base = strrchr(path, '/');
        size_t n;
        char *name;

        base = base ? base + 1 : path;
        n = strlen(base);
        if (n >= strlen(".policy") && strcmp(base + n - strlen(".policy"), ".policy") == 0)
                n -= strlen(".policy");
        if (n == 0)
                return -EINVAL;

        name = strndup(base, n);
        if (!name)
                return -ENOMEM;

        *ret_name = name;
        return 0;
}
