/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/dfa.h"

/* The automaton of one path: @text and nothing else. */
int dfa_new_exact(const char *text, uint64_t accept, Dfa **ret_dfa);

/* Makes *d, which knows paths, take an absolute request target, too: "http://" or "https://" and a host in
 * front of the path are skipped. The result is not minimal. */
int dfa_skip_host(Dfa **d);
