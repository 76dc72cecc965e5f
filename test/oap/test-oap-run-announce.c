/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks that were triggered here. */
#include "oap/profile-bed.h"
#include "oap/run-bed.h"
#include "sink/sink-oap.h"

#include "skywalking.pb-c.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(oap_run_announce, .timeout = 60);

typedef Skywalking__V3__ContinuousProfilingReport Report;

static Report *unpack(const BedReport *r) {
        Report *report = skywalking__v3__continuous_profiling_report__unpack(NULL, r->size, r->message);

        cr_assert(report);
        return report;
}

static void report_free(Report **report) {
        skywalking__v3__continuous_profiling_report__free_unpacked(*report, NULL);
}

static void
add_cause(Task *t, Metric metric, double threshold, double value, const char *uri, const char *regex) {
        t->causes = realloc(t->causes, (t->n_causes + 1) * sizeof(t->causes[0]));
        cr_assert(t->causes);
        t->causes[t->n_causes++] = (TaskCause){
                .metric = strdup(metric_to_string(metric)),
                .threshold = threshold,
                .value = value,
                .uri = uri ? strdup(uri) : NULL,
                .uri_regex = regex ? strdup(regex) : NULL,
        };
}

static Identity *bed_identity_of(const Task *t, void *userdata) {
        RunBed *b = userdata;

        for (unsigned i = 0; i < BED_PROCESSES; i++)
                if (b->processes[i].key.pid == t->key.pid)
                        return b->identities + i;

        return NULL;
}

/* A task of process 0 that was triggered by its CPU time, 90 s long. */
static Task *triggered(RunBed *b, ProfileKinds kinds) {
        BedRecording *r = run_bed_record(b, 0, kinds, 89 * USEC_PER_SEC + 1);

        cr_assert(r);
        add_cause(r->task, METRIC_PROCESS_CPU, 80, 97.5, NULL, NULL);
        return r->task;
}

static void start(RunBed *b, const Task *t) {
        SinkOap sink = { .runs = b->runs, .identity_of = bed_identity_of, .userdata = b };

        cr_assert_eq(sink_oap_ops.task_started(&sink, t), 0);
}

Test(oap_run_announce, item_21_each_kind_is_announced_once_with_its_cause) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        _cleanup_(report_free) Report *oncpu = NULL, *offcpu = NULL;
        Task *t = triggered(b, PROFILE_KINDS_ALL);

        cr_assert_eq(oap_runs_task_started(b->runs, t, b->identities, run_bed_now_ms(b)), 0);
        cr_assert_eq(b->n_reports, 2);
        cr_expect_eq(run_bed_n_runs(b), 2);
        cr_expect_eq(run_bed_status(b).n_started, 2);
        for (unsigned i = 0; i < 2; i++) {
                cr_expect_str_eq(b->reports[i].ours, t->id);
                cr_expect_eq(b->reports[i].pid, 100);
                cr_expect_eq(b->reports[i].at_ms, run_bed_now_ms(b));
        }

        oncpu = unpack(b->reports);
        cr_expect_eq(b->reports[0].target, OAP_TARGET_ON_CPU);
        cr_expect_eq(oncpu->target_task_case,
                     SKYWALKING__V3__CONTINUOUS_PROFILING_REPORT__TARGET_TASK_ON_CPU);
        cr_expect_str_eq(oncpu->layer, "GENERAL");
        cr_expect_str_eq(oncpu->servicename, "shop");
        cr_expect_str_eq(oncpu->instancename, "host");
        cr_expect_str_eq(oncpu->processname, "p0");
        cr_expect_eq(oncpu->duration, 90, "seconds, none too few");
        cr_assert_eq(oncpu->n_causes, 1);
        cr_expect_eq(oncpu->causes[0]->type,
                     SKYWALKING__V3__CONTINUOUS_PROFILING_TRIGGERED_MONITOR_TYPE__ProcessCPU);
        cr_expect_eq(oncpu->causes[0]->singlevalue->threshold, 80);
        cr_expect_eq(oncpu->causes[0]->singlevalue->current, 97.5);

        offcpu = unpack(b->reports + 1);
        cr_expect_eq(offcpu->target_task_case,
                     SKYWALKING__V3__CONTINUOUS_PROFILING_REPORT__TARGET_TASK_OFF_CPU);
}

Test(oap_run_announce, item_33_the_run_is_the_task_from_its_first_sample_to_its_last) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        Task *t = triggered(b, PROFILE_KINDS_ALL);
        char id[TASK_ID_MAX];
        int64_t start_ms = run_bed_now_ms(b);
        BedTold *oncpu, *offcpu;

        strcpy(id, t->id);
        b->delay_usec = 20 * USEC_PER_SEC;
        cr_assert_eq(oap_runs_task_started(b->runs, t, b->identities, start_ms), 0);
        run_bed_advance(b, 100);
        cr_expect_eq(run_bed_n_runs(b), 2, "its names are not there yet");
        run_bed_advance(b, 12);
        cr_expect_eq(run_bed_n_runs(b), 0);

        oncpu = run_bed_told(b, id, "p0", OAP_TARGET_ON_CPU);
        offcpu = run_bed_told(b, id, "p0", OAP_TARGET_OFF_CPU);
        cr_assert(oncpu);
        cr_assert(offcpu);
        cr_expect(oncpu->is_ours, "OAP's id is not known here");
        cr_expect_eq(oncpu->start_ms, start_ms);
        cr_expect_eq(oncpu->analysis.n_count, b->recordings[0].n_recorded[PROFILE_KIND_ON_CPU]);
        cr_expect_eq(offcpu->analysis.n_count, b->recordings[0].n_recorded[PROFILE_KIND_OFF_CPU]);
        cr_expect_geq(oncpu->n_flushes, 10);
        cr_expect_eq(b->n_starts, 0, "nothing is started for it");
}

Test(oap_run_announce, item_19_what_cannot_be_profiled_or_shown_is_not_announced) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        _cleanup_(task_freep) Task *failed = NULL;
        BedRecording *r;
        Task *t;

        /* by hand */
        r = run_bed_record(b, 0, PROFILE_KINDS_ALL, USEC_PER_MINUTE);
        start(b, r->task);
        cr_expect_eq(b->n_reports, 0);

        /* for what OAP has no name of */
        r = run_bed_record(b, 1, PROFILE_KINDS_ALL, USEC_PER_MINUTE);
        add_cause(r->task, METRIC_CPU_PRESSURE, 10, 20, NULL, NULL);
        add_cause(r->task, METRIC_HTTP_P99_RESPONSE_TIME, 10, 20, NULL, NULL);
        start(b, r->task);
        cr_expect_eq(b->n_reports, 0);

        /* of a unit, or of a process that is nobody to OAP */
        r = run_bed_record(b, 2, PROFILE_KINDS_ALL, USEC_PER_MINUTE);
        add_cause(r->task, METRIC_PROCESS_CPU, 10, 20, NULL, NULL);
        r->task->key = (ProcessKey){};
        start(b, r->task);
        cr_expect_eq(b->n_reports, 0);

        /* that could not start */
        cr_assert_eq(task_new(PROFILE_KINDS_ALL, USEC_PER_DAY, 1, &failed), 0);
        failed->key = b->processes[0].key;
        add_cause(failed, METRIC_PROCESS_CPU, 10, 20, NULL, NULL);
        start(b, failed);
        cr_expect_eq(b->n_reports, 0);

        /* a kind that was left out */
        t = run_bed_record(b, 3, PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU), USEC_PER_MINUTE)->task;
        t->left_out = strdup("on-cpu: this kernel has no perf events");
        add_cause(t, METRIC_PROCESS_CPU, 10, 20, NULL, NULL);
        start(b, t);
        cr_assert_eq(b->n_reports, 1);
        cr_expect_eq(b->reports[0].target, OAP_TARGET_OFF_CPU);
}

Test(oap_run_announce, item_21_22_causes_are_the_strongest_six_of_those_that_oap_has) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        _cleanup_(report_free) Report *report = NULL;
        Task *t = triggered(b, PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU)); /* 1.22 */

        add_cause(t, METRIC_HTTP_ERROR_RATE, 5, 50, NULL, NULL);             /* 10 */
        add_cause(t, METRIC_HTTP_REQUEST_RATE, 1, 1000, NULL, NULL);         /* not OAP's */
        add_cause(t, METRIC_HTTP_AVG_RESPONSE_TIME, 100, 900, "/a", NULL);   /* 9 */
        add_cause(t, METRIC_HTTP_AVG_RESPONSE_TIME, 100, 2000, NULL, "^/b"); /* 20 */
        add_cause(t, METRIC_PROCESS_THREAD_COUNT, 10, 11, NULL, NULL);       /* 1.1 */
        add_cause(t, METRIC_SYSTEM_LOAD, 2, NAN, NULL, NULL);                /* 0 */
        add_cause(t, METRIC_SYSTEM_LOAD, 0, 1, NULL, NULL);                  /* always */
        add_cause(t, METRIC_HTTP_ERROR_RATE, 5, 25, "/c", NULL);             /* 5 */
        start(b, t);

        report = unpack(b->reports);
        cr_assert_leq(report->n_causes, 6);
        cr_assert_geq(report->n_causes, 5);
        cr_expect_eq(report->causes[0]->type,
                     SKYWALKING__V3__CONTINUOUS_PROFILING_TRIGGERED_MONITOR_TYPE__SystemLoad);
        cr_expect_eq(report->causes[0]->singlevalue->current, 1);
        cr_expect_str_eq(report->causes[1]->uri->regex, "^/b");
        cr_expect_eq(report->causes[2]->uri->uri_case,
                     SKYWALKING__V3__CONTINUOUS_PROFILING_URICAUSE__URI_PATH);
        cr_expect_str_eq(report->causes[2]->uri->path, "", "all requests: there, and empty");
        cr_expect_str_eq(report->causes[3]->uri->path, "/a");
        cr_expect_eq(report->causes[3]->uri->threshold, 100);
        cr_expect_eq(report->causes[3]->uri->current, 900);
        cr_expect_str_eq(report->causes[4]->uri->path, "/c");
}

/* JDBC storages have 1000 characters for all of them. */
Test(oap_run_announce, item_21_causes_fit_where_oap_keeps_them) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        _cleanup_(report_free) Report *report = NULL;
        Task *t = run_bed_record(b, 0, PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU), USEC_PER_MINUTE)->task;
        char uri[2000];

        memset(uri, 'x', sizeof(uri) - 1);
        uri[0] = '/';
        uri[sizeof(uri) - 1] = '\0';
        add_cause(t, METRIC_HTTP_ERROR_RATE, 1, 100, uri, NULL);
        add_cause(t, METRIC_HTTP_ERROR_RATE, 1, 60, "/long/but/fine?<>&='<>&='<>&='", NULL);
        uri[500] = '\0';
        add_cause(t, METRIC_HTTP_ERROR_RATE, 1, 50, uri, NULL);
        add_cause(t, METRIC_HTTP_ERROR_RATE, 1, 40, "/short", NULL);
        start(b, t);

        report = unpack(b->reports);
        cr_assert_eq(report->n_causes, 2);
        cr_expect_eq(report->causes[0]->uri->current, 60);
        cr_expect_eq(report->causes[1]->uri->current, 40, "there was no room for the one between");
}

Test(oap_run_announce, item_21_a_cause_that_fits_nowhere_is_sent_when_it_is_all_there_is) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        _cleanup_(report_free) Report *report = NULL;
        Task *t = run_bed_record(b, 0, PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU), USEC_PER_MINUTE)->task;
        char uri[2000];

        memset(uri, 'x', sizeof(uri) - 1);
        uri[sizeof(uri) - 1] = '\0';
        add_cause(t, METRIC_HTTP_ERROR_RATE, 1, 100, NULL, uri);
        add_cause(t, METRIC_HTTP_ERROR_RATE, 1, 50, uri, NULL);
        start(b, t);

        report = unpack(b->reports);
        cr_assert_eq(report->n_causes, 1);
}

Test(oap_run_announce, what_the_spool_does_not_take_is_no_run_and_no_end_of_the_task) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        Task *t = triggered(b, PROFILE_KINDS_ALL);

        b->forward_error = -ENOSPC;
        cr_expect_eq(oap_runs_task_started(b->runs, t, b->identities, run_bed_now_ms(b)), -ENOSPC);
        cr_expect_eq(run_bed_n_runs(b), 0);
        b->forward_error = 0;
        run_bed_advance(b, 100);
        cr_expect_eq(b->n_told, 0);
}

/* A triggered task feeds what an operator asked for meanwhile. */
Test(oap_run_announce, item_26_a_triggered_task_is_shared_with_one_of_oaps) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        Task *t = triggered(b, PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU));
        char id[TASK_ID_MAX];
        BedTold *ours, *theirs;

        strcpy(id, t->id);
        start(b, t);
        run_bed_advance(b, 30);
        run_bed_ask(b, "T1", 40);
        run_bed_advance(b, 70);
        cr_expect_eq(b->n_starts, 0);
        ours = run_bed_told(b, id, "p0", OAP_TARGET_ON_CPU);
        theirs = run_bed_told(b, "T1", "p0", OAP_TARGET_ON_CPU);
        cr_assert(ours);
        cr_assert(theirs);
        cr_expect_eq(ours->analysis.n_count, b->recordings[0].n_recorded[PROFILE_KIND_ON_CPU]);
        cr_expect_lt(theirs->analysis.n_count, ours->analysis.n_count);
}

/* Of the sink: a profile without names is none, and the last word ends the run. */
Test(oap_run_announce, item_34_the_sink_passes_on_what_has_names) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        _cleanup_(symbols_freep) Symbols *symbols = NULL;
        SinkOap sink = { .runs = b->runs, .identity_of = bed_identity_of, .userdata = b };
        Task *t = triggered(b, PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU));
        const Frame frame = profile_bed_user(0, 1);
        Sinks sinks = {};

        cr_assert_eq(sinks_add(&sinks, &sink_oap_ops, &sink), 0);
        sinks_task_started(&sinks, t);
        cr_assert_eq(run_bed_n_runs(b), 1);

        cr_assert_eq(profile_add(t->profile, "t", &frame, 1, 0, 5), 1);
        symbols = profile_bed_symbols(t->profile);
        sinks_task_checkpoint(&sinks, t, &(TaskEvidence){ .profile = t->profile });
        cr_expect_eq(b->n_told, 0);
        sinks_task_checkpoint(&sinks, t, &(TaskEvidence){ .profile = t->profile, .symbols = symbols });
        cr_expect_eq(b->n_told, 1);
        cr_expect_eq(run_bed_n_runs(b), 1);

        sinks_task_ended(&sinks, t, &(TaskEvidence){});
        cr_expect_eq(run_bed_n_runs(b), 0);
        cr_expect_eq(sinks.items[0].n_failed, 0);
        cr_expect_eq(b->told[0].analysis.n_count, 5);

        b->forward_error = -ENOSPC;
        sinks_task_started(&sinks, t);
        cr_expect_eq(sinks.items[0].n_failed, 1);
}
