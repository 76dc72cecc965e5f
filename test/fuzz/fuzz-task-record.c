/* SPDX-License-Identifier: Apache-2.0 */
#include "store/task-record.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read can be written, and is the same when it is read again. */
static void check_round_trip(const Task *t) {
        _cleanup_(freep) char *json = NULL, *again = NULL;
        _cleanup_(task_freep) Task *back = NULL;

        if (task_record_format(t, &json) < 0)
                abort();
        if (strlen(json) > TASK_RECORD_SIZE_MAX || task_record_parse(json, strlen(json), &back, NULL) < 0)
                abort();
        if (task_record_format(back, &again) < 0 || strcmp(json, again) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(freep) char *message = NULL;
        _cleanup_(task_freep) Task *t = NULL;

        if (task_record_parse((const char *) data, size, &t, &message) >= 0)
                check_round_trip(t);
        else if (!message || strncmp(message, "task.json:", 10) != 0)
                abort();

        return 0;
}
