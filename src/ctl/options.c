/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/options.h"

#include "basic/cleanup.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "basic/words.h"

#include <getopt.h>
#include <limits.h>
#include <string.h>

enum {
        ARG_JSON = 256,
        ARG_NO_PAGER,
        ARG_NO_LEGEND,
        ARG_VERSION,
        ARG_UNIT,
        ARG_SLICE,
        ARG_EXE,
        ARG_USER,
        ARG_SERVICE,
        ARG_WHEN,
        ARG_PROFILE,
        ARG_DESCRIPTION,
        ARG_DURATION,
        ARG_SILENCE,
        ARG_SCOPE,
        ARG_RUNTIME,
        ARG_ON_CPU,
        ARG_OFF_CPU,
        ARG_PID,
        ARG_WAIT,
        ARG_NO_WAIT,
        ARG_TOP,
        ARG_FORMAT,
        ARG_BEFORE,
        ARG_ONCE,
};

static const struct option long_options[] = {
        { "json", optional_argument, NULL, ARG_JSON },
        { "no-pager", no_argument, NULL, ARG_NO_PAGER },
        { "no-legend", no_argument, NULL, ARG_NO_LEGEND },
        { "host", required_argument, NULL, 'H' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, ARG_VERSION },
        { "unit", required_argument, NULL, ARG_UNIT },
        { "slice", required_argument, NULL, ARG_SLICE },
        { "exe", required_argument, NULL, ARG_EXE },
        { "user", required_argument, NULL, ARG_USER },
        { "service", required_argument, NULL, ARG_SERVICE },
        { "when", required_argument, NULL, ARG_WHEN },
        { "profile", required_argument, NULL, ARG_PROFILE },
        { "description", required_argument, NULL, ARG_DESCRIPTION },
        { "duration", required_argument, NULL, ARG_DURATION },
        { "silence", required_argument, NULL, ARG_SILENCE },
        { "scope", required_argument, NULL, ARG_SCOPE },
        { "runtime", no_argument, NULL, ARG_RUNTIME },
        { "on-cpu", no_argument, NULL, ARG_ON_CPU },
        { "off-cpu", no_argument, NULL, ARG_OFF_CPU },
        { "pid", required_argument, NULL, ARG_PID },
        { "wait", no_argument, NULL, ARG_WAIT },
        { "no-wait", no_argument, NULL, ARG_NO_WAIT },
        { "top", optional_argument, NULL, ARG_TOP },
        { "output", required_argument, NULL, 'o' },
        { "format", required_argument, NULL, ARG_FORMAT },
        { "before", no_argument, NULL, ARG_BEFORE },
        { "count", required_argument, NULL, 'n' },
        { "delay", required_argument, NULL, 'd' },
        { "once", no_argument, NULL, ARG_ONCE },
        { "watch", no_argument, NULL, 'w' },
        {},
};

static const char *option_name(int code) {
        for (size_t i = 0; long_options[i].name; i++)
                if (long_options[i].val == code)
                        return long_options[i].name;

        return "?";
}

static void note_group(Options *o, OptionGroup group, int code) {
        o->groups |= group;
        o->group_names[__builtin_ctz(group)] = option_name(code);
}

static int parse_json_mode(const char *text, JsonMode *ret) {
        static const char *const names[] = { "off", "short", "pretty", NULL };

        if (!text) {
                *ret = JSON_MODE_PRETTY;
                return 0;
        }

        for (int i = 0; names[i]; i++)
                if (strcmp(names[i], text) == 0) {
                        *ret = (JsonMode) i;
                        return 0;
                }

        log_error("Bad value '%s' of --json=, expected 'short', 'pretty' or 'off'.", text);
        return -EINVAL;
}

static int parse_number(const char *name, const char *text, unsigned max, unsigned *ret) {
        if (parse_uint(text, 1, max, ret) >= 0)
                return 0;

        log_error("Bad value '%s' of --%s=, expected a number from 1 to %u.", text, name, max);
        return -EINVAL;
}

/* Parts of a policy. Returns 0 when @code is none of them. */
static int parse_policy_option(int code, PolicyFlags *f) {
        const struct {
                int code;
                FlagValues *list;
                const char **scalar;
        } table[] = {
                { ARG_UNIT, .list = &f->units },
                { ARG_SLICE, .list = &f->slices },
                { ARG_EXE, .list = &f->exes },
                { ARG_USER, .list = &f->users },
                { ARG_SERVICE, .list = &f->services },
                { ARG_WHEN, .list = &f->whens },
                { ARG_PROFILE, .list = &f->profiles },
                { ARG_DESCRIPTION, .scalar = &f->description },
                { ARG_DURATION, .scalar = &f->duration },
                { ARG_SILENCE, .scalar = &f->silence },
                { ARG_SCOPE, .scalar = &f->scope },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                if (table[i].code != code)
                        continue;

                if (table[i].scalar)
                        *table[i].scalar = optarg;
                else if (flag_values_add(table[i].list, optarg) < 0) {
                        log_error("More than %u times --%s.", FLAG_VALUES_MAX, option_name(code));
                        return -E2BIG;
                }

                return 1;
        }

        return 0;
}

static int parse_global_option(int code, Options *o) {
        switch (code) {
        case ARG_JSON:
                return parse_json_mode(optarg, &o->json) < 0 ? -EINVAL : 1;
        case ARG_NO_PAGER:
                o->no_pager = true;
                return 1;
        case ARG_NO_LEGEND:
                o->no_legend = true;
                return 1;
        case ARG_VERSION:
                o->version = true;
                return 1;
        case 'h':
                o->help = true;
                return 1;
        case 'H':
                o->host = optarg;
                return 1;
        default:
                return 0;
        }
}

static int parse_delay(const char *text, usec_t *ret) {
        usec_t delay;

        if (timespan_parse(text, &delay) >= 0 && delay >= OPTION_DELAY_MIN && delay <= OPTION_DELAY_MAX) {
                *ret = delay;
                return 0;
        }

        log_error("Bad value '%s' of --delay=, expected a time span from 100ms to 1h.", text);
        return -EINVAL;
}

/* What is shown of a task, and how often. */
static int parse_view_option(int code, Options *o) {
        switch (code) {
        case ARG_BEFORE:
                note_group(o, OPTION_GROUP_BEFORE, code);
                o->before = true;
                return 0;
        case ARG_OFF_CPU:
                note_group(o, OPTION_GROUP_OFF_CPU, code);
                o->off_cpu = true;
                o->kinds |= PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU);
                return 0;
        case 'n':
                note_group(o, OPTION_GROUP_FRAMES, code);
                return parse_number("count", optarg, INT_MAX, &o->count);
        case ARG_ONCE:
                note_group(o, OPTION_GROUP_FRAMES, code);
                o->count = 1;
                return 0;
        case 'd':
                note_group(o, OPTION_GROUP_FRAMES, code);
                return parse_delay(optarg, &o->delay_usec);
        case 'w':
                note_group(o, OPTION_GROUP_WATCH, code);
                o->watch = true;
                return 0;
        default:
                return -EINVAL;
        }
}

/* Options of the tasks' verbs. */
static int parse_task_option(int code, Options *o) {
        switch (code) {
        case ARG_RUNTIME:
                note_group(o, OPTION_GROUP_RUNTIME, code);
                o->runtime = true;
                return 0;
        case ARG_ON_CPU:
                note_group(o, OPTION_GROUP_RECORD, code);
                o->kinds |= PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU);
                return 0;
        case ARG_PID:
                note_group(o, OPTION_GROUP_RECORD, code);
                return parse_number("pid", optarg, INT_MAX, &o->pid);
        case ARG_WAIT:
        case ARG_NO_WAIT:
                note_group(o, OPTION_GROUP_WAIT, code);
                o->no_wait = code == ARG_NO_WAIT;
                return 0;
        case ARG_TOP:
                note_group(o, OPTION_GROUP_TOP, code);
                o->top = OPTION_TOP_DEFAULT;
                return optarg ? parse_number("top", optarg, OPTION_TOP_MAX, &o->top) : 0;
        case ARG_FORMAT:
                note_group(o, OPTION_GROUP_FORMAT, code);
                o->format = optarg;
                return 0;
        case 'o':
                note_group(o, OPTION_GROUP_OUTPUT, code);
                o->output = optarg;
                return 0;
        default:
                return parse_view_option(code, o);
        }
}

static int parse_option(int code, Options *o) {
        int r;

        r = parse_global_option(code, o);
        if (r != 0)
                return r;

        r = parse_policy_option(code, &o->policy);
        if (r < 0)
                return r;
        if (r > 0) {
                note_group(o, code == ARG_DURATION ? OPTION_GROUP_DURATION : OPTION_GROUP_COMPOSE, code);
                return 0;
        }

        return parse_task_option(code, o);
}

static int complain_unknown(const char *word) {
        const char *names[ELEMENTSOF(long_options)] = {}, *near = NULL;
        char name[32];

        for (size_t i = 0; long_options[i].name; i++)
                names[i] = long_options[i].name;

        if (optopt != 0 && optopt < 256 && strncmp(word, "--", 2) != 0) {
                log_error("Unknown option '-%c'.", optopt);
                return -EINVAL;
        }

        if (optopt != 0) {
                log_error("Option '--%s' takes no value.", option_name(optopt));
                return -EINVAL;
        }

        snprintf(name, sizeof(name), "%.*s", (int) strcspn(word + 2, "="), word + 2);
        near = word_nearest(name, names);
        if (near)
                log_error("Unknown option '--%s', did you mean '--%s'?", name, near);
        else
                log_error("Unknown option '--%s'.", name);

        return -EINVAL;
}

int options_parse(int argc, char **argv, Options *ret_options, int *ret_first) {
        Options o = {};
        int code, r;

        assert(ret_options);
        assert(ret_first);

        opterr = 0;
        optind = 0; /* glibc: start anew, permute */

        while ((code = getopt_long(argc, argv, ":d:hH:n:o:w", long_options, NULL)) >= 0) {
                if (code == '?')
                        return complain_unknown(argv[optind - 1]);
                if (code == ':') {
                        log_error("Option '--%s' needs a value.", option_name(optopt));
                        return -EINVAL;
                }

                r = parse_option(code, &o);
                if (r < 0)
                        return r;
        }

        *ret_options = o;
        *ret_first = optind;
        return 0;
}

int options_check_groups(const Options *o, unsigned groups, const char *verb) {
        unsigned foreign = o->groups & ~groups;

        if (foreign == 0)
                return 0;

        log_error("Option --%s does not go with '%s'.", o->group_names[__builtin_ctz(foreign)], verb);
        return -EINVAL;
}
