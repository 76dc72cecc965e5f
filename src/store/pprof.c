/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a profile in the pprof format: samples as they come, then the tables they refer to. */
#include "store/pprof.h"

#include "basic/strbuf.h"
#include "basic/utf8.h"
#include "cprof-config.h"
#include "pprof.pb-c.h"
#include "store/pprof-tables.h"

#define COMMENT_CAUSES_MAX 64U
#define COMMENTS_MAX (COMMENT_CAUSES_MAX + 3)

/* One of the values that each sample has. */
typedef struct ValueType {
        ProfileKind kind;
        const char *type, *unit;
} ValueType;

static const ValueType value_types[] = {
        { PROFILE_KIND_ON_CPU, "samples", "count" },
        { PROFILE_KIND_ON_CPU, "cpu", "nanoseconds" },
        { PROFILE_KIND_OFF_CPU, "switches", "count" },
        { PROFILE_KIND_OFF_CPU, "offcpu", "nanoseconds" },
};

typedef struct Encoder {
        const Profile *profile;
        ProfileKinds kinds;
        TaskInstant begin, end;
        PprofTables tables;
        PprofWriter writer;

        uint32_t *threads; /* string of each thread name */
        uint32_t thread_key, state_key;
        uint32_t states[_PROFILE_STATE_MAX]; /* string of each */

        char *comments[COMMENTS_MAX]; /* owned: the table of strings refers to them */
        int64_t comment_strings[COMMENTS_MAX];
        size_t n_comments;
} Encoder;

static int64_t clamp(uint64_t n) {
        return (int64_t) MIN_OF(n, (uint64_t) INT64_MAX);
}

/* The values of @s that the file has; returns their number. */
static size_t
sample_values(const Encoder *e, const ProfileStack *s, int64_t ret[static ELEMENTSOF(value_types)]) {
        uint64_t cpu_nsec;
        size_t n = 0;

        if (e->kinds & PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU)) {
                if (__builtin_mul_overflow(s->n_samples, profile_period_nsec(e->profile), &cpu_nsec))
                        cpu_nsec = UINT64_MAX;
                ret[n++] = clamp(s->n_samples);
                ret[n++] = clamp(cpu_nsec);
        }
        if (e->kinds & PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU)) {
                ret[n++] = clamp(s->n_switches);
                ret[n++] = clamp(s->offcpu_nsec);
        }

        return n;
}

static int write_sample(Encoder *e, const ProfileStack *s) {
        uint64_t ids[PROFILE_FRAMES_MAX];
        int64_t values[ELEMENTSOF(value_types)];
        Cprof__Pprof__Label thread = CPROF__PPROF__LABEL__INIT, state = CPROF__PPROF__LABEL__INIT;
        Cprof__Pprof__Label *labels[] = { &thread, &state };
        Cprof__Pprof__Sample sample = CPROF__PPROF__SAMPLE__INIT;
        int r;

        assert(s->n_frames <= PROFILE_FRAMES_MAX);

        for (unsigned i = 0; i < s->n_frames; i++) {
                r = pprof_tables_add_location(&e->tables, s->frames[i], ids + i);
                if (r < 0)
                        return r;
        }

        thread.key = e->thread_key;
        thread.str = e->threads[s->thread];
        state.key = e->state_key;
        state.str = e->states[s->state];

        sample.location_id = ids;
        sample.n_location_id = s->n_frames;
        sample.value = values;
        sample.n_value = sample_values(e, s, values);
        sample.label = labels;
        sample.n_label = s->state == PROFILE_STATE_RUNNING ? 1 : 2;

        return pprof_writer_message(&e->writer, PPROF_FIELD_SAMPLE, &sample.base);
}

static int add_states(Encoder *e) {
        int r;

        if (!(e->kinds & PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU)))
                return 0;

        for (ProfileState i = PROFILE_STATE_RUNNING + 1; i < _PROFILE_STATE_MAX; i++) {
                r = pprof_tables_add_string(&e->tables, profile_state_to_string(i), e->states + i);
                if (r < 0)
                        return r;
        }

        return pprof_tables_add_string(&e->tables, "state", &e->state_key);
}

static int add_threads(Encoder *e) {
        uint32_t n = profile_n_threads(e->profile);
        int r;

        e->threads = calloc(n > 0 ? n : 1, sizeof(*e->threads));
        if (!e->threads)
                return -ENOMEM;

        for (uint32_t i = 0; i < n; i++) {
                r = pprof_tables_add_string(&e->tables, profile_thread_name(e->profile, i), e->threads + i);
                if (r < 0)
                        return r;
        }

        return pprof_tables_add_string(&e->tables, "thread", &e->thread_key);
}

static int write_samples(Encoder *e) {
        ProfileStack *s, *next;
        int r;

        r = add_threads(e);
        if (r < 0)
                return r;

        r = add_states(e);
        if (r < 0)
                return r;

        HASH_ITER(hh, profile_stacks(e->profile), s, next) {
                r = write_sample(e, s);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int write_sample_type(Encoder *e, const char *type, const char *unit) {
        Cprof__Pprof__ValueType v = CPROF__PPROF__VALUE_TYPE__INIT;
        uint32_t type_string, unit_string;
        int r;

        r = pprof_tables_add_string(&e->tables, type, &type_string);
        if (r < 0)
                return r;

        r = pprof_tables_add_string(&e->tables, unit, &unit_string);
        if (r < 0)
                return r;

        v.type = type_string;
        v.unit = unit_string;
        return pprof_writer_message(&e->writer, PPROF_FIELD_SAMPLE_TYPE, &v.base);
}

static int write_sample_types(Encoder *e) {
        int r;

        for (size_t i = 0; i < ELEMENTSOF(value_types); i++) {
                if (!(e->kinds & PROFILE_KIND_BIT(value_types[i].kind)))
                        continue;

                r = write_sample_type(e, value_types[i].type, value_types[i].unit);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* Times and the like of the whole profile. */
static int write_scalars(Encoder *e) {
        bool on_cpu = e->kinds & PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU);
        Cprof__Pprof__Profile whole = CPROF__PPROF__PROFILE__INIT;
        Cprof__Pprof__ValueType period_type = CPROF__PPROF__VALUE_TYPE__INIT;
        uint32_t type, nanoseconds;
        int r;

        r = pprof_tables_add_string(&e->tables, on_cpu ? "cpu" : "offcpu", &type);
        if (r < 0)
                return r;

        r = pprof_tables_add_string(&e->tables, "nanoseconds", &nanoseconds);
        if (r < 0)
                return r;

        period_type.type = type;
        period_type.unit = nanoseconds;
        if (on_cpu) { /* waits are not sampled: each counts */
                whole.period_type = &period_type;
                whole.period = (int64_t) profile_period_nsec(e->profile);
        }
        whole.default_sample_type = type;
        whole.time_nanos = (int64_t) (e->begin.realtime_usec * NSEC_PER_USEC);
        if (e->end.monotonic_usec > e->begin.monotonic_usec)
                whole.duration_nanos =
                                (int64_t) ((e->end.monotonic_usec - e->begin.monotonic_usec) *
                                           NSEC_PER_USEC);
        whole.comment = e->comment_strings;
        whole.n_comment = e->n_comments;

        return pprof_writer_fields(&e->writer, &whole.base);
}

static int _printf_(2, 3) add_comment(Encoder *e, const char *format, ...) {
        _cleanup_(strbuf_done) StrBuf b = {};
        uint32_t string;
        va_list ap;
        char *text;
        int r;

        assert(e->n_comments < ELEMENTSOF(e->comments));

        va_start(ap, format);
        strbuf_addv(&b, format, ap);
        va_end(ap);
        if (b.error < 0)
                return b.error;

        text = utf8_sanitize(b.text, b.length);
        if (!text)
                return -ENOMEM;
        e->comments[e->n_comments] = text;

        r = pprof_tables_add_string(&e->tables, text, &string);
        if (r < 0)
                return r;

        e->comment_strings[e->n_comments++] = string;
        return 0;
}

static int add_comments(Encoder *e, const Task *t) {
        int r;

        r = add_comment(e, "cprofd %s", CPROF_VERSION);
        if (r >= 0)
                r = add_comment(e, "task %s", t->id);
        if (r >= 0)
                r = add_comment(e, "unit %s", t->unit ? t->unit : "");

        for (size_t i = 0; r >= 0 && i < t->n_causes && i < COMMENT_CAUSES_MAX; i++) {
                const TaskCause *c = t->causes + i;

                r = add_comment(e,
                                "cause %s (policy %s)",
                                c->rule ? c->rule : "",
                                c->policy ? c->policy : "");
        }

        return r;
}

static int encode(Encoder *e, const Task *t, void **ret_data, size_t *ret_length) {
        int r;

        r = write_sample_types(e);
        if (r >= 0)
                r = write_samples(e);
        if (r >= 0)
                r = add_comments(e, t);
        if (r >= 0)
                r = write_scalars(e); /* adds strings, as all before */
        if (r >= 0)
                r = pprof_tables_write(&e->tables, t->exe, &e->writer);
        if (r < 0)
                return r;

        return pprof_writer_finish(&e->writer, ret_data, ret_length);
}

static void encoder_done(Encoder *e) {
        pprof_tables_done(&e->tables);
        pprof_writer_done(&e->writer);
        free(e->threads);
        for (size_t i = 0; i < ELEMENTSOF(e->comments); i++)
                free(e->comments[i]);
}

int pprof_encode(
                const Task *t,
                TaskPart part,
                const Profile *profile,
                const Symbols *symbols,
                void **ret_data,
                size_t *ret_length) {
        bool before = part == TASK_PART_BEFORE;
        _cleanup_(encoder_done) Encoder e = {
                .profile = profile,
                .kinds = before ? PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU) : t->kinds,
                .begin = before ? t->before_first_sample : t->started,
                .end = before ? t->started : t->ended,
        };
        int r;

        assert(t);
        assert(profile);
        assert(symbols);
        assert(ret_data);
        assert(ret_length);

        r = pprof_tables_init(&e.tables, profile, symbols);
        if (r < 0)
                return r;

        r = pprof_writer_init(&e.writer);
        if (r < 0)
                return r;

        return encode(&e, t, ret_data, ret_length);
}
