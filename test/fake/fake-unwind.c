/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-unwind.h"

#include <string.h>

typedef struct Job {
        FakeUnwind *fake;
        Module *module;
        unsigned n_left; /* steps */
} Job;

static bool module_is(const Module *m, const char *what) {
        return strstr(m->path, what) != NULL;
}

static int fake_begin(Module *m, void **ret_job, void *userdata) {
        FakeUnwind *f = userdata;
        Job *j;

        f->n_begun++;
        if (module_is(m, "no-table"))
                return -ENODATA;

        j = calloc(1, sizeof(*j));
        if (!j)
                return -ENOMEM;

        *j = (Job){ .fake = f, .module = m, .n_left = module_is(m, "/big") ? 3 : 1 };
        f->n_jobs++;
        *ret_job = j;
        return 0;
}

static int fake_describe(void *job, UnwindFile *ret_file) {
        Job *j = job;
        const char *id = strchr(j->module->path, '+');
        UnwindFile f = { .n_segments = 1 };

        f.segments = malloc(sizeof(f.segments[0]));
        if (!f.segments)
                return -ENOMEM;

        f.segments[0] = (UnwindSegment){ FAKE_SEGMENT_OFFSET, FAKE_SEGMENT_SIZE, FAKE_SEGMENT_ADDRESS };
        if (id) {
                f.build_id_size = strlen(id);
                memcpy(f.build_id, id, f.build_id_size);
        }

        *ret_file = f;
        return 0;
}

static int fake_step(void *job, usec_t budget_usec) {
        Job *j = job;

        j->fake->n_steps++;
        if (module_is(j->module, "broken"))
                return -EBADMSG;

        return --j->n_left > 0;
}

static void fake_take(void *job, UnwindRows *ret_rows, UnwindGaps *ret_gaps) {
        Job *j = job;
        size_t n = module_is(j->module, "/big") ? FAKE_ROWS_BIG : FAKE_ROWS;

        assert(j->n_left == 0);
        *ret_rows = (UnwindRows){
                .rows = calloc(n, sizeof(struct cprof_unwind_row)),
                .n = n,
                .base = FAKE_ROWS_BASE,
        };
        *ret_gaps = (UnwindGaps){ .n_malformed = module_is(j->module, "gaps") ? 3 : 0 };
}

static void fake_job_free(void *job) {
        ((Job *) job)->fake->n_jobs--;
        free(job);
}

UnwindSource fake_unwind_source(FakeUnwind *fake) {
        return (UnwindSource){
                .begin = fake_begin,
                .describe = fake_describe,
                .step = fake_step,
                .take = fake_take,
                .free = fake_job_free,
                .userdata = fake,
        };
}
