/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "oap/oap-command.h"
#include "task/task.h"

/* Which ids OAP gave to tasks that were triggered here, also over a restart: the file "task-ids", to which
 * a line is added for each,
 *
 *         CRC32 TASK TARGET AT_MS ID
 *
 * with the checksum, 8 hex digits, of what follows the blank behind it; ID is empty for a task that OAP
 * will never know. A line that is damaged is left out. */
typedef struct OapTaskIds OapTaskIds;

#define OAP_TASK_IDS_MAX 4096U
#define OAP_TASK_IDS_FILE "task-ids"
#define OAP_TASK_IDS_FILE_MAX (4U * 1024 * 1024)

/* Reads what is there; @directory_fd is borrowed. -ENOMEM or what the file system says. */
int oap_task_ids_new(int directory_fd, OapTaskIds **ret_ids);
OapTaskIds *oap_task_ids_free(OapTaskIds *ids); /* with oap_task_ids_sync() */
DEFINE_CLEANUP(OapTaskIds *, oap_task_ids_free)

/* "" for one that OAP will never know; NULL: nothing is known of it. Until the next add or prune. */
const char *oap_task_ids_find(const OapTaskIds *ids, const char *ours, OapTarget target);
/* Whether another task or target than that one has @id. */
bool oap_task_ids_is_taken(const OapTaskIds *ids, const char *id, const char *ours, OapTarget target);
/* Whether it can be kept: UTF-8 without control characters, not too long. */
bool oap_task_id_is_usable(const char *id);

/* What was known of it is replaced; above OAP_TASK_IDS_MAX the oldest ones go. -ENOMEM: as before. Another
 * error: it is known until the end of this process, but not in the file. */
int oap_task_ids_add(OapTaskIds *ids, const char *ours, OapTarget target, const char *id, int64_t at_ms);
/* Those that are older than @at_ms go, from memory now and from the file when it is written next. */
void oap_task_ids_prune(OapTaskIds *ids, int64_t at_ms);
/* Waits for the disk. */
int oap_task_ids_sync(OapTaskIds *ids);

size_t oap_task_ids_n(const OapTaskIds *ids);
uint64_t oap_task_ids_n_damaged(const OapTaskIds *ids); /* lines that were left out */

/* One line without its checksum and newline. Pure; foreign bytes. -EBADMSG. */
typedef struct OapTaskIdLine {
        char ours[TASK_ID_MAX];
        OapTarget target;
        int64_t at_ms;
        char id[OAP_ID_MAX];
} OapTaskIdLine;
int oap_task_id_line_parse(const char *text, size_t length, OapTaskIdLine *ret);
