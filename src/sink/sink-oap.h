/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-run.h"
#include "sink/sink.h"

/* Passes tasks on to OAP, as far as it is to have them. */
typedef struct SinkOap {
        OapRuns *runs; /* borrowed */
        /* Who the task's process or unit is to SkyWalking; NULL: nobody. */
        Identity *(*identity_of)(const Task *t, void *userdata);
        void *userdata;
} SinkOap;

extern const SinkOps sink_oap_ops; /* self: SinkOap * */
