/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fake/fake-probe.h"

/* Its part of the ProbeOps of the fake. */
int fake_offcpu_begin(void *self, pid_t pid);
int fake_offcpu_end(void *self, pid_t pid);
int fake_offcpu_read(void *self, pid_t pid, ProbeOffcpuFn fn, void *userdata);
void fake_offcpu_forget(void *self, pid_t pid);
int fake_offcpu_threshold(void *self, uint64_t nsec);
