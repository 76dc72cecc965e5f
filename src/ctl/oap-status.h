/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ctl/json-out.h"

/* The reply of GetOapStatus as JSON, from which both outputs are made. -ENOMEM, or the reply is not of the
 * form. */
int oap_status_read(sd_bus_message *reply, json_t **ret_status);
