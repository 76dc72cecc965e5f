/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/host.h"
#include "host/procfs-maps.h"
#include "target/module.h"
#include "target/target.h"

/* Executable mappings of one process, each with its module open. */
typedef struct ProcessMaps ProcessMaps;

#define PROCESS_MAPPINGS_MAX 16384U /* executable ones per process; what lies above is unknown code */

/* Reads the mappings and opens files not seen yet through /proc/PID/map_files, else /proc/PID/root. Returns
 * -ESRCH when the process is gone (or is another one under the same PID). @table is borrowed and outlives
 * it. */
int process_maps_new(const Host *host, ModuleTable *table, ProcessKey key, ProcessMaps **ret_maps);
ProcessMaps *process_maps_free(ProcessMaps *m);
DEFINE_CLEANUP(ProcessMaps *, process_maps_free)

/* Reads them again; modules that are still mapped stay the same objects, mappings that vanished stay until
 * the next refresh only if nothing new overlaps them. -ESRCH: gone; the old state is kept. */
int process_maps_refresh(ProcessMaps *m);

/* The module and the offset in it (file offset, image offset or absolute address, by module type) of
 * @address. Borrowed. Returns -ENOENT when no mapping holds it. */
int process_maps_find(ProcessMaps *m, uint64_t address, Module **ret_module, uint64_t *ret_offset);

/* Executable mappings that the last reading left out: beyond PROCESS_MAPPINGS_MAX. */
size_t process_maps_n_over_cap(const ProcessMaps *m);

/* One executable mapping. @module is borrowed. */
typedef struct ProcessMapping {
        uint64_t start, end;
        uint64_t offset; /* in the file or image */
        Module *module;
} ProcessMapping;

/* 0 = go on, anything else ends the walk. */
typedef int (*ProcessMappingFn)(const ProcessMapping *mapping, void *userdata);

/* The mappings of the last reading, ascending. Returns what @fn ended with, 0 otherwise. */
int process_maps_for_each(const ProcessMaps *m, ProcessMappingFn fn, void *userdata);

/* For a process that ended before it could be looked at, what was told of it: another program, a mapping.
 * Files are opened by their path as the process @root_pid sees it. */
void process_maps_clear(ProcessMaps *m);
int process_maps_add(ProcessMaps *m, pid_t root_pid, const MapsLine *line);

/* What a fork of the process starts with, known without asking for it: it may be gone already. */
int process_maps_copy(const ProcessMaps *m, ProcessKey key, ProcessMaps **ret_copy);
