/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/probe.h"

/* Which sets of offsets of CPython are in the kernel, and which processes use them. One map, which the
 * samplers' objects take in place of their own. */
typedef struct ProbePython ProbePython;

struct bpf_map;

int probe_python_new(ProbePython **ret_python);
ProbePython *probe_python_free(ProbePython *p);
DEFINE_CLEANUP(ProbePython *, probe_python_free)

/* Before an object is loaded: makes it use our map. */
int probe_python_share(ProbePython *p, struct bpf_map *offsets);

/* The index + 1 of @offsets, which @pid uses from now on in place of others. -ENOSPC: too many different
 * ones. */
int probe_python_use(
                ProbePython *p, pid_t pid, const struct cprof_python_offsets *offsets, uint32_t *ret_index);
void probe_python_unuse(ProbePython *p, pid_t pid);
