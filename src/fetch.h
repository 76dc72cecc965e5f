/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/* Debug files from a debuginfod server, kept below a directory that is a root for symbol/debug-files.h:
 * .build-id/xx/yyyy.debug, or yyyy.none where there was none. */
#define FETCH_DIRECTORY "/var/cache/cprof/debug"
#define FETCH_SEC_MAX 60U                     /* for one file */
#define FETCH_BYTES_MAX (UINT64_C(512) << 20) /* of one file */
#define FETCH_CACHE_BYTES_MAX (UINT64_C(2) << 30)
#define FETCH_CACHE_DAYS_MAX 30U
#define FETCH_NONE_DAYS_MAX 1U /* a server is not asked again so long */

/* Whether it is a build id in hexadecimal; nothing else becomes part of a path. */
bool fetch_build_id_is_valid(const char *build_id);

/* "@directory/.build-id/xx/yyyy@suffix"; -ENAMETOOLONG */
int fetch_path(const char *directory,
               const char *build_id,
               const char *suffix,
               char *ret,
               unsigned long size);

/* Gets one file, in a process of its own: it speaks to the network, waits, and may be killed. What is old
 * goes first. -ENOENT: there is none; -EOPNOTSUPP: no library for it. */
int fetch_run(const char *directory, const char *build_id);
