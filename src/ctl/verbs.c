/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/verbs.h"

#include "basic/log.h"
#include "basic/words.h"

#include <limits.h>
#include <string.h>

enum {
        COMPOSE = OPTION_GROUP_COMPOSE | OPTION_GROUP_DURATION | OPTION_GROUP_RUNTIME,
        PROFILE = OPTION_GROUP_RECORD | OPTION_GROUP_OFF_CPU | OPTION_GROUP_DURATION | OPTION_GROUP_WAIT,
        FLAMEGRAPH = OPTION_GROUP_OUTPUT | OPTION_GROUP_BEFORE | OPTION_GROUP_OFF_CPU,
        DIFF = OPTION_GROUP_OUTPUT | OPTION_GROUP_TOP | OPTION_GROUP_OFF_CPU,
        EXPORT = OPTION_GROUP_FORMAT | OPTION_GROUP_OUTPUT,
};

static const Verb verbs[] = {
        { NULL, "status", "", 0, 0, 0, verb_status, "Show what the daemon watches, can do and has lost" },
        { NULL,
          "top",
          "[UNIT]",
          0,
          1,
          OPTION_GROUP_FRAMES,
          verb_top,
          "Watch units, or the rules and hottest functions of one" },
        { NULL,
          "http",
          "UNIT",
          1,
          1,
          OPTION_GROUP_FRAMES,
          verb_http,
          "Watch the requests of a unit by URI rule" },
        { NULL, "profile", "UNIT", 1, 1, PROFILE, verb_profile, "Profile a unit or process now" },
        { NULL, "monitor", "", 0, 0, 0, verb_monitor, "Print policy changes and tasks as they happen" },
        { NULL, "reload", "", 0, 0, 0, verb_reload, "Read configuration and policies again" },

        { "unit", "list", "[PATTERN]", 0, 1, 0, verb_unit_list, "List units and what watches them" },
        { "unit", "show", "UNIT", 1, 1, 0, verb_unit_show, "Show what watches a unit, and how well" },
        { "unit",
          "windows",
          "UNIT",
          1,
          1,
          OPTION_GROUP_WATCH,
          verb_unit_windows,
          "Show the last seconds of each rule of a unit" },

        { "policy", "list", "", 0, 0, 0, verb_policy_list, "List policies" },
        { "policy", "show", "NAME", 1, 1, 0, verb_policy_show, "Print the files of a policy" },
        { "policy",
          "add",
          "NAME [FILE|-]",
          1,
          2,
          COMPOSE,
          verb_policy_add,
          "Add or replace a policy, from a file or options" },
        { "policy", "edit", "NAME", 1, 1, OPTION_GROUP_RUNTIME, verb_policy_edit, "Edit a policy" },
        { "policy",
          "check",
          "FILE|-|NAME…",
          1,
          INT_MAX,
          0,
          verb_policy_check,
          "Say whether a policy is good, without adding it" },
        { "policy",
          "remove",
          "NAME…",
          1,
          INT_MAX,
          0,
          verb_policy_remove,
          "Remove policies of /etc and /run" },
        { "policy",
          "mask",
          "NAME…",
          1,
          INT_MAX,
          OPTION_GROUP_RUNTIME,
          verb_policy_mask,
          "Put policies out of force, vendor ones too" },
        { "policy", "unmask", "NAME…", 1, INT_MAX, OPTION_GROUP_RUNTIME, verb_policy_unmask, "Undo mask" },

        { "task", "list", "", 0, 0, 0, verb_task_list, "List tasks, newest first" },
        { "task",
          "info",
          "[ID]",
          0,
          1,
          OPTION_GROUP_TOP,
          verb_task_info,
          "Show why, when and how well a task ran" },
        { "task", "wait", "[ID]", 0, 1, 0, verb_task_wait, "Wait until a task is over" },
        { "task", "stop", "[ID]", 0, 1, 0, verb_task_stop, "End a task early and keep its profile" },
        { "task",
          "flamegraph",
          "[ID]",
          0,
          1,
          FLAMEGRAPH,
          verb_task_flamegraph,
          "Write an interactive flame graph, one HTML file" },
        { "task",
          "diff",
          "[ID [ID]]",
          0,
          2,
          DIFF,
          verb_task_diff,
          "Compare before the trigger with during, or two tasks" },
        { "task", "export", "[ID]", 0, 1, EXPORT, verb_task_export, "Write the profile for other tools" },
        { "task", "delete", "ID…", 1, INT_MAX, 0, verb_task_delete, "Delete tasks and their profiles" },

        { "oap", "status", "", 0, 0, 0, verb_oap_status, "Show the connection to SkyWalking's OAP" },
        { "oap",
          "services",
          "",
          0,
          0,
          0,
          verb_oap_services,
          "List what is registered with SkyWalking, or would be" },
};

static const struct {
        OptionGroup group;
        const char *option, *help;
} option_help[] = {
        { OPTION_GROUP_COMPOSE, "--unit=GLOB", "Watch units of this name; repeatable" },
        { OPTION_GROUP_COMPOSE, "--slice=GLOB", "… below this slice; repeatable" },
        { OPTION_GROUP_COMPOSE, "--exe=GLOB", "… processes of this program; repeatable" },
        { OPTION_GROUP_COMPOSE, "--user=USER", "… processes of this user; repeatable" },
        { OPTION_GROUP_COMPOSE, "--service=NAME", "… registered for this SkyWalking service; repeatable" },
        { OPTION_GROUP_COMPOSE, "--when=RULE", "Act on 'process-cpu >= 80% for 5 of 10s'; repeatable" },
        { OPTION_GROUP_COMPOSE, "--profile=KIND", "Record on-cpu, off-cpu; repeatable" },
        { OPTION_GROUP_COMPOSE, "--silence=SPAN", "Leave the process alone so long after a start" },
        { OPTION_GROUP_COMPOSE, "--scope=SCOPE", "Judge each 'process' or the 'unit' as a whole" },
        { OPTION_GROUP_COMPOSE, "--description=TEXT", "Say what the policy is for" },
        { OPTION_GROUP_RECORD, "--on-cpu", "Record stacks on CPU (default)" },
        { OPTION_GROUP_RECORD, "--pid=PID", "One process of the unit only" },
        { OPTION_GROUP_DURATION, "--duration=SPAN", "Record so long" },
        { OPTION_GROUP_WAIT, "--no-wait", "Print the task's ID and leave it running" },
        { OPTION_GROUP_RUNTIME, "--runtime", "Until the next boot: /run instead of /etc" },
        { OPTION_GROUP_TOP, "--top[=N]", "List the hottest functions (10)" },
        { OPTION_GROUP_FORMAT, "--format=FORMAT", "pprof (default), folded, folded-offcpu, before-pprof …" },
        { OPTION_GROUP_OUTPUT, "-o --output=FILE", "Write there, '-' for standard output" },
        { OPTION_GROUP_BEFORE, "--before", "What was recorded before the trigger" },
        { OPTION_GROUP_OFF_CPU,
          "--off-cpu",
          "Where threads wait and how long; recorded together with --on-cpu" },
        { OPTION_GROUP_FRAMES, "-d --delay=SPAN", "Between two looks (1s)" },
        { OPTION_GROUP_FRAMES, "-n --count=N", "End after so many looks" },
        { OPTION_GROUP_FRAMES, "--once", "The same as --count=1" },
        { OPTION_GROUP_WATCH, "-w --watch", "Show it anew each second until Ctrl-C" },
};

/* NULL is that of verbs of one word. */
static const struct Group {
        const char *group, *title, *about;
} groups[] = {
        { NULL, "Daemon:", "" },
        { "unit", "Units:", "units" },
        { "policy", "Policies:", "policies" },
        { "task", "Tasks (ID: part of one, default latest):", "tasks" },
        { "oap", "SkyWalking:", "the OAP" },
};

const char *verb_name(const Verb *v, char buf[static VERB_NAME_MAX]) {
        snprintf(buf, VERB_NAME_MAX, "%s%s%s", v->group ?: "", v->group ? " " : "", v->name);
        return buf;
}

static bool in_group(const Verb *v, const char *group) {
        return group ? v->group && strcmp(v->group, group) == 0 : !v->group;
}

static const struct Group *find_group(const char *group) {
        for (size_t i = 1; i < ELEMENTSOF(groups); i++)
                if (group && strcmp(groups[i].group, group) == 0)
                        return groups + i;

        return groups;
}

static const Verb *find_in_group(const char *group, const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (in_group(verbs + i, group) && strcmp(verbs[i].name, name) == 0)
                        return verbs + i;

        return NULL;
}

static bool is_group(const char *word) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (verbs[i].group && strcmp(verbs[i].group, word) == 0)
                        return true;

        return false;
}

bool verb_is_complete(const char *word) {
        return find_in_group(NULL, word);
}

static int complain_unknown(const char *group, const char *word) {
        const char *names[ELEMENTSOF(verbs) + 1] = {}, *near;
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                const char *name = group || !verbs[i].group ? verbs[i].name : verbs[i].group;

                if (group && !in_group(verbs + i, group))
                        continue;
                if (n == 0 || strcmp(names[n - 1], name) != 0)
                        names[n++] = name;
        }

        near = word_nearest(word, names);
        log_error("Unknown verb '%s%s%s'%s%s%s%s%s",
                  group ?: "",
                  group ? " " : "",
                  word,
                  near ? ", did you mean '" : "; see cprofctl --help.",
                  near && group ? group : "",
                  near && group ? " " : "",
                  near ?: "",
                  near ? "'?" : "");
        return -EINVAL;
}

int verb_find(int argc, char **argv, const Verb **ret_verb) {
        const char *group = argc > 0 && is_group(argv[0]) ? argv[0] : NULL;
        int n = group ? 2 : 1;

        if (argc == 0) {
                *ret_verb = find_in_group(NULL, "status");
                return 0;
        }

        if (argc < n) {
                log_error("What about %s? See 'cprofctl %s --help'.", find_group(group)->about, group);
                return -EINVAL;
        }

        *ret_verb = find_in_group(group, argv[n - 1]);
        return *ret_verb ? n : complain_unknown(group, argv[n - 1]);
}

static void print_line(const char *left, const char *help) {
        printf("  %-30s %s\n", left, help);
}

static void print_verb(const Verb *v) {
        char name[VERB_NAME_MAX], left[2 * VERB_NAME_MAX];
        /* printf() pads bytes: one column for the three of an ellipsis. */
        int pad = strstr(v->usage, "…") ? 32 : 30;

        snprintf(left, sizeof(left), "%s %s", verb_name(v, name), v->usage);
        printf("  %-*s %s\n", pad, left, v->help);
}

static void print_global_options(void) {
        printf("\nOptions of every verb:\n");
        print_line("--json[=pretty|short|off]", "Print JSON");
        print_line("-H --host=[USER@]HOST", "Talk to another host, by ssh");
        print_line("--no-pager", "Do not use a pager");
        print_line("--no-legend", "No column headers and hints");
        print_line("-h --help", "Print this, with a verb about the verb");
        print_line("--version", "Print the version");
}

void verbs_print_help(const char *group) {
        const char *last = NULL;

        if (group && !is_group(group))
                group = NULL;

        printf("cprofctl [OPTIONS…] %s%sVERB…\n\n%s\n",
               group ?: "",
               group ? " " : "",
               "Watch systemd units, profile them when it matters, read what was recorded.");

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                if (group && !in_group(verbs + i, group))
                        continue;

                if (i == 0 || (verbs[i].group && (!last || strcmp(last, verbs[i].group) != 0)))
                        printf("\n%s\n", find_group(verbs[i].group)->title);
                last = verbs[i].group;
                print_verb(verbs + i);
        }

        print_global_options();
}

void verb_print_help(const Verb *v) {
        char name[VERB_NAME_MAX];
        bool first = true;

        printf("cprofctl %s%s %s\n\n%s.\n",
               verb_name(v, name),
               v->options != 0 ? " [OPTIONS…]" : "",
               v->usage,
               v->help);

        for (size_t i = 0; i < ELEMENTSOF(option_help); i++) {
                if (!(option_help[i].group & v->options))
                        continue;

                if (first)
                        printf("\nOptions:\n");
                first = false;
                print_line(option_help[i].option, option_help[i].help);
        }

        print_global_options();
}
