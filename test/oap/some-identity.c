/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/some-identity.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Identity *some_identity(const char *layer, const char *service, const char *process, pid_t pid) {
        Identity *i = calloc(1, sizeof(*i));

        cr_assert_not_null(i);
        *i = (Identity){
                .layer = strdup(layer),
                .service = strdup(service),
                .instance = strdup("host-a"),
                .process = strdup(process),
                .pid = pid,
        };
        return i;
}

void some_identity_free(Identity *i) {
        free(i->layer);
        free(i->service);
        free(i->instance);
        free(i->process);
        free(i);
}
