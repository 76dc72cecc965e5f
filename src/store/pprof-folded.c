/* SPDX-License-Identifier: Apache-2.0 */
/* Turns a pprof file into folded stacks in two walks over it: the tables first, then the samples. */
#include "pprof.pb-c.h"
#include "store/pprof-names.h"

#include "basic/file-io.h"
#include "basic/strbuf.h"

#include <inttypes.h>
#include <string.h>

#define FRAMES_PER_STACK_MAX 4096U /* with inlined ones; ours have PROFILE_FRAMES_MAX */
#define FOLDED_MAX \
        (UINT64_C(2) * 1024 * 1024 * 1024) /* bytes written: few locations may stand for much text */
#define BUFFER_BYTES (64U * 1024)
#define UNKNOWN_THREAD "[unknown]"
#define UNKNOWN_STATE "unknown"

typedef struct Folding {
        const PprofNames *names;
        int fd; /* borrowed */
        unsigned value_index;
        int64_t divisor; /* of values, rounded */
        bool with_state;
        StrBuf buffer;
        uint64_t n_written;
} Folding;

static int flush(Folding *f) {
        int r;

        if (f->buffer.error < 0)
                return f->buffer.error;

        r = f->buffer.length > 0 ? write_full_fd(f->fd, f->buffer.text, f->buffer.length) : 0;
        if (r < 0)
                return r;

        f->n_written += f->buffer.length;
        f->buffer.length = 0; /* the memory is used again */
        return f->n_written > FOLDED_MAX ? -EFBIG : 0;
}

/* The text of a label, @otherwise if it has none, NULL for a bad one. */
static const char *
find_label(const PprofNames *names,
           const Cprof__Pprof__Sample *s,
           const char *label,
           const char *otherwise) {
        for (size_t i = 0; i < s->n_label; i++) {
                const char *key = pprof_names_text(names, s->label[i]->key);
                const char *name = pprof_names_text(names, s->label[i]->str);

                if (!key || !name)
                        return NULL;
                if (strcmp(key, label) == 0 && *name)
                        return name;
        }

        return otherwise;
}

/* All frames of a location, the outermost first. */
static int fold_location(Folding *f, uint64_t location, unsigned *n_frames) {
        int n = pprof_names_n_frames(f->names, location);
        char buf[24];
        int r;

        if (n < 0)
                return n;

        *n_frames += (unsigned) n;
        if (*n_frames > FRAMES_PER_STACK_MAX)
                return -EFBIG;

        for (unsigned i = (unsigned) n; i > 0; i--) {
                strbuf_add(&f->buffer, ";");
                strbuf_add(&f->buffer, pprof_names_frame(f->names, location, i - 1, buf));
                if (pprof_names_is_kernel(f->names, location))
                        strbuf_add(&f->buffer, "_[k]");

                if (f->buffer.length >= BUFFER_BYTES) {
                        r = flush(f);
                        if (r < 0)
                                return r;
                }
        }

        return 0;
}

static int fold_sample(Folding *f, const Cprof__Pprof__Sample *s) {
        const char *thread = find_label(f->names, s, "thread", UNKNOWN_THREAD);
        const char *state = find_label(f->names, s, "state", UNKNOWN_STATE);
        unsigned n_frames = 0;
        int64_t value;
        int r;

        if (!thread || !state || f->value_index >= s->n_value || s->value[f->value_index] < 0)
                return -EBADMSG;

        value = s->value[f->value_index];
        value = value / f->divisor + (value % f->divisor >= f->divisor / 2 && f->divisor > 1);
        if (value == 0)
                return 0;

        strbuf_add(&f->buffer, thread);
        for (size_t i = s->n_location_id; i > 0; i--) {
                r = fold_location(f, s->location_id[i - 1], &n_frames);
                if (r < 0)
                        return r;
        }
        if (f->with_state)
                strbuf_addf(&f->buffer, ";[%s]", state);
        strbuf_addf(&f->buffer, " %" PRIi64 "\n", value);

        return f->buffer.length >= BUFFER_BYTES ? flush(f) : f->buffer.error;
}

static int fold_field(Folding *f, const PprofField *field) {
        Cprof__Pprof__Sample *s;
        int r;

        if (field->number != PPROF_FIELD_SAMPLE)
                return 0;
        if (!field->data)
                return -EBADMSG;

        s = cprof__pprof__sample__unpack(NULL, field->length, field->data);
        if (!s)
                return -EBADMSG;

        r = fold_sample(f, s);
        cprof__pprof__sample__free_unpacked(s, NULL);
        return r;
}

static const char *const value_names[_PPROF_VALUE_MAX] = {
        [PPROF_VALUE_DEFAULT] = "default",
        [PPROF_VALUE_OFFCPU] = "offcpu",
        [PPROF_VALUE_WAITS] = "waits",
};

const char *pprof_value_to_string(PprofValue v) {
        return v >= 0 && v < _PPROF_VALUE_MAX ? value_names[v] : NULL;
}

int pprof_value_from_string(const char *name) {
        assert(name);

        for (int i = 0; i < _PPROF_VALUE_MAX; i++)
                if (strcmp(value_names[i], name) == 0)
                        return i;

        return _PPROF_VALUE_INVALID;
}

static int choose_value(Folding *f, PprofValue value) {
        int samples = pprof_names_value_index(f->names, "samples");
        int offcpu = pprof_names_value_index(f->names, "offcpu");

        if (value != PPROF_VALUE_DEFAULT && offcpu < 0)
                return -ENODATA;

        f->with_state = value == PPROF_VALUE_WAITS;
        if (offcpu >= 0 && (value != PPROF_VALUE_DEFAULT || samples < 0)) {
                f->value_index = (unsigned) offcpu;
                f->divisor = NSEC_PER_USEC;
                return 0;
        }

        f->value_index = samples >= 0 ? (unsigned) samples : 0; /* of a file that does not say: the first */
        f->divisor = 1;
        return 0;
}

int pprof_convert_folded(int in_fd, int out_fd, PprofValue value) {
        _cleanup_(pprof_names_freep) PprofNames *names = NULL;
        Folding f = { .fd = out_fd };
        PprofReader reader;
        PprofField field;
        int r;

        r = pprof_names_read(in_fd, &names);
        if (r < 0)
                return r;
        f.names = names;

        r = choose_value(&f, value);
        if (r < 0)
                return r;

        r = pprof_reader_init(&reader, in_fd);
        while (r >= 0) {
                r = pprof_reader_next(&reader, &field);
                if (r <= 0)
                        break;
                r = fold_field(&f, &field);
        }
        pprof_reader_done(&reader);
        if (r >= 0)
                r = flush(&f);

        strbuf_done(&f.buffer);
        return r;
}
