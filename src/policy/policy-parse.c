/* SPDX-License-Identifier: Apache-2.0 */
/* Text to policy: sections, and where in which file something is wrong. */
#include "basic/ini.h"
#include "policy/policy-draft.h"
#include "policy/policy-keys.h"
#include "policy/policy-message.h"
#include "policy/policy-pattern.h"
#include "policy/policy-service.h"
#include "policy/policy-uri.h"

#include <string.h>

typedef struct Parser {
        const char *path; /* of the text being read */
        Policy *policy;
        TriggerDraft draft;
        char **reterr_message;

        /* The last trigger on a metric of units only. */
        const char *unit_only_path;
        unsigned unit_only_line;
} Parser;

static bool is_known(const char *key, const char *const *known) {
        for (; *known; known++)
                if (strcmp(*known, key) == 0)
                        return true;

        return false;
}

static int refuse_key(const char *section, const char *key, bool in_trigger, char **reterr_what) {
        const char *const *here = in_trigger ? trigger_draft_keys() : policy_keys();
        const char *const *there = in_trigger ? policy_keys() : trigger_draft_keys();
        char what[32];

        if (is_known(key, there))
                return policy_refuse(
                                -EINVAL,
                                reterr_what,
                                "not a key of [%s], it belongs into [%s]",
                                section,
                                in_trigger ? "Policy" : "Trigger");

        (void) snprintf(what, sizeof(what), "key in [%s]", section);
        return policy_refuse_unknown(what, key, here, "=", reterr_what);
}

static bool has_control_character(const char *text) {
        for (; *text; text++)
                if (((unsigned char) *text < 0x20 && *text != '\t') || *text == 0x7f)
                        return true;

        return false;
}

/* "PATH:LINE: Key=value: what". Consumes @what; without it @error is one that needs no words. */
static int
refuse_assignment(Parser *parser, int error, unsigned line, const char *key, const char *value, char *what) {
        char shown_key[POLICY_VALUE_SHOWN_MAX + 4], shown[POLICY_VALUE_SHOWN_MAX + 4];
        int r = error;

        if (what)
                r =
                                policy_refuse(error,
                                              parser->reterr_message,
                                              "%s:%u: %s=%s: %s",
                                              parser->path,
                                              line,
                                              policy_value_shown(key, shown_key),
                                              policy_value_shown(value, shown),
                                              what);
        free(what);
        return r;
}

static int
handle_assignment(Parser *parser, unsigned line, const char *section, const char *key, const char *value) {
        bool in_trigger = parser->draft.line > 0;
        char *what = NULL;
        int r;

        if (has_control_character(value))
                r = policy_refuse(-EINVAL, &what, "control character, expected text");
        else if (in_trigger)
                r = trigger_draft_set(&parser->draft, line, key, value, &what);
        else
                r = policy_key_set(parser->policy, key, value, &what);
        if (r == -ENOENT)
                r = refuse_key(section, key, in_trigger, &what);
        if (r < 0)
                return refuse_assignment(parser, r, line, key, value, what);

        return 0;
}

/* Takes over what @t owns when it returns 1; 0: there is one like it. */
static int add_trigger(Policy *p, PolicyTrigger *t) {
        PolicyTrigger *grown;

        for (size_t i = 0; i < p->n_triggers; i++)
                if (policy_trigger_equal(p->triggers + i, t))
                        return 0;

        if (p->n_triggers >= POLICY_TRIGGERS_MAX)
                return -E2BIG;

        grown = reallocarray(p->triggers, p->n_triggers + 1, sizeof(grown[0]));
        if (!grown)
                return -ENOMEM;

        grown[p->n_triggers++] = *t;
        p->triggers = grown;
        *t = (PolicyTrigger){};
        return 1;
}

/* Takes over @triggers in any case. */
static int add_triggers(Parser *parser, unsigned line, PolicyTrigger *triggers, size_t n) {
        int r = 0;

        if (metric_info(triggers[0].metric)->is_unit_only) {
                parser->unit_only_path = parser->path;
                parser->unit_only_line = line;
        }

        for (size_t i = 0; i < n && r >= 0; i++)
                r = add_trigger(parser->policy, triggers + i);
        for (size_t i = 0; i < n; i++)
                policy_trigger_done(triggers + i);
        free(triggers);

        if (r == -E2BIG)
                return policy_refuse(
                                -EINVAL,
                                parser->reterr_message,
                                "%s:%u: [Trigger]: more than %u triggers%s",
                                parser->path,
                                line,
                                POLICY_TRIGGERS_MAX,
                                n > 1 ? " (each path is one)" : "");

        return r < 0 ? r : 0;
}

/* Ends the [Trigger] section that is open, if one is. */
static int close_section(Parser *parser) {
        unsigned line = parser->draft.line, bad_line = 0;
        PolicyTrigger *triggers;
        char *message = NULL;
        size_t n;
        int r;

        if (line == 0)
                return 0;

        r = trigger_draft_finish(&parser->draft, &triggers, &n, &bad_line, &message);
        if (r < 0) {
                int error = r;

                if (message)
                        r =
                                        policy_refuse(error,
                                                      parser->reterr_message,
                                                      "%s:%u: %s",
                                                      parser->path,
                                                      bad_line,
                                                      message);
                free(message);
                return r;
        }

        return add_triggers(parser, line, triggers, n);
}

static int refuse_section(Parser *parser, unsigned line, const char *section) {
        static const char *const known[] = { "[Policy]", "[Trigger]", NULL };
        char shown[POLICY_VALUE_SHOWN_MAX + 4], header[POLICY_VALUE_SHOWN_MAX + 8], *what = NULL;
        int r;

        (void) snprintf(header, sizeof(header), "[%s]", policy_value_shown(section, shown));
        r = policy_refuse_unknown("section", header, known, "", &what);
        if (what)
                r =
                                policy_refuse(r,
                                              parser->reterr_message,
                                              "%s:%u: %s: %s",
                                              parser->path,
                                              line,
                                              header,
                                              what);

        free(what);
        return r;
}

static int on_line(unsigned line, const char *section, const char *key, const char *value, void *userdata) {
        Parser *parser = userdata;
        int r;

        if (key)
                return handle_assignment(parser, line, section, key, value);

        r = close_section(parser);
        if (r < 0)
                return r;

        if (strcmp(section, "Trigger") == 0)
                trigger_draft_open(&parser->draft, line);
        else if (strcmp(section, "Policy") != 0)
                return refuse_section(parser, line, section);

        return 0;
}

static int parse_text(Parser *parser, const PolicyText *text) {
        _cleanup_(freep) char *message = NULL;
        unsigned line;
        int r;

        parser->path = text->path;
        if (text->length > POLICY_FILE_SIZE_MAX)
                return policy_refuse(
                                -EINVAL,
                                parser->reterr_message,
                                "%s: larger than %u KiB",
                                text->path,
                                POLICY_FILE_SIZE_MAX / 1024);

        r = ini_parse(text->text, text->length, on_line, parser, &line, &message);
        if (r >= 0)
                return close_section(parser);
        if (!message)
                return r;
        if (line == 0)
                return policy_refuse(-EINVAL, parser->reterr_message, "%s: %s", text->path, message);

        return policy_refuse(-EINVAL, parser->reterr_message, "%s:%u: %s", text->path, line, message);
}

static int check_scope(const Parser *parser) {
        const Policy *p = parser->policy;

        if (p->scope == POLICY_SCOPE_UNIT && (*p->exes || *p->users))
                return policy_refuse(
                                -EINVAL,
                                parser->reterr_message,
                                "%s: Scope=unit: Exe= and User= tell processes apart, not units; use Unit= or Slice=",
                                parser->path);

        for (size_t i = 0; i < p->n_triggers; i++)
                if (p->scope == POLICY_SCOPE_PROCESS && metric_info(p->triggers[i].metric)->is_unit_only)
                        return policy_refuse(
                                        -EINVAL,
                                        parser->reterr_message,
                                        "%s:%u: [Trigger]: %s has a value with Scope=unit only",
                                        parser->unit_only_path,
                                        parser->unit_only_line,
                                        metric_to_string(p->triggers[i].metric));

        return 0;
}

static int check_uris(const Parser *parser) {
        char *what = NULL;
        int r, error;

        error = r = policy_check_uris(parser->policy, &what);
        if (what)
                r = policy_refuse(error, parser->reterr_message, "%s: %s", parser->path, what);

        free(what);
        return r;
}

/* What no single line is to blame for. */
static int check_whole(const Parser *parser) {
        char **reterr_message = parser->reterr_message;
        const Policy *p = parser->policy;
        const char *path = parser->path;
        int r;

        if (!*p->units && !*p->slices && !*p->exes && !*p->users && !*p->services)
                return policy_refuse(
                                -EINVAL,
                                reterr_message,
                                "%s: one of Unit=, Slice=, Exe=, User=, Service= is needed",
                                path);

        if (policy_patterns_size(p->units) + policy_patterns_size(p->slices) +
                            policy_patterns_size(p->exes) + policy_patterns_size(p->users) +
                            policy_services_size(p->services) >
            POLICY_PATTERNS_SIZE_MAX)
                return policy_refuse(
                                -EINVAL,
                                reterr_message,
                                "%s: Unit=, Slice=, Exe=, User= and Service= are longer than %u KiB together",
                                path,
                                POLICY_PATTERNS_SIZE_MAX / 1024);

        if (p->n_triggers == 0)
                return policy_refuse(-EINVAL, reterr_message, "%s: a [Trigger] section is needed", path);

        r = check_scope(parser);
        return r < 0 ? r : check_uris(parser);
}

static int policy_new(const char *name, Policy **ret_policy) {
        _cleanup_(policy_unrefp) Policy *p = NULL;

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;

        *p = (Policy){
                .n_ref = 1,
                .name = strdup(name),
                .units = policy_patterns_new(),
                .slices = policy_patterns_new(),
                .exes = policy_patterns_new(),
                .users = policy_patterns_new(),
                .services = policy_patterns_new(),
                .duration_usec = POLICY_DURATION_DEFAULT,
                .silence_usec = POLICY_SILENCE_DEFAULT,
        };
        if (!p->name || !p->units || !p->slices || !p->exes || !p->users || !p->services)
                return -ENOMEM;

        *ret_policy = TAKE_PTR(p);
        return 0;
}

int policy_parse(
                const char *name,
                const PolicyText *texts,
                size_t n_texts,
                Policy **ret_policy,
                char **reterr_message) {
        _cleanup_(policy_unrefp) Policy *p = NULL;
        Parser parser = { .reterr_message = reterr_message };
        int r;

        assert(name);
        assert(texts && n_texts > 0);
        assert(ret_policy);

        if (reterr_message)
                *reterr_message = NULL;

        r = policy_new(name, &p);
        if (r < 0)
                return r;

        parser.policy = p;
        for (size_t i = 0; i < n_texts && r >= 0; i++)
                r = parse_text(&parser, &texts[i]);
        trigger_draft_done(&parser.draft);
        if (r < 0)
                return r;

        parser.path = texts[0].path;
        r = check_whole(&parser);
        if (r < 0)
                return r;

        if (p->kinds == 0)
                p->kinds = 1U << PROFILE_KIND_ON_CPU;

        *ret_policy = TAKE_PTR(p);
        return 0;
}
