/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/strbuf.h"

#include <stdint.h>

/* What is remembered of OAP's policies beside their files: a text of one line for each service,
 *
 *   UUID HASH ITEMS REFUSED DAY SERVICE
 *
 * below one that names the version that wrote it. Pure; a line that can't be read is left out: its service
 * is asked for anew. */
#define OAP_UUIDS_SIZE_MAX (4U * 1024 * 1024)

typedef struct OapUuid {
        const char *service, *uuid;
        uint64_t hash; /* of the files that it stands for */
        unsigned n_items, n_refused;
        unsigned day; /* since 1970: when the service was last registered */
} OapUuid;

void oap_uuids_begin(StrBuf *b, const char *version);
void oap_uuids_add(StrBuf *b, const OapUuid *u);

/* Calls @fn for each line. A negative return ends it and is passed on. Returns the number of bad lines; all
 * of them are when another @version wrote them, which may have understood OAP's policies in another way.
 * -ENOMEM. */
typedef int (*OapUuidFn)(const OapUuid *u, void *userdata);
int oap_uuids_parse(const char *text, size_t length, const char *version, OapUuidFn fn, void *userdata);
