/* SPDX-License-Identifier: Apache-2.0 */
/* A file of our own that a disk may have changed: what is read is written and read again the same. */
#include "oap/oap-uuids.h"

#include "basic/cleanup.h"

#include <stdbool.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
        if (!condition)
                abort();
}

static int on_again(const OapUuid *u, void *userdata) {
        const OapUuid *first = userdata;

        require(strcmp(u->service, first->service) == 0 && strcmp(u->uuid, first->uuid) == 0);
        require(u->hash == first->hash && u->n_items == first->n_items && u->n_refused == first->n_refused &&
                u->day == first->day);
        return 0;
}

static int on_line(const OapUuid *u, void *userdata) {
        _cleanup_(freep) char *text = NULL;
        OapUuid copy = *u;
        StrBuf b = {};

        require(u->service[0] && u->uuid[0]);
        oap_uuids_begin(&b, "2");
        oap_uuids_add(&b, u);
        require(strbuf_finish(&b, &text) == 0);
        require(oap_uuids_parse(text, strlen(text), "2", on_again, &copy) == 0);
        require(oap_uuids_parse(text, strlen(text), "1", on_again, &copy) == 2);
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size > OAP_UUIDS_SIZE_MAX)
                return 0;

        require(oap_uuids_parse((const char *) data, size, "0.1.0", on_line, NULL) >= 0);
        return 0;
}
