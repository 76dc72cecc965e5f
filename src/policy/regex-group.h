/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/regex-reader.h"

/* Reads how a group opens, from its '(' to where its content begins. Returns 1, or 0 for flags without
 * content, "(?i)". The caller restores the flags at the end of the group. */
int regex_read_group_open(RegexReader *p);
