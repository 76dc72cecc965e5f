/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/regex-reader.h"

/* Reads an escape that stands for one character: \n \. \x41 \x{e9} \101. All others are refused. */
int regex_read_escape(RegexReader *p, uint32_t *ret_character);

/* Reads an escape that stands for a class, \d \w \s \D \W \S, into @set. Returns 0 if the next is none of
 * them, else 1. */
int regex_read_escaped_class(RegexReader *p, CharSet *set);
