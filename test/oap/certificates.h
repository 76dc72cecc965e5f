/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fake/fake-oap.h"

/* Certificates that openssl(1) makes for a test, in a directory of their own: NAME.pem and NAME.key. Those
 * of servers: "server" (127.0.0.1 and localhost), "elsewhere" (oap.example), "expired"; of clients:
 * "client", "expired-client"; authorities: "ca", which signed all of these, and "other-ca", which signed
 * "stranger". */
typedef struct Certificates {
        char directory[32];
} Certificates;

void certificates_init(Certificates *c);
void certificates_done(Certificates *c);

/* Of a file there; to be freed. */
char *certificates_text(const Certificates *c, const char *name);

/* A server with that certificate; clients have to have one of @client_ca, NULL: none. */
FakeOap *certificates_server(const Certificates *c, const char *name, const char *client_ca);
