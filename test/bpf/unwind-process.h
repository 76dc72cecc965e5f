/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/probe-unwind.h"

/* Gives @u the tables and mappings of a process as they are now. Asserts. Returns the rows there are. */
size_t unwind_process(ProbeUnwind *u, pid_t pid);
