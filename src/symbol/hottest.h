/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/symbolizer.h"

/* The @n functions with most samples on top of the stack as one line, "sha256_block 61%, memcpy 20%"; NULL
 * in *ret_text for a profile without samples. */
int profile_hottest(const Profile *profile, const Symbols *symbols, size_t n, char **ret_text);
