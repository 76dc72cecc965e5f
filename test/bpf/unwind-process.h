/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/probe.h"

/* Gives @p the tables and mappings of a process as they are now. Asserts. Returns the rows there are. */
size_t unwind_process(Probe *p, pid_t pid);
