/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "basic/time-util.h"
#include "host/host.h"
#include "target/target.h"
#include "task/profile.h"

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

/* Opens the maps that were written since the processes of @profile were last looked at. */
void daemon_java_open_maps(const DaemonJava *j, const Profile *profile);
