/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-policy.h"

/* OapPolicies between a directory of their own, a transport that answers as told, and services that are said
 * to be registered. Time passes when a test says so. */

#define POLICY_BED_SERVICES_MAX 1100U

typedef struct PolicyBed {
        char root[96];
        int directory_fd;
        struct OapTransport *transport;
        OapClient *client;
        OapPolicies *policies;
        usec_t now_usec, due_usec;
        unsigned n_changed; /* events */

        const char *services[POLICY_BED_SERVICES_MAX];
        size_t n_services;

        /* the last query */
        char asked[POLICY_BED_SERVICES_MAX][64], uuids[POLICY_BED_SERVICES_MAX][160];
        size_t n_asked;

        int log_fd, stderr_fd;
} PolicyBed;

/* With the one service "shop". */
void policy_bed_init(PolicyBed *b);
void policy_bed_done(PolicyBed *b);
/* As after the daemon was started anew. */
void policy_bed_restart(PolicyBed *b);

/* Goes on until there is a query, and reads it. */
void policy_bed_wait(PolicyBed *b);
/* … and answers it; @json as in ServiceWithPolicyJSON, NULL: no command. */
void policy_bed_poll(PolicyBed *b, const char *json);
void policy_bed_poll_fails(PolicyBed *b, int status);
void policy_bed_poll_bytes(PolicyBed *b, const void *bytes, size_t size);
/* The same answer for so long. */
void policy_bed_poll_for(PolicyBed *b, usec_t usec, const char *json);

/* NULL: was not asked for. */
const char *policy_bed_uuid(const PolicyBed *b, const char *service);

/* A file of the directory, "" for none; borrowed until the next call. */
const char *policy_bed_file(PolicyBed *b, const char *name);
void policy_bed_write(PolicyBed *b, const char *name, const char *text);
/* Something that is another one when the file was written since. */
uint64_t policy_bed_stamp(PolicyBed *b, const char *name);
size_t policy_bed_n_files(PolicyBed *b);

/* Lines of the journal with @part in them since the last look; all are forgotten. */
unsigned policy_bed_said(PolicyBed *b, const char *part);

/* {"ServiceName":…}: with one CPU item of that threshold. Borrowed until the next call but three. */
const char *policy_bed_cpu(const char *service, const char *uuid, const char *threshold);
#define NOTHING(service) "[{\"ServiceName\":\"" service "\",\"UUID\":\"\"}]"
#define CLEARED(service, uuid) "[{\"ServiceName\":\"" service "\",\"UUID\":\"" uuid "\",\"Profiling\":{}}]"
#define SHOP_FILE "oap:on-cpu:shop.policy"
