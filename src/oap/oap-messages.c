/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-messages.h"

#define ALLOCATED_MIN 16U

void oap_messages_done(OapMessages *m) {
        assert(m);

        for (size_t i = 0; i < m->n; i++)
                oap_bytes_done(m->items + i);
        free(m->items);
        *m = (OapMessages){};
}

static int make_room(OapMessages *m) {
        size_t n = MAX_OF(2 * m->n_allocated, (size_t) ALLOCATED_MIN);
        OapBytes *grown;

        if (m->n < m->n_allocated)
                return 0;

        grown = reallocarray(m->items, n, sizeof(grown[0]));
        if (!grown)
                return -ENOMEM;

        m->items = grown;
        m->n_allocated = n;
        return 0;
}

int oap_messages_push(OapMessages *m, OapBytes *bytes) {
        int r;

        assert(m);
        assert(bytes);

        r = make_room(m);
        if (r < 0) {
                oap_bytes_done(bytes);
                return r;
        }

        m->items[m->n++] = *bytes;
        m->n_bytes += bytes->size;
        *bytes = (OapBytes){};
        return 0;
}
