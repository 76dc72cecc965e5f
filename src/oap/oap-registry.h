/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-client.h"
#include "oap/oap-encode.h"
#include "target/identity.h"

/* Which processes OAP knows, and by which id: reports, keep-alive, reports again. One registration per
 * Identity, in Identity.registration. Conformance items 1 to 7.
 *
 * A call of many processes that OAP throws away as a whole is repeated by halves until those are alone that
 * it is for. With keep-alive that is the layer, which OAP does not know: all of that layer are left out from
 * then on, but for one each time they would be reported again. */
typedef struct OapRegistry OapRegistry;

/* At least as often; what is done comes earlier, each time by another bit. */
#define OAP_KEEP_ALIVE_USEC (20 * USEC_PER_SEC)
#define OAP_REPORT_AGAIN_USEC (200 * USEC_PER_SEC)
#define OAP_PROCESSES_PER_CALL 256U
#define OAP_ABSENT_BACKOFF_USEC (5 * USEC_PER_SEC) /* one that the answer left out; doubled each time */
#define OAP_COMMAND_LINE_MAX 1000U                 /* bytes, as of any other property's value */

/* @agent: the same string for the life of this host, see oap_agent_id(); copied. @client is borrowed. */
int oap_registry_new(OapClient *client, const char *agent, OapRegistry **ret_registry);
OapRegistry *oap_registry_free(OapRegistry *r);
DEFINE_CLEANUP(OapRegistry *, oap_registry_free)

/* Where command lines are read; borrowed. Without it none are told, and no address of this host. */
void oap_registry_set_host(OapRegistry *r, const Host *host);

/* Wired to IdentityEvents. A changed pid is reported at once. */
int oap_registry_add(OapRegistry *r, Identity *i);
void oap_registry_remove(OapRegistry *r, Identity *i);
void oap_registry_changed(OapRegistry *r, Identity *i);

/* Sends what is due. Returns when to be called again (CLOCK_MONOTONIC), also called after each dispatch. */
usec_t oap_registry_step(OapRegistry *r, usec_t now_usec);

/* OAP's id of it; NULL: it has not answered yet. */
const char *oap_registry_id(const Identity *i);
/* NULL: none of ours has it. */
Identity *oap_registry_find(OapRegistry *r, const char *process_id);
/* The one of these names, if OAP gave it an id. */
Identity *oap_registry_find_entity(OapRegistry *r, const OapEntity *entity);
/* Whether keep-alive was refused for its layer: it can be reported on, but is not seen by operators. */
bool oap_registry_layer_is_refused(const Identity *i);

/* Services that have a registered process, each once, NULL-terminated, borrowed until the next change. */
const char *const *oap_registry_services(OapRegistry *r, size_t *ret_n);

/* Makes OAP have a row for a process that is gone already, so that a task that it had can be shown: one
 * report, no keep-alive. Its answer: @fn(status). Errors as oap_client_call(). */
int oap_registry_report_gone(
                OapRegistry *r,
                const OapEntity *entity,
                pid_t pid,
                usec_t now_usec,
                OapCallFn fn,
                void *userdata);

typedef struct OapRegistryStatus {
        unsigned n_registered, n_waiting, n_layer_refused;
        uint64_t n_reports, n_keep_alives; /* calls */
} OapRegistryStatus;
void oap_registry_status(const OapRegistry *r, OapRegistryStatus *ret);

/* The id by OAP's formula, for when it cannot be asked: SHA-256 in hex. Source: apache/skywalking,
 * IDManager.ProcessID, ServiceID, ServiceInstanceID. */
void oap_process_id(const char *service, const char *instance, const char *process, char ret[static 65]);

/* Of this host: from its machine id, so that it survives restarts; @host as for procfs. -errno without one:
 * a random one is in @ret. */
int oap_agent_id(const Host *host, char ret[static 37]);
