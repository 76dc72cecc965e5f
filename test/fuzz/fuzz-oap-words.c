/* SPDX-License-Identifier: Apache-2.0 */
/* What a server, or gRPC, says of an error: the first byte is the status, the second what else is known; the
 * text ends with a NUL or the input. */
#include "basic/utf8.h"
#include "oap/oap-client-private.h"
#include "oap/oap-registry-private.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(freep) char *text = NULL;
        char words[200], peer[64], ip[INET6_ADDRSTRLEN];

        if (size < 2 || size > 64 * 1024)
                return 0;

        text = strndup((const char *) data + 2, size - 2);
        if (!text)
                return 0;

        const Failure f = {
                .verdict = verdict_of(data[0] % 18, text),
                .status = data[0] % 18,
                .message = text,
                .method = data[1] & 1 ? "/skywalking.v3.MeterReportService/collectBatch" : text,
                .address = data[1] & 2 ? text : NULL,
                .was_connected = data[1] & 4,
        };

        failure_words(&f, words, sizeof(words));
        assert(strlen(words) < sizeof(words) && *words);
        assert(utf8_is_valid(words, strlen(words)));

        peer_words(text, peer, sizeof(peer));
        assert(strlen(peer) < sizeof(peer));
        assert(utf8_is_valid(peer, strlen(peer)));

        registry_host_ip(peer, ip);
        assert(strlen(ip) < sizeof(ip));
        return 0;
}
