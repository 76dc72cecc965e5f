/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <stddef.h>

/* NULL-terminated lists of strings; NULL is the empty list. */
char **strv_free(char **list);
DEFINE_CLEANUP(char **, strv_free)

size_t strv_length(char *const *list);

/* Takes @item over also on failure. @item NULL stands for a failed allocation: -ENOMEM. */
int strv_push(char ***list, char *item);
int strv_pushf(char ***list, const char *format, ...) _printf_(2, 3);
