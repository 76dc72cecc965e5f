/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-messages.h"

#define MESSAGES_MIN 16U

void oap_messages_done(OapMessages *m) {
        assert(m);

        for (size_t i = 0; i < m->n; i++)
                oap_bytes_done(m->items + i);
        free(m->items);
        *m = (OapMessages){};
}

int oap_messages_push(OapMessages *m, OapBytes *bytes) {
        assert(m);
        assert(bytes);

        if (m->n == m->n_allocated) {
                size_t n = MAX_OF(2 * m->n_allocated, (size_t) MESSAGES_MIN);
                OapBytes *items = reallocarray(m->items, n, sizeof(*items));

                if (!items) {
                        oap_bytes_done(bytes);
                        return -ENOMEM;
                }

                m->items = items;
                m->n_allocated = n;
        }

        m->n_bytes += bytes->size;
        m->items[m->n++] = *bytes;
        *bytes = (OapBytes){};
        return 0;
}
