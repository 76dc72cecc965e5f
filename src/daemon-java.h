/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "basic/time-util.h"
#include "host/host.h"
#include "target/target-set.h"
#include "target/target.h"
#include "task/task.h"

/* Has Java virtual machines write down what their compiled code is called, each in a child of ours
 * (cprofd --attach-java). */
typedef struct DaemonJava DaemonJava;

#define JAVA_ATTACH_INTERVAL_USEC (60 * USEC_PER_SEC) /* of one process */
#define JAVA_ATTACH_PER_SEC 4U                        /* children started, for all processes */
#define JAVA_PROCESSES_MAX 1024U                      /* remembered; others have to wait */

int daemon_java_new(const Host *host, DaemonJava **ret);
DaemonJava *daemon_java_free(DaemonJava *j);
DEFINE_CLEANUP(DaemonJava *, daemon_java_free)

/* Does nothing for a process that runs no Java with frame pointers, or was asked not long ago. Returns 1 if
 * a child was started. */
int daemon_java_ask(DaemonJava *j, ProcessKey key, usec_t now_usec);

#define JAVA_PER_TASK_MAX 64U
#define JAVA_WRITES_USEC (500 * USEC_PER_MSEC) /* a virtual machine that was asked has written by then */

/* Asks the processes of a task: at its start, so that names are there when code is first seen, and at its
 * end for what was compiled since. Returns how many were asked. */
unsigned daemon_java_ask_task(DaemonJava *j, TargetSet *targets, const Task *t, usec_t now_usec);

/* Opens the maps that were written since the processes of @profile were last looked at. */
void daemon_java_open_maps(const DaemonJava *j, const Profile *profile);
