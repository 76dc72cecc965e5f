/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/regex-tree.h"

#define REGEX_REPEAT_MAX 1000U /* as RE2: {m,n}, and all around each other multiplied */

/* The tree of @text in the syntax of RE2. Returns -EINVAL for what is not of it or is not supported;
 * *reterr_message, to be freed, says at which column. It may be NULL. */
int regex_parse(const char *text, RegexTree **ret_tree, char **reterr_message);
