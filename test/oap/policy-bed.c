/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/policy-bed.h"

#include "basic/file-io.h"
#include "fake/fake-transport.h"
#include "oap/oap-policy-texts.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* What is registered, in the place of the registry. */
const char *const *oap_registry_services(OapRegistry *r, size_t *ret_n) {
        PolicyBed *b = (PolicyBed *) r;

        *ret_n = b->n_services;
        return b->services;
}

static void on_changed(void *userdata) {
        PolicyBed *b = userdata;

        b->n_changed++;
}

static void start(PolicyBed *b) {
        const OapPolicyEvents events = { .changed = on_changed, .userdata = b };

        cr_assert_eq(oap_policies_new(b->client, (OapRegistry *) b, b->directory_fd, &events, &b->policies),
                     0);
}

void policy_bed_init(PolicyBed *b) {
        *b = (PolicyBed){ .now_usec = 1000 * USEC_PER_SEC, .services = { "shop" }, .n_services = 1 };
        (void) snprintf(b->root, sizeof(b->root), "%s/cprof-oap-XXXXXX", getenv("TMPDIR") ?: P_tmpdir);
        cr_assert_not_null(mkdtemp(b->root));
        b->directory_fd = open(b->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cr_assert_geq(b->directory_fd, 0);

        b->log_fd = memfd_create("log", MFD_CLOEXEC);
        b->stderr_fd = dup(STDERR_FILENO);
        cr_assert_geq(dup2(b->log_fd, STDERR_FILENO), 0);

        b->transport = fake_transport_new();
        cr_assert_eq(oap_client_new(&fake_transport_ops, b->transport, 7, NULL, NULL, &b->client), 0);
        start(b);
}

void policy_bed_restart(PolicyBed *b) {
        b->policies = oap_policies_free(b->policies);
        b->client = oap_client_free(b->client);
        b->transport = fake_transport_new();
        cr_assert_eq(oap_client_new(&fake_transport_ops, b->transport, 8, NULL, NULL, &b->client), 0);
        start(b);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

void policy_bed_done(PolicyBed *b) {
        oap_policies_free(b->policies);
        oap_client_free(b->client);
        (void) dup2(b->stderr_fd, STDERR_FILENO);
        safe_close(b->stderr_fd);
        safe_close(b->log_fd);
        safe_close(b->directory_fd);
        (void) nftw(b->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void read_query(PolicyBed *b, const OapCall *call) {
        Skywalking__V3__ContinuousProfilingPolicyQuery *q;

        cr_assert_eq(call->n_messages, 1);
        cr_expect_eq(call->channel, OAP_CHANNEL_EBPF);
        cr_expect_eq(call->timeout_usec, OAP_CALL_TIMEOUT_USEC);
        q = skywalking__v3__continuous_profiling_policy_query__unpack(
                        NULL, call->messages[0].size, call->messages[0].data);
        cr_assert_not_null(q);
        cr_assert_leq(q->n_policies, POLICY_BED_SERVICES_MAX);

        b->n_asked = q->n_policies;
        for (size_t i = 0; i < b->n_asked; i++) {
                (void) snprintf(b->asked[i], sizeof(b->asked[i]), "%s", q->policies[i]->servicename);
                (void) snprintf(b->uuids[i], sizeof(b->uuids[i]), "%s", q->policies[i]->uuid);
        }
        skywalking__v3__continuous_profiling_policy_query__free_unpacked(q, NULL);
}

static OapCall *waiting(PolicyBed *b) {
        return fake_transport_find(b->transport, "/skywalking.v3.ContinuousProfilingService/queryPolicies");
}

void policy_bed_wait(PolicyBed *b) {
        for (unsigned i = 0; i < 1000; i++) {
                b->due_usec = oap_policies_step(b->policies, b->now_usec);
                cr_assert_gt(b->due_usec, b->now_usec);
                if (waiting(b)) {
                        read_query(b, waiting(b));
                        return;
                }
                b->now_usec = b->due_usec;
        }

        cr_assert_fail("there is no query");
}

static void hand_over(PolicyBed *b) {
        oap_client_dispatch(b->client, b->now_usec);
        b->due_usec = oap_policies_step(b->policies, b->now_usec);
}

void policy_bed_poll_bytes(PolicyBed *b, const void *bytes, size_t size) {
        policy_bed_wait(b);
        fake_call_answer(waiting(b), bytes, size);
        hand_over(b);
}

void policy_bed_poll(PolicyBed *b, const char *json) {
        size_t size;
        uint8_t *bytes = pack_policies(json, &size);

        policy_bed_poll_bytes(b, bytes, size);
        free(bytes);
}

void policy_bed_poll_fails(PolicyBed *b, int status) {
        policy_bed_wait(b);
        fake_call_fail(waiting(b), status, "no");
        hand_over(b);
}

void policy_bed_poll_for(PolicyBed *b, usec_t usec, const char *json) {
        usec_t end_usec = b->now_usec + usec;

        while (b->now_usec < end_usec)
                policy_bed_poll(b, json);
}

const char *policy_bed_uuid(const PolicyBed *b, const char *service) {
        for (size_t i = 0; i < b->n_asked; i++)
                if (strcmp(b->asked[i], service) == 0)
                        return b->uuids[i];

        return NULL;
}

const char *policy_bed_file(PolicyBed *b, const char *name) {
        static char *text;

        free(TAKE_PTR(text));
        (void) read_full_file_at(b->directory_fd, name, 1024 * 1024, &text, NULL);
        return text ?: "";
}

void policy_bed_write(PolicyBed *b, const char *name, const char *text) {
        cr_assert_eq(write_file_atomic_at(b->directory_fd, name, text, strlen(text), 0644, FILE_SYNC_NO), 0);
}

uint64_t policy_bed_stamp(PolicyBed *b, const char *name) {
        struct stat st;

        if (fstatat(b->directory_fd, name, &st, 0) < 0)
                return 0;

        return (uint64_t) st.st_ctim.tv_sec * NSEC_PER_SEC + (uint64_t) st.st_ctim.tv_nsec + st.st_ino;
}

size_t policy_bed_n_files(PolicyBed *b) {
        _cleanup_(closedirp) DIR *dir = opendir(b->root);
        size_t n = 0;

        cr_assert_not_null(dir);
        for (struct dirent *e; (e = readdir(dir));)
                n += e->d_name[0] != '.' || strncmp(e->d_name, ".#", 2) == 0;

        return n;
}

unsigned policy_bed_said(PolicyBed *b, const char *part) {
        static char text[256 * 1024];
        unsigned n = 0;
        ssize_t length;

        (void) fflush(stderr);
        length = pread(b->log_fd, text, sizeof(text) - 1, 0);
        cr_assert_geq(length, 0);
        text[length] = '\0';
        cr_assert_eq(ftruncate(b->log_fd, 0), 0);
        cr_assert_eq(lseek(b->log_fd, 0, SEEK_SET), 0);

        for (const char *p = text; (p = strstr(p, part)); p += strlen(part))
                n++;
        return n;
}

const char *policy_bed_cpu(const char *service, const char *uuid, const char *threshold) {
        static char buffers[4][512];
        static unsigned turn;
        char *text = buffers[turn++ % 4];

        (void) snprintf(text,
                        sizeof(buffers[0]),
                        "[{\"ServiceName\":\"%s\",\"UUID\":\"%s\",\"Profiling\":{\"ON_CPU\":{\"PROCESS_CPU\":"
                        "{\"Threshold\":\"%s\",\"Period\":10,\"Count\":5}}}}]",
                        service,
                        uuid,
                        threshold);
        return text;
}
