/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/host.h"

#include <stddef.h>

/* What one line of /proc/PID/net/tcp or tcp6 says. */
typedef struct TcpLine {
        uint16_t local_port;
        bool is_listening;
        uint64_t inode; /* of the socket */
} TcpLine;

/* Listening sockets of a network namespace and descriptors of a process that are looked at: those beyond are
 * left out. The kernel lists listening sockets before connections, and servers open them early. */
#define PROCFS_LISTENERS_MAX 1024U
#define PROCFS_DESCRIPTORS_MAX 4096U

/* Pure and bounded: one line without its end. -EBADMSG for what is none, the heading among them. */
int proc_tcp_line_parse(const char *line, size_t length, TcpLine *ret);

/* The TCP ports on which sockets of the process listen, ascending, each once; at most @max. Returns how
 * many, -ESRCH when the process is gone, -EACCES, -ENOMEM. */
int procfs_read_listening_ports(const Host *h, pid_t pid, uint16_t *ports, size_t max);
