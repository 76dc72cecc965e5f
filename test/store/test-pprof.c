/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pprof.h"

#include "basic/file-io.h"
#include "basic/strbuf.h"
#include "fake/fake-symbols.h"
#include "pprof.pb-c.h"
#include "store/pprof-writer.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <zlib.h>

#define PERIOD 10101010U
#define REALTIME (UINT64_C(1795230605) * USEC_PER_SEC)

static ModuleTable *modules;

/* Held by the test, so that they never reach their last reference. */
static Module openssl = {
        .type = MODULE_FILE, .n_ref = 1, .path = (char *) "/usr/bin/openssl", .fd = -EBADF
};
static Module jit = { .type = MODULE_ANON, .n_ref = 1, .path = (char *) "[anon]", .fd = -EBADF };

enum {
        OPENSSL = 2,
        JIT = 3,
};

#define KERNEL_FRAME FRAME(PROFILE_MODULE_KERNEL, UINT64_C(0xffffffff81000123))

static const FakeSymbol names[] = {
        { KERNEL_FRAME, "do_syscall_64", NULL },
        { FRAME(OPENSSL, 0x5010), "main", NULL },
        { FRAME(OPENSSL, 0x5020), "main", NULL }, /* another place of the same function */
        { FRAME(OPENSSL, 0x7fff), "ns::f(int; char)", "_ZN2ns1fEic" },
        { FRAME(JIT, UINT64_C(0x7f0000001008)), "LFoo;.bar", NULL },
        {},
};

static const Symbols symbols = { .symbols = names,
                                 .build_ids = { [0] = "aabb", [OPENSSL] = "0123456789abcdef" } };

static void make_modules(void) {
        cr_assert_eq(module_table_new(&modules), 0);
}

static void free_modules(void) {
        module_table_free(modules);
}

TestSuite(pprof, .timeout = 60, .init = make_modules, .fini = free_modules);

static Profile *make_profile(void) {
        Profile *p = NULL;

        cr_assert_eq(profile_new(modules, PERIOD, &p), 0);
        return p;
}

static Profile *make_sample_profile(void) {
        const Frame in_kernel[] = { KERNEL_FRAME, FRAME(OPENSSL, 0x7fff), FRAME(OPENSSL, 0x5010) };
        const Frame in_jit[] = { FRAME(JIT, UINT64_C(0x7f0000001008)),
                                 FRAME(PROFILE_MODULE_UNKNOWN, 0x77),
                                 FRAME(OPENSSL, 0x5020) };
        Profile *p = make_profile();

        cr_assert_eq(profile_module_index(p, &openssl), OPENSSL);
        cr_assert_eq(profile_module_index(p, &jit), JIT);
        cr_assert_eq(profile_add(p, "worker;1", in_kernel, 3, 1, 7), 1);
        cr_assert_eq(profile_add(p, "jit", in_jit, 3, 0, 2), 1);
        cr_assert_eq(profile_add(p, "worker;1", in_kernel, 0, 0, 1), 1);
        return p;
}

static Task *make_task(void) {
        Task *t = NULL;

        cr_assert_eq(task_new(PROFILE_KIND_ON_CPU, REALTIME, 0x9f3c, &t), 0);
        t->unit = strdup("openssl.service");
        t->causes = calloc(1, sizeof(*t->causes));
        cr_assert(t->unit && t->causes);
        t->n_causes = 1;
        t->causes[0].policy = strdup("web");
        t->causes[0].rule = strdup("process-cpu >= 80% for 5 of 10s");
        t->started = (TaskInstant){ 1000 * USEC_PER_SEC, REALTIME };
        t->ended = (TaskInstant){ 1030 * USEC_PER_SEC, REALTIME + 30 * USEC_PER_SEC };
        return t;
}

static void encode(const Profile *p, void **ret_data, size_t *ret_length) {
        _cleanup_(task_freep) Task *t = make_task();

        cr_assert_eq(pprof_encode(t, p, &symbols, ret_data, ret_length), 0);
}

/* The message, to be freed by cprof__pprof__profile__free_unpacked(). */
static Cprof__Pprof__Profile *unpack(const void *data, size_t length) {
        size_t size = 64U << 20;
        unsigned char *plain = malloc(size);
        z_stream z = { .next_in = (unsigned char *) data, .avail_in = (unsigned) length };
        Cprof__Pprof__Profile *p;

        cr_assert_not_null(plain);
        cr_assert_eq(inflateInit2(&z, 15 + 16), Z_OK);
        z.next_out = plain;
        z.avail_out = (unsigned) size;
        cr_assert_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
        cr_assert_eq(z.avail_in, 0);
        p = cprof__pprof__profile__unpack(NULL, z.total_out, plain);
        cr_assert_eq(inflateEnd(&z), Z_OK);
        free(plain);
        cr_assert_not_null(p);
        return p;
}

static const char *text(const Cprof__Pprof__Profile *p, int64_t index) {
        cr_assert(index >= 0 && (size_t) index < p->n_string_table, "string %lli", (long long) index);
        return p->string_table[index];
}

/* Ids are places in the lists, from 1. */
static const Cprof__Pprof__Location *location(const Cprof__Pprof__Profile *p, uint64_t id) {
        cr_assert(id >= 1 && id <= p->n_location && p->location[id - 1]->id == id);
        return p->location[id - 1];
}

static const Cprof__Pprof__Function *function(const Cprof__Pprof__Profile *p, uint64_t id) {
        cr_assert(id >= 1 && id <= p->n_function && p->function[id - 1]->id == id);
        return p->function[id - 1];
}

static const Cprof__Pprof__Mapping *mapping(const Cprof__Pprof__Profile *p, uint64_t id) {
        for (size_t i = 0; i < p->n_mapping; i++)
                if (p->mapping[i]->id == id)
                        return p->mapping[i];

        cr_assert_fail("no mapping %llu", (unsigned long long) id);
        return NULL;
}

static void
expect_location(const Cprof__Pprof__Profile *p,
                uint64_t id,
                uint64_t address,
                uint64_t map,
                const char *name) {
        const Cprof__Pprof__Location *l = location(p, id);

        cr_expect_eq(l->address, address);
        cr_expect_eq(l->mapping_id, map);
        cr_assert_eq(l->n_line, 1);
        cr_expect_str_eq(text(p, function(p, l->line[0]->function_id)->name), name);
}

Test(pprof, samples_have_frames_values_and_threads) {
        _cleanup_(profile_freep) Profile *profile = make_sample_profile();
        _cleanup_(freep) void *data = NULL;
        Cprof__Pprof__Profile *p;
        const Cprof__Pprof__Sample *s;
        size_t length;

        encode(profile, &data, &length);
        p = unpack(data, length);

        cr_assert_eq(p->n_sample, 3);
        s = p->sample[0];
        cr_assert_eq(s->n_location_id, 3);
        expect_location(p, s->location_id[0], UINT64_C(0xffffffff81000123), 1, "do_syscall_64");
        expect_location(p, s->location_id[1], 0x7fff, OPENSSL + 1, "ns::f(int; char)");
        expect_location(p, s->location_id[2], 0x5010, OPENSSL + 1, "main");
        cr_assert_eq(s->n_value, 2);
        cr_expect_eq(s->value[0], 7);
        cr_expect_eq(s->value[1], 7 * (int64_t) PERIOD);
        cr_assert_eq(s->n_label, 1);
        cr_expect_str_eq(text(p, s->label[0]->key), "thread");
        cr_expect_str_eq(text(p, s->label[0]->str), "worker;1");

        s = p->sample[1];
        cr_assert_eq(s->n_location_id, 3);
        expect_location(p, s->location_id[0], UINT64_C(0x7f0000001008), JIT + 1, "LFoo;.bar");
        expect_location(p, s->location_id[1], 0x77, 0, "somewhere+0x1");
        expect_location(p, s->location_id[2], 0x5020, OPENSSL + 1, "main");
        cr_expect_str_eq(text(p, s->label[0]->str), "jit");

        cr_expect_eq(p->sample[2]->n_location_id, 0, "a stack that could not be walked still counts");
        cr_expect_eq(p->sample[2]->value[0], 1);

        cr_expect_eq(p->n_location, 6, "each place once");
        cr_expect_eq(p->n_function, 5, "two places in main()");
        cprof__pprof__profile__free_unpacked(p, NULL);
}

Test(pprof, functions_and_mappings_say_where_code_is_from) {
        _cleanup_(profile_freep) Profile *profile = make_sample_profile();
        _cleanup_(freep) void *data = NULL;
        const Cprof__Pprof__Function *f;
        const Cprof__Pprof__Mapping *m;
        Cprof__Pprof__Profile *p;
        size_t length;

        encode(profile, &data, &length);
        p = unpack(data, length);

        f = function(p, location(p, p->sample[0]->location_id[1])->line[0]->function_id);
        cr_expect_str_eq(text(p, f->system_name), "_ZN2ns1fEic");
        cr_expect_str_eq(text(p, f->filename), "/usr/bin/openssl");

        cr_expect_eq(p->n_mapping, 3);
        cr_expect_eq(p->mapping[0]->id, OPENSSL + 1, "readers take the first one for the program");
        m = mapping(p, 1);
        cr_expect_str_eq(text(p, m->filename), "[kernel.kallsyms]");
        cr_expect_str_eq(text(p, m->build_id), "aabb");
        cr_expect_eq(m->memory_start, UINT64_C(0xffffffff81000000));
        cr_expect_eq(m->memory_limit, UINT64_C(0xffffffff81001000));

        m = mapping(p, OPENSSL + 1);
        cr_expect_str_eq(text(p, m->filename), "/usr/bin/openssl");
        cr_expect_str_eq(text(p, m->build_id), "0123456789abcdef");
        cr_expect_eq(m->memory_start, 0, "addresses are offsets in the file");
        cr_expect_eq(m->memory_limit, 0x8000);
        cr_expect_eq(m->file_offset, 0);
        cr_expect(m->has_functions);

        m = mapping(p, JIT + 1);
        cr_expect_str_eq(text(p, m->filename), "[anon]");
        cr_expect_str_eq(text(p, m->build_id), "");
        cr_expect_eq(m->memory_start, UINT64_C(0x7f0000001000));
        cr_expect_eq(m->memory_limit, UINT64_C(0x7f0000002000));
        cprof__pprof__profile__free_unpacked(p, NULL);
}

Test(pprof, the_whole_says_what_when_and_why) {
        static const char *const comments[] = {
                NULL, /* has the version */
                "task 20261121T031005-9f3c",
                "unit openssl.service",
                "cause process-cpu >= 80% for 5 of 10s (policy web)",
        };
        _cleanup_(profile_freep) Profile *profile = make_sample_profile();
        _cleanup_(freep) void *data = NULL;
        Cprof__Pprof__Profile *p;
        size_t length;

        encode(profile, &data, &length);
        p = unpack(data, length);

        cr_assert_eq(p->n_sample_type, 2);
        cr_expect_str_eq(text(p, p->sample_type[0]->type), "samples");
        cr_expect_str_eq(text(p, p->sample_type[0]->unit), "count");
        cr_expect_str_eq(text(p, p->sample_type[1]->type), "cpu");
        cr_expect_str_eq(text(p, p->sample_type[1]->unit), "nanoseconds");
        cr_expect_str_eq(text(p, p->default_sample_type), "cpu");
        cr_assert_not_null(p->period_type);
        cr_expect_str_eq(text(p, p->period_type->type), "cpu");
        cr_expect_str_eq(text(p, p->period_type->unit), "nanoseconds");
        cr_expect_eq(p->period, PERIOD);
        cr_expect_eq(p->time_nanos, (int64_t) (REALTIME * NSEC_PER_USEC));
        cr_expect_eq(p->duration_nanos, 30 * (int64_t) NSEC_PER_SEC);
        cr_expect_str_eq(p->string_table[0], "");

        cr_assert_eq(p->n_comment, ELEMENTSOF(comments));
        for (size_t i = 1; i < ELEMENTSOF(comments); i++)
                cr_expect_str_eq(text(p, p->comment[i]), comments[i]);
        cr_expect_eq(strncmp(text(p, p->comment[0]), "cprofd ", 7), 0);
        cprof__pprof__profile__free_unpacked(p, NULL);
}

Test(pprof, equal_profiles_make_equal_files) {
        _cleanup_(profile_freep) Profile *a = make_sample_profile(), *b = make_sample_profile();
        _cleanup_(freep) void *data_a = NULL, *data_b = NULL;
        size_t length_a, length_b;

        encode(a, &data_a, &length_a);
        encode(b, &data_b, &length_b);
        cr_assert_eq(length_a, length_b);
        cr_expect_eq(memcmp(data_a, data_b, length_a), 0);
}

static int make_file(const void *data, size_t length) {
        int fd = memfd_create("pprof", MFD_CLOEXEC);

        cr_assert_geq(fd, 0);
        cr_assert_eq(write_full_fd(fd, data, length), 0);
        return fd;
}

static int convert(const void *data, size_t length, char **ret_folded) {
        _cleanup_(closep) int in = make_file(data, length), out = make_file("", 0);
        int r;

        r = pprof_convert_folded(in, out);
        if (r < 0)
                return r;

        cr_assert_eq(lseek(out, 0, SEEK_SET), 0);
        cr_assert_eq(read_full_fd(out, 64U << 20, ret_folded, NULL), 0);
        return r;
}

Test(pprof, folded_stacks_begin_with_the_thread_and_mark_the_kernel) {
        _cleanup_(profile_freep) Profile *profile = make_sample_profile();
        _cleanup_(freep) char *folded = NULL;
        _cleanup_(freep) void *data = NULL;
        size_t length;

        encode(profile, &data, &length);
        cr_assert_eq(convert(data, length, &folded), 0);
        cr_expect_str_eq(
                        folded,
                        "worker:1;main;ns::f(int: char);do_syscall_64_[k] 7\n"
                        "jit;main;somewhere+0x1;LFoo:.bar 2\n"
                        "worker:1 1\n");
}

Test(pprof, an_empty_profile_is_a_file_as_well) {
        _cleanup_(profile_freep) Profile *profile = make_profile();
        _cleanup_(freep) char *folded = NULL;
        _cleanup_(freep) void *data = NULL;
        size_t length;

        encode(profile, &data, &length);
        cr_assert_eq(convert(data, length, &folded), 0);
        cr_expect_str_eq(folded, "");
}

Test(pprof, a_large_profile_keeps_each_sample) {
        _cleanup_(profile_freep) Profile *profile = make_profile();
        _cleanup_(freep) char *folded = NULL;
        _cleanup_(freep) void *data = NULL;
        Frame frames[40];
        size_t length, n_lines = 0;
        Cprof__Pprof__Profile *p;

        cr_assert_eq(profile_module_index(profile, &openssl), OPENSSL);
        for (uint64_t i = 0; i < 20000; i++) {
                for (uint64_t j = 0; j < ELEMENTSOF(frames); j++)
                        frames[j] = FRAME(OPENSSL, (i >> (j % 16)) * 64 + j);
                cr_assert_eq(profile_add(profile, "t", frames, ELEMENTSOF(frames), 0, 1), 1);
        }

        encode(profile, &data, &length);
        p = unpack(data, length);
        cr_expect_eq(p->n_sample, 20000);
        for (size_t i = 0; i < p->n_sample; i++)
                for (size_t j = 0; j < ELEMENTSOF(frames); j++)
                        cr_assert_eq(location(p, p->sample[i]->location_id[j])->address,
                                     (i >> (j % 16)) * 64 + j);
        cprof__pprof__profile__free_unpacked(p, NULL);

        cr_assert_eq(convert(data, length, &folded), 0);
        for (const char *c = folded; *c; c++)
                n_lines += *c == '\n';
        cr_expect_eq(n_lines, 20000);
}

/* A file of hand-made parts. */
typedef struct Parts {
        Cprof__Pprof__Profile whole;
        Cprof__Pprof__ValueType type;
        Cprof__Pprof__ValueType *types[1];
        Cprof__Pprof__Mapping mapping;
        Cprof__Pprof__Mapping *mappings[1];
        Cprof__Pprof__Function functions[2];
        Cprof__Pprof__Function *function_list[2];
        Cprof__Pprof__Line lines[2];
        Cprof__Pprof__Line *line_list[2];
        Cprof__Pprof__Location locations[2];
        Cprof__Pprof__Location *location_list[2];
        Cprof__Pprof__Label label;
        Cprof__Pprof__Label *labels[1];
        uint64_t ids[2];
        int64_t values[1];
        Cprof__Pprof__Sample sample;
        Cprof__Pprof__Sample *samples[1];
        char *strings[8];
} Parts;

/* A kernel location with an inlined function, called from one without a function. */
static void make_parts(Parts *p) {
        static const char *const strings[] = { "",        "samples", "thread", "t", "[kernel.kallsyms]",
                                               "inlined", "outer" };

        *p = (Parts){
                .whole = CPROF__PPROF__PROFILE__INIT,
                .type = CPROF__PPROF__VALUE_TYPE__INIT,
                .mapping = CPROF__PPROF__MAPPING__INIT,
                .functions = { CPROF__PPROF__FUNCTION__INIT, CPROF__PPROF__FUNCTION__INIT },
                .lines = { CPROF__PPROF__LINE__INIT, CPROF__PPROF__LINE__INIT },
                .locations = { CPROF__PPROF__LOCATION__INIT, CPROF__PPROF__LOCATION__INIT },
                .label = CPROF__PPROF__LABEL__INIT,
                .sample = CPROF__PPROF__SAMPLE__INIT,
                .ids = { 1, 2 },
                .values = { 42 },
        };
        p->type.type = 1;
        p->mapping.id = 1;
        p->mapping.filename = 4;
        p->label.key = 2;
        p->label.str = 3;
        for (unsigned i = 0; i < 2; i++) {
                p->functions[i].id = i + 1;
                p->functions[i].name = 5 + i;
                p->function_list[i] = p->functions + i;
                p->lines[i].function_id = i + 1;
                p->line_list[i] = p->lines + i;
                p->locations[i].id = i + 1;
                p->location_list[i] = p->locations + i;
        }
        p->locations[0].mapping_id = 1;
        p->locations[0].line = p->line_list;
        p->locations[0].n_line = 2;
        p->locations[1].address = 0xabc;

        p->types[0] = &p->type;
        p->mappings[0] = &p->mapping;
        p->labels[0] = &p->label;
        p->samples[0] = &p->sample;
        p->sample.location_id = p->ids;
        p->sample.n_location_id = 2;
        p->sample.value = p->values;
        p->sample.n_value = 1;
        p->sample.label = p->labels;
        p->sample.n_label = 1;

        for (size_t i = 0; i < ELEMENTSOF(strings); i++)
                p->strings[i] = (char *) strings[i];
        p->whole.string_table = p->strings;
        p->whole.n_string_table = ELEMENTSOF(strings);
        p->whole.sample_type = p->types;
        p->whole.mapping = p->mappings;
        p->whole.function = p->function_list;
        p->whole.location = p->location_list;
        p->whole.sample = p->samples;
        p->whole.n_sample_type = p->whole.n_mapping = p->whole.n_sample = 1;
        p->whole.n_function = p->whole.n_location = 2;
}

static int convert_parts(const Parts *p, char **ret_folded) {
        _cleanup_(freep) void *data = NULL;
        PprofWriter w;
        size_t length;

        cr_assert_eq(pprof_writer_init(&w), 0);
        cr_assert_eq(pprof_writer_fields(&w, &p->whole.base), 0);
        cr_assert_eq(pprof_writer_finish(&w, &data, &length), 0);
        pprof_writer_done(&w);
        return convert(data, length, ret_folded);
}

Test(pprof, inlined_functions_are_frames_of_their_own) {
        _cleanup_(freep) char *folded = NULL;
        Parts p;

        make_parts(&p);
        cr_assert_eq(convert_parts(&p, &folded), 0);
        cr_expect_str_eq(folded, "t;0xabc;outer_[k];inlined_[k] 42\n");
}

Test(pprof, names_of_others_are_made_harmless) {
        _cleanup_(freep) char *folded = NULL;
        Parts p;

        make_parts(&p);
        p.strings[3] = (char *) "";
        p.strings[5] = (char *) "a;b\n\x1b\xff";
        p.strings[6] = (char *) "";
        cr_assert_eq(convert_parts(&p, &folded), 0);
        cr_expect_str_eq(folded, "[unknown];0xabc;[unknown]_[k];a:b???_[k] 42\n");
}

Test(pprof, the_number_of_samples_is_found_by_its_type) {
        _cleanup_(freep) char *folded = NULL;
        Cprof__Pprof__ValueType other = CPROF__PPROF__VALUE_TYPE__INIT, *types[2];
        int64_t values[] = { 1000000, 5 };
        Parts p;

        make_parts(&p);
        types[0] = &other;
        types[1] = &p.type;
        p.whole.sample_type = types;
        p.whole.n_sample_type = 2;
        p.sample.value = values;
        p.sample.n_value = 2;
        cr_assert_eq(convert_parts(&p, &folded), 0);
        cr_expect_str_eq(folded, "t;0xabc;outer_[k];inlined_[k] 5\n");
}

typedef void (*SpoilFn)(Parts *p);

#define SPOIL(name, statement)       \
        static void name(Parts *p) { \
                statement;           \
        }

SPOIL(function_without_name, p->functions[0].name = 99)
SPOIL(function_with_negative_name, p->functions[0].name = -1)
SPOIL(function_zero, p->functions[0].id = 0)
SPOIL(function_twice, p->functions[1].id = 1)
SPOIL(function_far_away, p->functions[1].id = UINT64_MAX - 1)
SPOIL(function_after_a_gap, p->functions[1].id = 1000000)
SPOIL(line_without_function, p->lines[1].function_id = 3)
SPOIL(line_with_function_zero, p->lines[1].function_id = 0)
SPOIL(location_without_mapping, p->locations[0].mapping_id = 2)
SPOIL(location_with_huge_mapping, p->locations[0].mapping_id = UINT64_C(1) << 32 | 1)
SPOIL(location_twice, p->locations[1].id = 1)
SPOIL(mapping_without_name, p->mapping.filename = 7)
SPOIL(type_without_name, p->type.type = 7)
SPOIL(sample_without_location, p->ids[1] = 3)
SPOIL(sample_with_location_zero, p->ids[1] = 0)
SPOIL(sample_without_value, p->sample.n_value = 0)
SPOIL(sample_with_negative_value, p->values[0] = -1)
SPOIL(label_without_name, p->label.str = 7)
SPOIL(label_with_negative_key, p->label.key = INT64_MIN)
SPOIL(no_strings, p->whole.n_string_table = 0)

Test(pprof, every_reference_is_checked) {
        static const struct {
                const char *name;
                SpoilFn spoil;
                int error;
        } table[] = {
#define ROW(name, error) { #name, name, error }
                ROW(function_without_name, -EBADMSG),
                ROW(function_with_negative_name, -EBADMSG),
                ROW(function_zero, -EBADMSG),
                ROW(function_twice, -EBADMSG),
                ROW(function_far_away, -EFBIG),
                ROW(function_after_a_gap, -EBADMSG),
                ROW(line_without_function, -EBADMSG),
                ROW(line_with_function_zero, -EBADMSG),
                ROW(location_without_mapping, -EBADMSG),
                ROW(location_with_huge_mapping, -EBADMSG),
                ROW(location_twice, -EBADMSG),
                ROW(mapping_without_name, -EBADMSG),
                ROW(type_without_name, -EBADMSG),
                ROW(sample_without_location, -EBADMSG),
                ROW(sample_with_location_zero, -EBADMSG),
                ROW(sample_without_value, -EBADMSG),
                ROW(sample_with_negative_value, -EBADMSG),
                ROW(label_without_name, -EBADMSG),
                ROW(label_with_negative_key, -EBADMSG),
                ROW(no_strings, -EBADMSG),
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(freep) char *folded = NULL;
                Parts p;

                make_parts(&p);
                table[i].spoil(&p);
                cr_expect_eq(convert_parts(&p, &folded), table[i].error, "%s", table[i].name);
        }
}

/* gzip around raw bytes. */
static int convert_bytes(const char *bytes, size_t n) {
        _cleanup_(freep) unsigned char *data = malloc(n + 1024);
        _cleanup_(freep) char *folded = NULL;
        z_stream z = {};

        cr_assert_not_null(data);
        cr_assert_eq(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
        z.next_in = (unsigned char *) bytes;
        z.avail_in = (unsigned) n;
        z.next_out = data;
        z.avail_out = (unsigned) n + 1024;
        cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
        n = z.total_out;
        cr_assert_eq(deflateEnd(&z), Z_OK);

        return convert(data, n, &folded);
}

Test(pprof, bytes_that_are_no_message_are_refused) {
        static const struct {
                const char *bytes;
                size_t length;
                int error;
        } table[] = {
#define BYTES(text, error) { text, sizeof(text) - 1, error }
                BYTES("", 0),
                BYTES("\x48\x01", 0),      /* time_nanos = 1 */
                BYTES("\xa2\x06\x01x", 0), /* field 100: unknown, skipped */
                BYTES("\xa1\x06"
                      "12345678",
                      0), /* the same, 8 bytes */
                BYTES("\xa5\x06"
                      "1234",
                      0), /* 4 bytes */
                BYTES("\xa5\x06"
                      "123",
                      -EBADMSG),
                BYTES("\x00", -EBADMSG),     /* field 0 */
                BYTES("\x13", -EBADMSG),     /* group */
                BYTES("\x17", -EBADMSG),     /* wire type 7 */
                BYTES("\x10\x01", -EBADMSG), /* a sample that is a number */
                BYTES("\x30\x01", -EBADMSG), /* a string that is a number */
                BYTES("\x12\x05"
                      "abc",
                      -EBADMSG),                                                 /* short */
                BYTES("\x12\xff\xff\xff\xff\x0f", -EBADMSG),                     /* 4 GiB */
                BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", -EBADMSG), /* more than 64 bits */
                BYTES("\x80", -EBADMSG),
                BYTES("\x12\x02\x0a\xff", -EBADMSG), /* bad within the sample */
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                cr_expect_eq(convert_bytes(table[i].bytes, table[i].length), table[i].error, "row %zu", i);
}

Test(pprof, a_part_of_a_file_is_no_file) {
        _cleanup_(profile_freep) Profile *profile = make_sample_profile();
        _cleanup_(freep) void *data = NULL;
        size_t length;

        encode(profile, &data, &length);
        for (size_t i = 0; i < length; i++) {
                _cleanup_(freep) char *folded = NULL;

                cr_assert_eq(convert(data, i, &folded), -EBADMSG, "%zu of %zu bytes", i, length);
        }
}

Test(pprof, damage_is_noticed) {
        _cleanup_(profile_freep) Profile *profile = make_sample_profile();
        _cleanup_(freep) char *folded = NULL;
        _cleanup_(freep) void *data = NULL;
        size_t length;

        encode(profile, &data, &length);
        ((unsigned char *) data)[length - 8] ^= 1; /* the sum at the end of a gzip file */
        cr_expect_eq(convert(data, length, &folded), -EBADMSG);
}

Test(pprof, a_bomb_does_not_go_off) {
        size_t n = 64U << 20;
        _cleanup_(freep) char *zeros = malloc(n);
        z_stream z = {};
        _cleanup_(freep) unsigned char *data = malloc(4U << 20);
        _cleanup_(freep) char *folded = NULL;

        /* unknown fields of a megabyte each, 640 MiB in all */
        cr_assert(zeros && data);
        memset(zeros, 0, n);
        for (size_t i = 0; i + (1U << 20) <= n; i += 1U << 20)
                memcpy(zeros + i, "\xa2\x06\xfb\xff\x3f", 5);
        cr_assert_eq(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
        z.next_out = data;
        z.avail_out = 4U << 20;
        for (unsigned i = 0; i < 10; i++) {
                z.next_in = (unsigned char *) zeros;
                z.avail_in = (unsigned) n;
                cr_assert_eq(deflate(&z, i < 9 ? Z_NO_FLUSH : Z_FINISH), i < 9 ? Z_OK : Z_STREAM_END);
        }
        n = z.total_out;
        cr_assert_eq(deflateEnd(&z), Z_OK);

        cr_expect_eq(convert(data, n, &folded), -EFBIG);
}

Test(pprof, much_text_from_few_bytes_is_cut_off) {
        _cleanup_(freep) char *folded = NULL;
        uint64_t ids[5000];
        Parts p;

        make_parts(&p);
        for (size_t i = 0; i < ELEMENTSOF(ids); i++)
                ids[i] = 1;
        p.sample.location_id = ids;
        p.sample.n_location_id = ELEMENTSOF(ids);
        cr_expect_eq(convert_parts(&p, &folded), -EFBIG);
}

Test(pprof, failures_of_the_output_are_told) {
        _cleanup_(profile_freep) Profile *profile = make_sample_profile();
        _cleanup_(closep) int in = -EBADF, full = -EBADF;
        _cleanup_(freep) void *data = NULL;
        int pipe_fds[2];
        size_t length;

        encode(profile, &data, &length);
        in = make_file(data, length);

        full = open("/dev/full", O_WRONLY | O_CLOEXEC);
        cr_assert_geq(full, 0);
        cr_expect_eq(pprof_convert_folded(in, full), -ENOSPC);

        cr_assert_neq(signal(SIGPIPE, SIG_IGN), SIG_ERR);
        cr_assert_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
        safe_close(pipe_fds[0]);
        cr_expect_eq(pprof_convert_folded(in, pipe_fds[1]), -EPIPE);
        cr_expect_eq(pprof_convert_folded(pipe_fds[1], full), -ESPIPE, "input is a file");
        safe_close(pipe_fds[1]);
}
