/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/regex-nfa.h"

/* Adds nodes that read the UTF-8 of one character of @ranges (sorted, apart from each other), all of them at
 * least 0x80, and go on at @next. Returns the node to begin with, or @start if there is no range, else
 * joined with @start if that is one (not REGEX_NONE). */
int nfa_add_utf8(Nfa *n, const CharRange *ranges, size_t n_ranges, int start, int next);
