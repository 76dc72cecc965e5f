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

/* Opens the perf map of a MODULE_ANON if it is not open yet and the process has written one. */
void module_open_perf_map(const Host *host, Module *m);
