/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/probe.h"
#include "target/process-maps.h"
#include "target/target.h"

/* Who may look into processes for the functions that an interpreter runs there; the daemon, as what it
 * needs for that is of no concern here. Every function gets @userdata. */
typedef struct PythonSource {
        /* The mappings of @key were read: whether it has an interpreter now is to be found out. */
        void (*detect)(ProcessKey key, const ProcessMaps *maps, void *userdata);

        /* Sets python of @m, if it is an interpreter's file, and python.checked. */
        void (*inspect)(Module *m, void *userdata);

        /* What @frame is, as function_offset() in @functions. Negative: unknown. @now_usec is the same for a
         * whole drain. */
        int (*resolve)(ProcessKey key,
                       const struct cprof_python_frame *frame,
                       usec_t now_usec,
                       FunctionTable *functions,
                       uint64_t *ret_offset,
                       void *userdata);

        /* The process is gone. */
        void (*forget)(ProcessKey key, void *userdata);

        void *userdata;
} PythonSource;

/* One frame before it has an index in some profile. */
typedef struct ResolvedFrame {
        uint64_t address;
        Module *module; /* a reference: reading mappings again may let go of theirs; NULL: unknown */
        uint64_t offset;
} ResolvedFrame;

#define RESOLVED_FRAMES_MAX (CPROF_STACK_MAX + CPROF_PYTHON_MAX)

/* Replaces frames of the interpreter's loop among the @n resolved @frames, which have room for
 * RESOLVED_FRAMES_MAX, by the functions of @sample. @module is the MODULE_PYTHON of the process. Returns the
 * number of frames then. *ret_consistent: native and Python frames fitted. */
unsigned
python_resolve(const PythonSource *source,
               ProcessKey key,
               Module *module,
               const struct cprof_sample *sample,
               usec_t now_usec,
               ResolvedFrame *frames,
               unsigned n,
               bool *ret_consistent);
