/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/procfs-maps.h"
#include "target/module.h"
#include "target/target.h"

/* The module of one mapping of a process, as a new reference: finds it in the table or opens it. @line->path
 * may carry " (deleted)". Returns -ENOENT for code that is no module ([vsyscall]), -ENOSPC (table full),
 * -ENOMEM, or why memory could not be read. */
int module_open_mapping(
                const Host *host, ModuleTable *table, ProcessKey key, const MapsLine *line, Module **ret);

/* The module of a file of which only the path is known, as the process @root_pid sees it. -ESTALE: another
 * file is there; else as above. */
int module_open_path(
                const Host *host, ModuleTable *table, pid_t root_pid, const MapsLine *line, Module **ret);

/* Opens the perf map of a MODULE_ANON if it is not open yet and the process has written one. */
void module_open_perf_map(const Host *host, Module *m);
