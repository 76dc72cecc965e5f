/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the spool and lines of "task-ids" as they come from a disk that anything may have happened to.
 * The first byte says which: a kind of record, or a line. */
#include "oap/oap-record.h"
#include "oap/oap-task-ids.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

/* All of it is there to be read. */
static void touch(const void *data, size_t size) {
        for (size_t i = 0; i < size; i++)
                sink ^= ((const uint8_t *) data)[i];
}

static void read_record(OapSpoolKind kind, const uint8_t *data, size_t size) {
        _cleanup_(oap_record_view_done) OapRecordView v = {};
        const OapRecord *r = &v.record;

        if (oap_record_parse(kind, data, size, &v) < 0)
                return;

        assert(v.n_messages > 0 && v.n_messages <= OAP_RECORD_MESSAGES_MAX);
        assert(kind != OAP_SPOOL_REPORT || (v.n_messages == 1 && r->is_ours));
        touch(r->task, strlen(r->task));
        touch(r->entity.layer, strlen(r->entity.layer));
        touch(r->entity.service, strlen(r->entity.service));
        touch(r->entity.instance, strlen(r->entity.instance));
        touch(r->entity.process, strlen(r->entity.process));
        for (size_t i = 0; i < v.n_messages; i++)
                touch(v.messages[i].data, v.messages[i].size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        OapTaskIdLine line;
        int selector;

        if (size == 0)
                return 0;

        selector = data[0] % (_OAP_SPOOL_KIND_MAX + 1);
        if (selector < _OAP_SPOOL_KIND_MAX)
                read_record((OapSpoolKind) selector, data + 1, size - 1);
        else if (oap_task_id_line_parse((const char *) data + 1, size - 1, &line) >= 0)
                assert(task_id_is_valid(line.ours) && line.at_ms >= 0 &&
                       (line.id[0] == '\0' || oap_task_id_is_usable(line.id)));

        return 0;
}
