/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

#define JAVA_ATTACH_SEC 10U /* then the child is ended */

/* Has the Java virtual machine @pid write its perf map, by the protocol of its attach listener: a file that
 * says so, SIGQUIT, a socket in its /tmp, one command. For a process of its own: becomes the user that the
 * virtual machine runs as, and is ended by SIGALRM when it takes too long. Returns -errno. */
int java_attach(pid_t pid);
