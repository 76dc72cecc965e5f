/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-transport.h"

/* A transport of another version of cprofd. */
extern const OapTransportOps oap_transport_ops;
const OapTransportOps oap_transport_ops = { .abi = OAP_TRANSPORT_ABI + 1, .name = "other" };
