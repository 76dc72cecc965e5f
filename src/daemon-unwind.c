/* SPDX-License-Identifier: Apache-2.0 */
/* Between the tables that task/ keeps and the ELF files that symbol/ reads. */
#include "daemon-unwind.h"

#include "symbol/eh-frame.h"

#include <string.h>

_Static_assert(UNWIND_BUILD_ID_MAX >= ELF_BUILD_ID_MAX, "a build id fits");

typedef struct Job {
        ElfImage *image;
        EhFrameBuild *build; /* NULL until the first step: a file with a known build id needs none */
} Job;

static void job_free(void *job) {
        Job *j = job;

        if (!j)
                return;

        eh_frame_build_free(j->build);
        elf_image_free(j->image);
        free(j);
}

static int job_begin(Module *m, void **ret_job, void *userdata) {
        Job *j;
        int r;

        j = calloc(1, sizeof(*j));
        if (!j)
                return -ENOMEM;

        if (m->type == MODULE_VDSO)
                r = elf_image_open_memory(m->image, m->image_size, &j->image);
        else
                r = elf_image_open_fd(m->fd, &j->image);
        if (r < 0) {
                job_free(j);
                return r == -EBADMSG ? -ENODATA : r; /* code that is no ELF file: nothing is wrong */
        }

        *ret_job = j;
        return 0;
}

static int job_describe(void *job, UnwindFile *ret_file) {
        const ElfImage *image = ((Job *) job)->image;
        UnwindFile f = { .build_id_size = image->build_id_size };

        f.segments = calloc(image->n_segments + 1, sizeof(f.segments[0]));
        if (!f.segments)
                return -ENOMEM;

        for (size_t i = 0; i < image->n_segments; i++) {
                const ElfSegment *s = image->segments + i;

                if (s->executable)
                        f.segments[f.n_segments++] = (UnwindSegment){
                                .offset = s->offset,
                                .size = s->file_size,
                                .address = s->address,
                        };
        }

        memcpy(f.build_id, image->build_id, image->build_id_size);
        *ret_file = f;
        return 0;
}

static int job_step(void *job, usec_t budget_usec) {
        Job *j = job;
        int r;

        if (!j->build) {
                r = eh_frame_build_new(j->image, &j->build);
                if (r < 0)
                        return r;
        }

        return eh_frame_build_step(j->build, budget_usec);
}

static void job_take(void *job, UnwindRows *ret_rows, UnwindGaps *ret_gaps) {
        EhFrameStats stats;

        eh_frame_build_take(((Job *) job)->build, ret_rows, &stats);
        *ret_gaps = (UnwindGaps){ .n_malformed = stats.n_bad_entries, .n_over_cap = stats.n_over_cap };
}

const UnwindSource daemon_unwind_source = {
        .begin = job_begin,
        .describe = job_describe,
        .step = job_step,
        .take = job_take,
        .free = job_free,
};
