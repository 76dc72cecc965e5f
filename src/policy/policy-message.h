/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

/* Messages about bad policy texts: parsers below hand up what is wrong, policy-parse.c adds where. */

#define POLICY_VALUE_SHOWN_MAX 80 /* bytes of a foreign value that a message repeats */

/* Sets *reterr_message (which may be NULL) from the format and returns @error; -ENOMEM if there is no memory
 * for it. */
int policy_refuse(int error, char **reterr_message, const char *format, ...) _printf_(3, 4);

/* "unknown @what, did you mean X?" with the word of @known nearest to @word (and @suffix behind it), or
 * "unknown @what, expected one of A, B, C" if none is near. Returns -EINVAL. */
int policy_refuse_unknown(
                const char *what,
                const char *word,
                const char *const *known,
                const char *suffix,
                char **reterr_message);

/* "this build does not have @word (it has A, B, C)". Returns -EOPNOTSUPP. */
int policy_refuse_elsewhere(const char *word, const char *const *known, char **reterr_message);

/* @value as messages show it: control characters as '?', cut with "…" when long. */
const char *policy_value_shown(const char *value, char buf[static POLICY_VALUE_SHOWN_MAX + 4]);
