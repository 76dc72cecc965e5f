/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/host.h"

/* 1-minute load average of /proc/loadavg. */
int procfs_read_load1(const Host *h, double *ret);
/* Pure part. -EBADMSG. */
int loadavg_parse(const char *text, double *ret);
