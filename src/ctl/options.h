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
        OPTION_GROUP_RECORD = 1 << 2,   /* --on-cpu, --pid= */
        OPTION_GROUP_WAIT = 1 << 3,     /* --wait, --no-wait */
        OPTION_GROUP_TOP = 1 << 4,      /* --top[=N] */
        OPTION_GROUP_OUTPUT = 1 << 5,   /* --output= */
        OPTION_GROUP_FORMAT = 1 << 6,   /* --format= */
        OPTION_GROUP_WATCH = 1 << 7,    /* --watch */
        OPTION_GROUP_DURATION = 1 << 8, /* --duration= */
        OPTION_GROUP_BEFORE = 1 << 9,   /* --before */
        OPTION_GROUP_OFF_CPU = 1 << 10, /* --off-cpu */
        OPTION_GROUP_FRAMES = 1 << 11,  /* --count=, --once, --delay= */
        _OPTION_GROUPS = 12,
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
        bool before, off_cpu;
        unsigned count; /* of frames; 0 = not given */
        usec_t delay_usec;

        unsigned groups;                         /* of the options that were given */
        const char *group_names[_OPTION_GROUPS]; /* one option of each such group, "--when" */
} Options;

#define OPTION_TOP_DEFAULT 10U
#define OPTION_TOP_MAX 10000U
#define OPTION_DELAY_MIN (100 * USEC_PER_MSEC)
#define OPTION_DELAY_MAX USEC_PER_HOUR

/* Parses and permutes @argv; the words that are no options follow from *ret_first on. Complains itself and
 * returns -EINVAL. */
int options_parse(int argc, char **argv, Options *ret_options, int *ret_first);

/* Complains and returns -EINVAL when an option was given that is of none of @groups. */
int options_check_groups(const Options *o, unsigned groups, const char *verb);
