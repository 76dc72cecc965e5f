/* SPDX-License-Identifier: Apache-2.0 */
/* Triggers, meters, stacks. */
#include "oap/oap-encode.h"

#include "basic/hash.h"
#include "oap/oap-encode-private.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define DIGEST_LENGTH 9U /* "~" and eight digits */

static const struct {
        Skywalking__V3__ContinuousProfilingTriggeredMonitorType type;
        const char *meter; /* the prefix is in OAP's rules: meter-analyzer-config/continuous-profiling.yaml
                            */
} monitors[_METRIC_MAX] = {
        [METRIC_PROCESS_CPU] = { SKYWALKING__V3__CONTINUOUS_PROFILING_TRIGGERED_MONITOR_TYPE__ProcessCPU,
                                 "rover_con_p_process_cpu" },
        [METRIC_PROCESS_THREAD_COUNT] = { SKYWALKING__V3__CONTINUOUS_PROFILING_TRIGGERED_MONITOR_TYPE__ProcessThreadCount,
                                          "rover_con_p_process_thread_count" },
        [METRIC_SYSTEM_LOAD] = { SKYWALKING__V3__CONTINUOUS_PROFILING_TRIGGERED_MONITOR_TYPE__SystemLoad,
                                 "rover_con_p_system_load" },
        [METRIC_HTTP_ERROR_RATE] = { SKYWALKING__V3__CONTINUOUS_PROFILING_TRIGGERED_MONITOR_TYPE__HTTPErrorRate,
                                     "rover_con_p_http_error_rate" },
        [METRIC_HTTP_AVG_RESPONSE_TIME] = { SKYWALKING__V3__CONTINUOUS_PROFILING_TRIGGERED_MONITOR_TYPE__HTTPAvgResponseTime,
                                            "rover_con_p_http_avg_response_time" },
};

const char *oap_meter_name(Metric m) {
        return m >= 0 && m < _METRIC_MAX ? monitors[m].meter : NULL;
}

bool oap_metric_is_known(Metric m) {
        return oap_meter_name(m);
}

static void set_single(OapScratch *s, Skywalking__V3__ContinuousProfilingCause *c, const OapCause *from) {
        Skywalking__V3__ContinuousProfilingSingleValueCause *v = oap_scratch_alloc(s, 1, sizeof(*v));

        if (!v)
                return;

        skywalking__v3__continuous_profiling_single_value_cause__init(v);
        v->threshold = from->threshold;
        v->current = from->value;
        c->cause_case = SKYWALKING__V3__CONTINUOUS_PROFILING_CAUSE__CAUSE_SINGLE_VALUE;
        c->singlevalue = v;
}

/* All requests are an empty path that is there. */
static void set_uri(OapScratch *s, Skywalking__V3__ContinuousProfilingCause *c, const OapCause *from) {
        Skywalking__V3__ContinuousProfilingURICause *v = oap_scratch_alloc(s, 1, sizeof(*v));
        bool is_regex = from->uri && from->uri->kind == URI_RULE_REGEX;

        if (!v)
                return;

        skywalking__v3__continuous_profiling_uricause__init(v);
        v->threshold = from->threshold;
        v->current = from->value;
        v->uri_case = is_regex ? SKYWALKING__V3__CONTINUOUS_PROFILING_URICAUSE__URI_REGEX
                               : SKYWALKING__V3__CONTINUOUS_PROFILING_URICAUSE__URI_PATH;
        *(is_regex ? &v->regex : &v->path) = oap_scratch_text(s, from->uri ? from->uri->text : NULL);
        c->cause_case = SKYWALKING__V3__CONTINUOUS_PROFILING_CAUSE__CAUSE_URI;
        c->uri = v;
}

static Skywalking__V3__ContinuousProfilingCause *make_cause(OapScratch *s, const OapCause *from) {
        Skywalking__V3__ContinuousProfilingCause *c = oap_scratch_alloc(s, 1, sizeof(*c));

        if (!c)
                return NULL;

        skywalking__v3__continuous_profiling_cause__init(c);
        c->type = monitors[from->metric].type;
        if (metric_info(from->metric)->is_http)
                set_uri(s, c, from);
        else
                set_single(s, c, from);

        return c;
}

/* An empty message that is there is what says which kind of task it is. */
static int
set_target(Skywalking__V3__ContinuousProfilingReport *r,
           OapTarget target,
           Skywalking__V3__ContinuousOnCPUProfilingTask *oncpu,
           Skywalking__V3__ContinuousOffCPUProfilingTask *offcpu) {
        switch (target) {
        case OAP_TARGET_ON_CPU:
                r->target_task_case = SKYWALKING__V3__CONTINUOUS_PROFILING_REPORT__TARGET_TASK_ON_CPU;
                r->oncpu = oncpu;
                return 0;
        case OAP_TARGET_OFF_CPU:
                r->target_task_case = SKYWALKING__V3__CONTINUOUS_PROFILING_REPORT__TARGET_TASK_OFF_CPU;
                r->offcpu = offcpu;
                return 0;
        default:
                return -EINVAL;
        }
}

int oap_encode_report(
                const OapEntity *entity,
                OapTarget target,
                const OapCause *causes,
                size_t n,
                int32_t duration_sec,
                OapBytes *ret) {
        _cleanup_(oap_scratch_done) OapScratch s = {};
        Skywalking__V3__ContinuousProfilingReport r = SKYWALKING__V3__CONTINUOUS_PROFILING_REPORT__INIT;
        Skywalking__V3__ContinuousOnCPUProfilingTask oncpu =
                        SKYWALKING__V3__CONTINUOUS_ON_CPUPROFILING_TASK__INIT;
        Skywalking__V3__ContinuousOffCPUProfilingTask offcpu =
                        SKYWALKING__V3__CONTINUOUS_OFF_CPUPROFILING_TASK__INIT;
        Skywalking__V3__ContinuousProfilingCause *list[OAP_CAUSES_MAX];

        assert(entity);
        assert(ret);

        if (set_target(&r, target, &oncpu, &offcpu) < 0)
                return -EINVAL;

        r.causes = list;
        for (size_t i = 0; i < n && r.n_causes < OAP_CAUSES_MAX; i++)
                if (oap_metric_is_known(causes[i].metric))
                        list[r.n_causes++] = make_cause(&s, causes + i);
        if (r.n_causes == 0)
                return -EINVAL;

        r.layer = oap_scratch_text(&s, entity->layer);
        r.servicename = oap_scratch_text(&s, entity->service);
        r.instancename = oap_scratch_text(&s, entity->instance);
        r.processname = oap_scratch_text(&s, entity->process);
        r.duration = duration_sec;
        return oap_scratch_pack(&s, &r.base, ret);
}

static uint32_t digest(const char *text) {
        uint64_t hash = 0;

        for (; *text; text++)
                hash = hash_u64(hash, (unsigned char) *text);

        return (uint32_t) hash;
}

static bool has_digest(const char *text, size_t n) {
        return n >= DIGEST_LENGTH && text[n - DIGEST_LENGTH] == '~' &&
                        strspn(text + n - DIGEST_LENGTH + 1, "0123456789abcdef") == DIGEST_LENGTH - 1;
}

/* OAP keeps labelled values as "label,value|label,value". A text that looks as if it had a digest gets one,
 * too. */
static char *uri_label(OapScratch *s, const UriRule *uri) {
        const char *text = uri && uri->kind != URI_RULE_ALL ? uri->text : OAP_URI_LABEL_ALL;
        char *label = oap_scratch_text(s, text), *longer;
        size_t n;

        if (!label ||
            (strcmp(label, text) == 0 && !strpbrk(label, "|,") && !has_digest(label, strlen(label))))
                return label;

        n = strlen(label);
        longer = oap_scratch_alloc(s, n + DIGEST_LENGTH + 1, 1);
        if (!longer)
                return NULL;

        (void) snprintf(longer, n + DIGEST_LENGTH + 1, "%s~%08" PRIx32, label, digest(text));
        for (char *p = strpbrk(longer, "|,"); p; p = strpbrk(p, "|,"))
                *p = '_';

        return longer;
}

static Skywalking__V3__Label *make_label(OapScratch *s, const char *name, char *value) {
        Skywalking__V3__Label *l = oap_scratch_alloc(s, 1, sizeof(*l));

        if (!l)
                return NULL;

        skywalking__v3__label__init(l);
        l->name = oap_scratch_text(s, name);
        l->value = value;
        return l;
}

static Skywalking__V3__MeterData *make_meter(OapScratch *s, const OapMeter *from) {
        Skywalking__V3__MeterSingleValue *v = oap_scratch_alloc(s, 1, sizeof(*v));
        Skywalking__V3__MeterData *m = oap_scratch_alloc(s, 1, sizeof(*m));
        Skywalking__V3__Label **labels = oap_scratch_alloc(s, 3, sizeof(labels[0]));

        if (!v || !m || !labels)
                return NULL;

        labels[0] = make_label(s, "process_name", oap_scratch_text(s, from->process));
        labels[1] = make_label(s, "layer", oap_scratch_text(s, from->layer));
        if (metric_info(from->metric)->is_http)
                labels[2] = make_label(s, "uri", uri_label(s, from->uri));

        skywalking__v3__meter_single_value__init(v);
        v->name = oap_scratch_text(s, oap_meter_name(from->metric));
        v->labels = labels;
        v->n_labels = labels[2] ? 3 : 2;
        v->value = from->value;

        skywalking__v3__meter_data__init(m);
        m->metric_case = SKYWALKING__V3__METER_DATA__METRIC_SINGLE_VALUE;
        m->singlevalue = v;
        return m;
}

int oap_encode_meters(
                const char *service,
                const char *instance,
                int64_t at_ms,
                const OapMeter *meters,
                size_t n,
                OapBytes *ret) {
        _cleanup_(oap_scratch_done) OapScratch s = {};
        Skywalking__V3__MeterDataCollection c = SKYWALKING__V3__METER_DATA_COLLECTION__INIT;

        assert(service);
        assert(instance);
        assert(ret);

        c.meterdata = oap_scratch_alloc(&s, n, sizeof(c.meterdata[0]));
        for (size_t i = 0; c.meterdata && i < n; i++) {
                if (!oap_metric_is_known(meters[i].metric) || !isfinite(meters[i].value))
                        continue;

                c.meterdata[c.n_meterdata] = make_meter(&s, meters + i);
                if (!c.meterdata[c.n_meterdata])
                        break;
                c.n_meterdata++;
        }

        if (c.n_meterdata > 0) {
                c.meterdata[0]->service = oap_scratch_text(&s, service);
                c.meterdata[0]->serviceinstance = oap_scratch_text(&s, instance);
                c.meterdata[0]->timestamp = at_ms;
        }

        return oap_scratch_pack(&s, &c.base, ret);
}
