/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon itself between a busy program and a fake OAP: what is on the wire, from the first report to
 * what waited while OAP was away. Needs root; sees a /run of its own. */
#include "basic/file-io.h"
#include "basic/time-util.h"
#include "fake/fake-oap.h"
#include "host/clock.h"
#include "oap/oap-config.h"
#include "skywalking.pb-c.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PATIENCE_USEC (40 * USEC_PER_SEC)
#define RULE "{\"ON_CPU\":{\"PROCESS_CPU\":{\"Threshold\":\"5\",\"Period\":3,\"Count\":2}}}"

typedef struct DaemonBed {
        FakeOap *oap;
        pid_t daemon, workload;
        char state[64];
        char program[16]; /* named as nothing else on the machine */
} DaemonBed;

static void write_configuration(const DaemonBed *b) {
        FILE *f;

        cr_assert_eq(mkdir("/run/cprof", 0755), 0);
        cr_assert_eq(mkdir("/run/cprof/cprofd.conf.d", 0755), 0);
        f = fopen("/run/cprof/cprofd.conf.d/oap.conf", "we");
        cr_assert_not_null(f);
        fprintf(f,
                "[OAP]\nAddress=%s\nMeterSec=1s\n"
                "[Service]\nExe=%s/%s\nService=shop\nInstance=host-a\n"
                "[Service]\nRegister=no\n",
                fake_oap_address(b->oap),
                b->state,
                b->program);
        cr_assert_eq(fclose(f), 0);
}

/* A /run of our own for all that the test starts: no bus, no policies of the machine. */
static void make_run(void) {
        cr_assert_eq(unshare(CLONE_NEWNS), 0, "%m");
        cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0, "%m");
        cr_assert_eq(mount("tmpfs", "/run", "tmpfs", 0, NULL), 0, "%m");
}

static pid_t start_daemon(const DaemonBed *b) {
        char option[128];
        pid_t pid;

        (void) snprintf(option, sizeof(option), "--state-directory=%s", b->state);
        pid = fork();
        cr_assert_geq(pid, 0);
        if (pid > 0)
                return pid;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(getenv("CPROFD"), "cprofd", option, (char *) NULL);
        _exit(101);
}

/* A program of its own: others of the machine may run the same one. */
static pid_t start_workload(const DaemonBed *b) {
        char path[96], command[256];
        pid_t pid;

        (void) snprintf(path, sizeof(path), "%s/%s", b->state, b->program);
        (void) snprintf(command, sizeof(command), "cp '%s' '%s'", getenv("CPROF_WORKLOAD"), path);
        cr_assert_eq(system(command), 0);
        pid = fork();
        cr_assert_geq(pid, 0);
        if (pid > 0)
                return pid;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(path, b->program, "0", "0", (char *) NULL);
        _exit(101);
}

static void stop(pid_t *pid, int signo, int *ret_status) {
        int status = -1;

        if (*pid > 0 && kill(*pid, signo) == 0)
                (void) waitpid(*pid, &status, 0);
        *pid = 0;
        if (ret_status)
                *ret_status = status;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static void bed_done(DaemonBed *b) {
        stop(&b->daemon, SIGKILL, NULL);
        stop(&b->workload, SIGKILL, NULL);
        fake_oap_free(b->oap);
        (void) nftw(b->state, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void bed_init(DaemonBed *b) {
        *b = (DaemonBed){ .oap = fake_oap_new(NULL), .state = "/tmp/cprof-oap-daemon-XXXXXX" };
        cr_assert_not_null(mkdtemp(b->state));
        (void) snprintf(b->program, sizeof(b->program), "busy-%i", (int) getpid());
        fake_oap_set_policy(b->oap, "shop", "uuid-1", RULE);
        make_run();
        write_configuration(b);
        b->workload = start_workload(b);
        b->daemon = start_daemon(b);
}

static void await_calls(DaemonBed *b, const char *method, size_t n) {
        cr_assert(fake_oap_wait(b->oap, method, n, PATIENCE_USEC), "no %zu calls of %s", n, method);
}

/* "onCPU" data of the call: returns the samples, and the first message's task. */
static int64_t
samples_of(DaemonBed *b, const FakeOapCall *call, char ret_task[static 128], char ret_process[static 128]) {
        int64_t sum = 0;

        for (size_t i = 0; i < call->n_messages; i++) {
                FakeOapBytes bytes = fake_oap_message(b->oap, call, i);
                Skywalking__V3__EBPFProfilingData *d =
                                skywalking__v3__ebpfprofiling_data__unpack(NULL, bytes.size, bytes.data);

                cr_assert_not_null(d);
                cr_expect_eq(d->task != NULL, i == 0, "item 29: the first message has the task");
                if (d->task) {
                        (void) snprintf(ret_task, 128, "%s", d->task->taskid);
                        (void) snprintf(ret_process, 128, "%s", d->task->processid);
                }
                cr_assert_eq(d->profiling_case, SKYWALKING__V3__EBPFPROFILING_DATA__PROFILING_ON_CPU);
                sum += d->oncpu->dumpcount;
                skywalking__v3__ebpfprofiling_data__free_unpacked(d, NULL);
        }

        return sum;
}

static void expect_report(DaemonBed *b) {
        Skywalking__V3__ContinuousProfilingReport *report;
        FakeOapBytes bytes;
        FakeOapCall call;

        fake_oap_call(b->oap, "reportProfilingTask", 0, &call);
        bytes = fake_oap_message(b->oap, &call, 0);
        report = skywalking__v3__continuous_profiling_report__unpack(NULL, bytes.size, bytes.data);
        cr_assert_not_null(report);
        cr_expect_str_eq(report->servicename, "shop");
        cr_expect_str_eq(report->instancename, "host-a");
        cr_expect_str_eq(report->processname, b->program);
        cr_expect_eq(report->target_task_case,
                     SKYWALKING__V3__CONTINUOUS_PROFILING_REPORT__TARGET_TASK_ON_CPU);
        cr_assert_eq(report->n_causes, 1);
        cr_expect_eq(report->causes[0]->singlevalue->threshold, 5);
        cr_expect_geq(report->causes[0]->singlevalue->current, 5);
        skywalking__v3__continuous_profiling_report__free_unpacked(report, NULL);
}

/* All profile data so far belongs to one task and the process that OAP knows. */
static int64_t expect_profile(DaemonBed *b) {
        char id[65], task[128] = "", process[128] = "", first[128] = "";
        size_t n = fake_oap_n_calls(b->oap, "collectProfilingData");
        int64_t sum = 0;

        fake_oap_process_id("shop", "host-a", b->program, id);
        for (size_t i = 0; i < n; i++) {
                FakeOapCall call;

                fake_oap_call(b->oap, "collectProfilingData", i, &call);
                if (call.status != 0)
                        continue;

                sum += samples_of(b, &call, task, process);
                cr_expect_str_eq(process, id);
                cr_expect_geq(strlen(task), 64);
                if (first[0])
                        cr_expect_str_eq(task, first);
                strcpy(first, task);
        }

        return sum;
}

Test(oap_daemon, a_policy_of_oaps_becomes_a_profile_at_oap_also_over_an_outage, .timeout = 200) {
        DaemonBed b;
        size_t n_before;
        int status;

        bed_init(&b);
        await_calls(&b, "reportProcesses", 1);
        await_calls(&b, "keepAlive", 1);
        await_calls(&b, "queryPolicies", 1);
        await_calls(&b, "queryTasks", 1);
        await_calls(&b, "reportProfilingTask", 1);
        expect_report(&b);
        await_calls(&b, "collectBatch", 2);
        await_calls(&b, "collectProfilingData", 1);
        cr_expect_gt(expect_profile(&b), 0);

        /* what is recorded meanwhile waits */
        fake_oap_kill(b.oap);
        (void) usleep(7 * USEC_PER_SEC);
        n_before = fake_oap_n_calls(b.oap, "collectProfilingData");
        fake_oap_restart(b.oap);
        await_calls(&b, "collectProfilingData", n_before + 2);
        cr_expect_gt(expect_profile(&b), 0);
        cr_expect_eq(fake_oap_n_calls(b.oap, "reportProfilingTask"), 1, "item 19: reported once");

        /* the last piece goes to the spool */
        stop(&b.daemon, SIGTERM, &status);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %i", status);
        bed_done(&b);
}

/* Where OAP keeps what was asked of it: a second life of the daemon has it at once, without OAP. */
Test(oap_daemon, item_12_policies_are_in_force_after_a_restart_without_oap, .timeout = 200) {
        char path[128];
        DaemonBed b;

        bed_init(&b);
        await_calls(&b, "queryPolicies", 1);
        await_calls(&b, "reportProfilingTask", 1);
        (void) usleep(3 * USEC_PER_SEC);
        stop(&b.daemon, SIGTERM, NULL);

        (void) snprintf(path, sizeof(path), "%s/oap/policies/oap:on-cpu:shop.policy", b.state);
        cr_expect_eq(access(path, R_OK), 0, "%s", path);
        fake_oap_kill(b.oap);
        b.daemon = start_daemon(&b);
        (void) usleep(6 * USEC_PER_SEC);
        fake_oap_restart(b.oap);
        /* not while it is silent: the trigger of the first life counts */
        await_calls(&b, "collectProfilingData", 1);
        cr_expect_eq(fake_oap_n_calls(b.oap, "reportProfilingTask"), 1);
        stop(&b.daemon, SIGTERM, NULL);
        bed_done(&b);
}

/* Nothing of it is there: no library, no thread, no directory. */
Test(oap_daemon, without_an_address_there_is_nothing, .timeout = 100) {
        char path[64], command[256];
        DaemonBed b = { .oap = fake_oap_new(NULL), .state = "/tmp/cprof-oap-daemon-XXXXXX" };

        cr_assert_not_null(mkdtemp(b.state));
        make_run();
        b.daemon = start_daemon(&b);
        (void) usleep(5 * USEC_PER_SEC);

        (void) snprintf(command, sizeof(command), "grep -q grpc /proc/%i/maps", (int) b.daemon);
        cr_expect_neq(system(command), 0, "gRPC is mapped");
        (void) snprintf(command, sizeof(command), "ls /proc/%i/task | wc -l | grep -qx 1", (int) b.daemon);
        cr_expect_eq(system(command), 0, "there are more threads");
        (void) snprintf(path, sizeof(path), "%s/oap", b.state);
        cr_expect_neq(access(path, F_OK), 0);
        bed_done(&b);
}
