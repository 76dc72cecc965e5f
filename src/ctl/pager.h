/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ctl/ctl.h"

/* Sends standard output through $PAGER if it is a terminal and --no-pager was not given. Without a pager
 * that works, output stays as it is. */
void pager_open(Ctl *c);

/* Ends the output and waits for the reader to leave. */
void pager_close(Ctl *c);
