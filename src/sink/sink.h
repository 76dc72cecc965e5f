/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/ratelimit.h"
#include "store/store.h"

/* What was recorded, with the names of its code; all borrowed. A profile without its names counts as not
 * there. */
typedef struct TaskEvidence {
        const Profile *profile; /* NULL: nothing was recorded */
        const Symbols *symbols;
        const Profile *before; /* NULL: nothing of the time before */
        const Symbols *before_symbols;
} TaskEvidence;

/* Where results go. One failing sink never touches another. */
typedef struct SinkOps {
        const char *name;
        /* A task began; its causes are filled. */
        int (*task_started)(void *self, const Task *t);
        /* It records less from now on or is about to be stopped, for what recording costs; @text says so. */
        int (*task_thinned)(void *self, const Task *t, const char *text);
        /* Data so far (periodic checkpoint): profile and names are those of now; the time before may be
         * missing. */
        int (*task_checkpoint)(void *self, const Task *t, const TaskEvidence *evidence);
        int (*task_ended)(void *self, const Task *t, const TaskEvidence *evidence); /* over */
} SinkOps;

#define SINKS_MAX 8U

typedef struct Sinks {
        struct {
                const SinkOps *ops;
                void *self;
                uint64_t n_failed;
                RateLimit log_limit; /* of the messages about those */
        } items[SINKS_MAX];
        size_t n;
} Sinks;

int sinks_add(Sinks *s, const SinkOps *ops, void *self); /* -E2BIG */
void sinks_remove(Sinks *s, const void *self);
/* Fan-out; a sink's failure is logged there (rate-limited) and counted. */
void sinks_task_started(Sinks *s, const Task *t);
void sinks_task_thinned(Sinks *s, const Task *t, const char *text);
void sinks_task_checkpoint(Sinks *s, const Task *t, const TaskEvidence *evidence);
void sinks_task_ended(Sinks *s, const Task *t, const TaskEvidence *evidence);

extern const SinkOps sink_journal_ops; /* self: NULL */
extern const SinkOps sink_store_ops;   /* self: Store * */
