/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/dfa.h"

/* The automaton of some paths and nothing else; rules @accepts[i] are matched by @paths[i]. */
int dfa_new_exact(const char *const *paths, const uint64_t *accepts, size_t n, Dfa **ret_dfa);

/* Makes *d, which knows paths, take an absolute request target, too: "http://" or "https://" and a host in
 * front of the path are skipped. The result is not minimal. */
int dfa_skip_host(Dfa **d);
