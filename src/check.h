/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* cprofd --check: reads configuration and policies below @root ("" = the host's) without acting on them, and
 * says what is wrong on standard error, one line each. Returns the exit status: 0 when everything is in
 * force as written. */
int check_run(const char *root);
