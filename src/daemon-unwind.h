/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "task/unwind-tables.h"

/* Unwind rows of modules from their .eh_frame. */
extern const UnwindSource daemon_unwind_source;
