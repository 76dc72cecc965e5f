/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to reports and keep-alive, one after the other: a byte of status, a byte of length, so many bytes.
 */
#include "fake/fake-transport.h"
#include "oap/oap-registry.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROCESSES 3U
#define ANSWERS_MAX 64U

static void check(OapRegistry *r, Identity *identities) {
        OapRegistryStatus status;
        size_t n;

        oap_registry_status(r, &status);
        assert(status.n_registered + status.n_waiting == PROCESSES);
        (void) oap_registry_services(r, &n);
        assert(n <= status.n_registered && (n > 0) == (status.n_registered > 0));
        for (size_t i = 0; i < PROCESSES; i++)
                if (oap_registry_id(identities + i))
                        assert(oap_registry_find(r, oap_registry_id(identities + i)) == identities + i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Identity identities[PROCESSES] = {
                { .layer = (char *) "GENERAL",
                  .service = (char *) "shop",
                  .instance = (char *) "a",
                  .process = (char *) "x",
                  .pid = 1 },
                { .layer = (char *) "GENERAL",
                  .service = (char *) "shop",
                  .instance = (char *) "a",
                  .process = (char *) "y",
                  .pid = 2 },
                { .layer = (char *) "odd",
                  .service = (char *) "basket",
                  .instance = (char *) "a",
                  .process = (char *) "z",
                  .pid = 3 },
        };
        OapTransport *transport = fake_transport_new();
        usec_t now_usec = USEC_PER_HOUR;
        OapRegistry *r = NULL;
        OapClient *c = NULL;

        if (oap_client_new(&fake_transport_ops, transport, 1, NULL, NULL, &c) < 0 ||
            oap_registry_new(c, "agent", &r) < 0)
                abort();
        for (size_t i = 0; i < PROCESSES; i++)
                if (oap_registry_add(r, identities + i) < 0)
                        abort();

        for (unsigned k = 0; size >= 2 && k < ANSWERS_MAX; k++) {
                size_t n = data[1] < size - 2 ? data[1] : size - 2;
                OapCall *call;

                (void) oap_registry_step(r, now_usec);
                call = fake_transport_find(transport, "");
                if (call && data[0] % 18 == 0)
                        fake_call_answer(call, data + 2, n);
                else if (call)
                        fake_call_fail(call, data[0] % 18, "fuzz");

                now_usec += (usec_t) data[0] * USEC_PER_SEC;
                oap_client_dispatch(c, now_usec);
                check(r, identities);
                data += 2 + n;
                size -= 2 + n;
        }

        oap_registry_free(r);
        oap_client_free(c);
        return 0;
}
