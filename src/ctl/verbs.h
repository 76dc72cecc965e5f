/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ctl/ctl.h"

/* The table of verbs: names, arguments, help. */
typedef struct Verb {
        const char *group; /* NULL for verbs of one word */
        const char *name;
        const char *usage; /* the arguments */
        int args_min, args_max;
        unsigned options; /* OptionGroup */
        VerbFn run;
        const char *help;
} Verb;

#define VERB_NAME_MAX 32

/* "policy add". Returns @buf. */
const char *verb_name(const Verb *v, char buf[static VERB_NAME_MAX]);

/* The verb that @argv begins with; no word at all means "status". Returns how many words it took, or -EINVAL
 * after a complaint that suggests the nearest. */
int verb_find(int argc, char **argv, const Verb **ret_verb);

/* Whether @word is a verb by itself, not the name of a group. */
bool verb_is_complete(const char *word);

/* All verbs, or those of a group. */
void verbs_print_help(const char *group);
void verb_print_help(const Verb *v);
