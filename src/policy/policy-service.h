/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/strbuf.h"

/* Names of SkyWalking's services in a policy: exact texts, no globs. In a list a name stands as it is; one
 * with blanks or a quotation mark in it stands in double quotes, where \" \\ and \xHH (a byte) are known. */

#define POLICY_SERVICE_BYTES_MAX 512U

/* Adds the names in @value to *list (see policy-pattern.h). -EINVAL with *reterr_what = what is wrong,
 * -ENOMEM; *list is valid then, with the names before the bad one. */
int policy_services_add(const char *value, char ***list, char **reterr_what);

/* @name as a list has it. */
void policy_service_write(StrBuf *b, const char *name);

/* Bytes of all of them, each on a line of its own. */
size_t policy_services_size(char *const *list);
