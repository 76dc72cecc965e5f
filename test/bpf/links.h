/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/* Whether a BPF program of that name is attached anywhere. */
bool is_link_there(const char *program);
