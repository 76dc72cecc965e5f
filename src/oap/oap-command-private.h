/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-command.h"

#include "skywalking.pb-c.h"

/* Private to oap-command*.c. */

typedef Skywalking__V3__Commands Commands;
typedef Skywalking__V3__Command Command;

static inline Commands *commands_free(Commands *c) {
        if (c)
                skywalking__v3__commands__free_unpacked(c, NULL);

        return NULL;
}
DEFINE_CLEANUP(Commands *, commands_free)

/* Returns @error, or -ENOMEM. */
int oap_refuse(int error, char **reterr_message, const char *format, ...) _printf_(3, 4);

/* -EBADMSG, -E2BIG with a message. */
int oap_commands_unpack(const void *message, size_t size, Commands **ret, char **reterr_message);
const char *oap_command_argument(const Command *c, const char *key); /* NULL: it has none of that key */
