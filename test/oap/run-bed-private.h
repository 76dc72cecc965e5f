/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fake/fake-transport.h"
#include "oap/run-bed.h"

/* Private to run-bed*.c. */

RunBed *run_bed_current(void);

/* Doubles: they find the bed by themselves. */
OapRegistry *run_bed_registry(void);
OapForward *run_bed_forward(void);

/* What OAP answers to queryTasks; @userdata is the bed. */
void run_bed_serve(OapCall *call, void *userdata);
