/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pprof.h"

#include "fake/fake-symbols.h"
#include "store/convert-folded.h"
#include "store/unpack-pprof.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>

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

        cr_assert_eq(task_new(PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU), REALTIME, 0x9f3c, &t), 0);
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

        cr_assert_eq(pprof_encode(t, TASK_PART_RECORDED, p, &symbols, ret_data, ret_length), 0);
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
        cr_expect_eq(pprof_convert_folded(in, full, PPROF_VALUE_DEFAULT), -ENOSPC);

        cr_assert_neq(signal(SIGPIPE, SIG_IGN), SIG_ERR);
        cr_assert_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
        safe_close(pipe_fds[0]);
        cr_expect_eq(pprof_convert_folded(in, pipe_fds[1], PPROF_VALUE_DEFAULT), -EPIPE);
        cr_expect_eq(pprof_convert_folded(pipe_fds[1], full, PPROF_VALUE_DEFAULT),
                     -ESPIPE,
                     "input is a file");
        safe_close(pipe_fds[1]);
}
