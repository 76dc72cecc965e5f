/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/host.h"
#include "task/task-python.h"

/* Knows the interpreters of processes: finds them, tells the probe, and reads the functions they run. Each
 * function is read once; whether its object is still the same is looked at once per drain, as the memory of
 * a function that is gone is used again. One that went between a sample and its drain can't be told from its
 * successor. */
typedef struct DaemonPython DaemonPython;

#define PYTHON_PROCESSES_MAX 4096U
#define PYTHON_CODES_MAX 16384U /* of one process */

/* Both are borrowed and outlive it. */
int daemon_python_new(const Host *host, Probe *probe, DaemonPython **ret);
DaemonPython *daemon_python_free(DaemonPython *p);
DEFINE_CLEANUP(DaemonPython *, daemon_python_free)

const PythonSource *daemon_python_source(const DaemonPython *p);

/* Processes with an interpreter, and frames whose function could not be read. */
unsigned daemon_python_n_processes(const DaemonPython *p);
uint64_t daemon_python_n_unreadable(const DaemonPython *p);
