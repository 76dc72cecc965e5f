/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ctl/policy-text.h"

#include "basic/profile-kind.h"
#include "basic/time-util.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum JsonMode {
        JSON_MODE_OFF,
        JSON_MODE_SHORT,
        JSON_MODE_PRETTY,
} JsonMode;

/* Options that belong to some verbs only. */
typedef enum OptionGroup {
        OPTION_GROUP_COMPOSE = 1 << 0,  /* --unit= … --when=: parts of a policy */
        OPTION_GROUP_RUNTIME = 1 << 1,  /* --runtime */
        OPTION_GROUP_RECORD = 1 << 2,   /* --on-cpu, --off-cpu, --pid= */
        OPTION_GROUP_WAIT = 1 << 3,     /* --wait, --no-wait */
        OPTION_GROUP_TOP = 1 << 4,      /* --top[=N] */
        OPTION_GROUP_OUTPUT = 1 << 5,   /* --output= */
        OPTION_GROUP_FORMAT = 1 << 6,   /* --format= */
        OPTION_GROUP_WATCH = 1 << 7,    /* --watch */
        OPTION_GROUP_DURATION = 1 << 8, /* --duration= */
        _OPTION_GROUPS = 9,
} OptionGroup;

/* The command line. Strings are borrowed from argv. */
typedef struct Options {
        JsonMode json;
        bool help, version;
        bool no_pager, no_legend;
        const char *host;

        PolicyFlags policy; /* .duration is also that of "profile" */
        bool runtime;

        ProfileKinds kinds; /* 0 = not said */
        bool no_wait;
        bool watch;
        unsigned pid; /* 0 = the whole unit */
        unsigned top; /* 0 = not asked for */
        const char *output;
        const char *format;

        unsigned groups;                         /* of the options that were given */
        const char *group_names[_OPTION_GROUPS]; /* one option of each such group, "--when" */
} Options;

#define OPTION_TOP_DEFAULT 10U
#define OPTION_TOP_MAX 10000U

/* Parses and permutes @argv; the words that are no options follow from *ret_first on. Complains itself and
 * returns -EINVAL. */
int options_parse(int argc, char **argv, Options *ret_options, int *ret_first);

/* Complains and returns -EINVAL when an option was given that is of none of @groups. */
int options_check_groups(const Options *o, unsigned groups, const char *verb);
