/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#define UNIT_NAME_MAX 256 /* systemd's own limit, without the NUL it is 255; systemd.unit(5) */

/* A unit name that has processes: service, scope or slice, in systemd's character set. */
bool unit_name_is_valid(const char *name);

/* "foo" -> "foo.service", names with a known suffix unchanged; as systemctl does. Returns -ENOMEM, -EINVAL.
 * Globs pass. */
int unit_name_mangle(const char *name, char **ret_name);
