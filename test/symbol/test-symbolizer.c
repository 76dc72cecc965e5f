/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/symbolizer.h"

#include "basic/file-io.h"
#include "symbol/subjects.h"

#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>

TestSuite(symbolizer, .timeout = 20);

static const char *const no_roots[] = { NULL };

/* A profile under construction and what it needs. */
typedef struct World {
        Host host;
        ModuleTable *modules;
        Profile *profile;
        Symbolizer *symbolizer;
} World;

static void world_done(World *w) {
        symbolizer_free(w->symbolizer);
        profile_free(w->profile);
        module_table_free(w->modules);
        w->host.proc_fd = safe_close(w->host.proc_fd);
}

static void world_init(World *w) {
        char path[PATH_MAX];

        *w = (World){};
        (void) snprintf(path, sizeof(path), "%s/symbol", getenv("CPROF_FIXTURES"));
        w->host.proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        cr_assert(w->host.proc_fd >= 0);
        cr_assert_eq(module_table_new(&w->modules), 0);
        cr_assert_eq(profile_new(w->modules, 1000000, &w->profile), 0);
        cr_assert_eq(symbolizer_new(&w->host, no_roots, &w->symbolizer), 0);
}

#define WORLD(w)                       \
        _cleanup_(world_done) World w; \
        world_init(&w)

/* Index of a module in the profile, whose reference is the only one left. */
static unsigned add_module(World *w, Module *m) {
        unsigned index = profile_module_index(w->profile, m);

        module_unref(m);
        return index;
}

/* Index of a file in the profile; @fd is taken over. */
static unsigned add_file(World *w, int fd, const char *path) {
        struct stat st;
        Module *m;

        cr_assert_eq(fstat(fd, &st), 0);
        cr_assert_eq(module_table_get_file(w->modules, &st, fd, 0, path, strlen(path), &m), 0);
        return add_module(w, m);
}

static unsigned add_path(World *w, const char *path) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        cr_assert(fd >= 0, "%s is missing", path);
        return add_file(w, fd, path);
}

/* A copy of the fixture program in a file that has no name any more. */
static int deleted_subject(void) {
        _cleanup_(freep) char *data = NULL;
        _cleanup_(closep) int from = -EBADF;
        char copy[] = "/tmp/test-symbolizer-XXXXXX";
        size_t length;
        int fd;

        from = open_subject("subject");
        cr_assert_eq(read_full_fd(from, 1U << 24, &data, &length), 0);

        fd = mkstemp(copy);
        cr_assert(fd >= 0);
        cr_assert_eq(write_full_fd(fd, data, length), 0);
        cr_assert_eq(unlink(copy), 0);
        return fd;
}

static void add_frames(World *w, const Frame *frames, unsigned n) {
        cr_assert_eq(profile_add(w->profile, "thread", frames, n, 0, 1), 1);
}

static Symbols *symbolize(World *w) {
        _cleanup_(symbol_job_freep) SymbolJob *job = NULL;
        int r;

        cr_assert_eq(symbol_job_new(w->symbolizer, w->profile, &job), 0);
        while ((r = symbol_job_step(job, 2000)) > 0)
                ;
        cr_assert_eq(r, 0);
        return symbol_job_take(job);
}

static void expect_name(const Symbols *s, Frame frame, const char *expected, bool known) {
        SymbolName name = symbols_name(s, frame);

        cr_expect_str_eq(name.name, expected, "'%s', not '%s'", name.name, expected);
        cr_expect_eq(name.known, known);
}

__attribute__((noinline)) static uint64_t function_of_this_test(uint64_t x) {
        return x * UINT64_C(2862933555777941757);
}

Test(symbolizer, functions_of_this_very_process_have_their_names) {
        static const struct {
                const void *code;
                const char *name;
        } rows[] = {
                { (const void *) function_of_this_test, "function_of_this_test" },
                { (const void *) symbol_job_step, "symbol_job_step" },
                { (const void *) qsort, "qsort" },
                { (const void *) bsearch, "bsearch" },
        };
        Frame frames[ELEMENTSOF(rows)];
        _cleanup_(symbols_freep) Symbols *s = NULL;
        WORLD(w);

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char path[PATH_MAX];
                uint64_t offset;
                size_t size;

                locate(rows[i].code, path, &offset, &size);
                frames[i] = FRAME(add_path(&w, path), offset + 1);
        }
        add_frames(&w, frames, ELEMENTSOF(frames));

        s = symbolize(&w);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                expect_name(s, frames[i], rows[i].name, true);

        cr_expect_str_eq(symbols_source(s, frame_module(frames[0])), "symtab");
        cr_expect_eq(symbols_n_frames(s), ELEMENTSOF(rows));
        cr_expect_eq(symbols_n_known(s), ELEMENTSOF(rows));
}

Test(symbolizer, deleted_file_is_still_named) {
        _cleanup_(symbols_freep) Symbols *s = NULL;
        Frame frames[3];
        unsigned index;
        WORLD(w);

        index = add_file(&w, deleted_subject(), "/opt/app/subject (deleted)");
        frames[0] = FRAME(index, nm_address("subject_hidden") + 2 - SUBJECT_BASE);
        frames[1] = FRAME(index, nm_address("main") - SUBJECT_BASE);
        frames[2] = FRAME(index, nm_address("main") - 1 - SUBJECT_BASE);
        add_frames(&w, frames, ELEMENTSOF(frames));

        s = symbolize(&w);
        expect_name(s, frames[0], "subject_hidden", true);
        expect_name(s, frames[1], "main", true);
        cr_expect_eq(strncmp(symbols_name(s, frames[2]).name, "subject+0x40", 12), 0);
        cr_expect_not(symbols_name(s, frames[2]).known);
        cr_expect_eq(strlen(symbols_build_id(s, index)), 40);
        cr_expect_eq(symbols_n_known(s), 2);
        cr_expect_eq(symbols_n_frames(s), 3);
}

Test(symbolizer, kernel_addresses_are_extended_and_looked_up) {
        _cleanup_(symbols_freep) Symbols *s = NULL;
        WORLD(w);
        Frame frames[] = {
                FRAME(PROFILE_MODULE_KERNEL, UINT64_C(0xffffffff81a0b2c5)),
                FRAME(PROFILE_MODULE_KERNEL, UINT64_C(0xffffffffc0402020)),
                FRAME(PROFILE_MODULE_KERNEL, UINT64_C(0xffffffff80000000)),
                FRAME(PROFILE_MODULE_KERNEL, 0x1234),
        };

        add_frames(&w, frames, ELEMENTSOF(frames));
        s = symbolize(&w);

        expect_name(s, frames[0], "tcp_ack.constprop.0", true);
        expect_name(s, frames[1], "fuse_do_open [fuse]", true);
        expect_name(s, frames[2], "kernel+0xffffffff80000000", false);
        expect_name(s, frames[3], "kernel+0x1234", false);
        cr_expect_str_eq(symbols_source(s, PROFILE_MODULE_KERNEL), "kallsyms");
        cr_expect_null(symbols_build_id(s, PROFILE_MODULE_KERNEL));
}

Test(symbolizer, without_kallsyms_the_rest_is_named) {
        _cleanup_(symbols_freep) Symbols *s = NULL;
        Frame frames[2];
        WORLD(w);

        (void) safe_close(w.host.proc_fd);
        w.host.proc_fd = open("/dev/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
        frames[0] = FRAME(PROFILE_MODULE_KERNEL, UINT64_C(0xffffffff81000000));
        frames[1] = FRAME(add_file(&w, deleted_subject(), "/x"), nm_address("main") - SUBJECT_BASE);
        add_frames(&w, frames, ELEMENTSOF(frames));

        s = symbolize(&w);
        expect_name(s, frames[0], "kernel+0xffffffff81000000", false);
        expect_name(s, frames[1], "main", true);
        cr_expect_str_eq(symbols_source(s, PROFILE_MODULE_KERNEL), "none");
}

Test(symbolizer, vdso_is_read_from_memory) {
        const uint8_t *image = (const uint8_t *) getauxval(AT_SYSINFO_EHDR);
        _cleanup_(symbols_freep) Symbols *s = NULL;
        Module *m;
        bool found = false;
        Frame frames[PROFILE_FRAMES_MAX];
        char path[PATH_MAX];
        uint64_t offset;
        unsigned index;
        size_t size;
        void *copy;
        WORLD(w);

        if (!image)
                cr_skip_test("this machine has no vdso");

        locate(image, path, &offset, &size);
        copy = malloc(size);
        cr_assert(copy);
        memcpy(copy, image, size);
        cr_assert_eq(module_table_get_vdso(w.modules, copy, size, &m), 0);
        index = add_module(&w, m);
        for (unsigned i = 0; i < ELEMENTSOF(frames); i++)
                frames[i] = FRAME(index, size / ELEMENTSOF(frames) * i);
        add_frames(&w, frames, ELEMENTSOF(frames));

        s = symbolize(&w);
        for (unsigned i = 0; i < ELEMENTSOF(frames); i++)
                found |= symbols_name(s, frames[i]).known;
        expect_name(s, FRAME(index, 0), "[vdso]+0x0", false);
        cr_expect_str_eq(symbols_source(s, index), "vdso");
        cr_expect(found);
}

Test(symbolizer, code_made_at_run_time_is_named_by_its_perf_map) {
        static const char text[] = "7f3c40000000 40 LazyCompile:~main /srv/app.js:1\n7f3c40000040 40 \xff\n";
        _cleanup_(symbols_freep) Symbols *s = NULL;
        Module *jit, *other;
        Frame frames[4];
        unsigned index;
        WORLD(w);

        cr_assert_eq(module_table_get_anon(w.modules, 100, 1, &jit), 0);
        cr_assert_eq(module_table_get_anon(w.modules, 101, 1, &other), 0);
        jit->perf_map_fd = memfd_create("map", MFD_CLOEXEC);
        cr_assert_eq(write_full_fd(jit->perf_map_fd, text, strlen(text)), 0);

        index = add_module(&w, jit);
        frames[0] = FRAME(index, 0x7f3c40000010);
        frames[1] = FRAME(index, 0x7f3c40000050);
        frames[2] = FRAME(index, 0x7f3c40000080);
        frames[3] = FRAME(add_module(&w, other), 0x7f3c40000010);
        add_frames(&w, frames, ELEMENTSOF(frames));

        s = symbolize(&w);
        expect_name(s, frames[0], "LazyCompile:~main /srv/app.js:1", true);
        expect_name(s, frames[1], "?", true);
        expect_name(s, frames[2], "[anon]+0x7f3c40000080", false);
        expect_name(s, frames[3], "[anon]+0x7f3c40000010", false);
        cr_expect_str_eq(symbols_source(s, frame_module(frames[0])), "perf-map");
        cr_expect_str_eq(symbols_source(s, frame_module(frames[3])), "none");
}

Test(symbolizer, module_that_can_not_be_read_does_not_stop_the_rest) {
        Module *closed;
        _cleanup_(symbols_freep) Symbols *s = NULL;
        struct stat st = { .st_dev = 1, .st_ino = 1 };
        static const char path[] = "/usr/lib/libgone.so.6";
        Frame frames[4];
        int text;
        WORLD(w);

        cr_assert_eq(module_table_get_file(w.modules, &st, -EBADF, -EACCES, path, strlen(path), &closed), 0);
        text = memfd_create("text", MFD_CLOEXEC);
        cr_assert_eq(write_full_fd(text, "no ELF file", 11), 0);

        frames[0] = FRAME(add_module(&w, closed), 0x2a1c0);
        frames[1] = FRAME(add_file(&w, text, "/memfd:text (deleted)"), 0x10);
        frames[2] = FRAME(PROFILE_MODULE_UNKNOWN, 0x7fff00001234);
        frames[3] = FRAME(add_file(&w, deleted_subject(), "/x"), nm_address("main") - SUBJECT_BASE);
        add_frames(&w, frames, ELEMENTSOF(frames));

        s = symbolize(&w);
        expect_name(s, frames[0], "libgone.so.6+0x2a1c0", false);
        expect_name(s, frames[1], "memfd:text+0x10", false);
        expect_name(s, frames[2], "[unknown]", false);
        expect_name(s, frames[3], "main", true);
        cr_expect_str_eq(symbols_source(s, frame_module(frames[0])), "none");
}

Test(symbolizer, frame_that_was_not_in_the_profile_is_unknown) {
        _cleanup_(symbols_freep) Symbols *s = NULL;
        WORLD(w);

        s = symbolize(&w); /* of an empty profile */
        expect_name(s, FRAME(0, 1), "[unknown]", false);
        expect_name(s, FRAME(4000, 1), "[unknown]", false);
        cr_expect_null(symbols_build_id(s, 4000));
        cr_expect_str_eq(symbols_source(s, 4000), "none");
        cr_expect_eq(symbols_n_frames(s), 0);
}

Test(symbolizer, job_goes_on_in_slices_and_can_be_dropped) {
        _cleanup_(symbol_job_freep) SymbolJob *job = NULL, *dropped = NULL;
        _cleanup_(symbols_freep) Symbols *s = NULL;
        unsigned n_steps = 0;
        Frame frame;
        int r;
        WORLD(w);

        frame = FRAME(add_file(&w, deleted_subject(), "/x"), nm_address("main") - SUBJECT_BASE);
        add_frames(&w, &frame, 1);

        /* Each is dropped one step later than the one before. */
        for (unsigned n = 0; n < 12; n++) {
                cr_assert_eq(symbol_job_new(w.symbolizer, w.profile, &dropped), 0);
                for (unsigned i = 0; i < n && symbol_job_step(dropped, 0) > 0; i++)
                        ;
                dropped = symbol_job_free(dropped);
        }

        cr_assert_eq(symbol_job_new(w.symbolizer, w.profile, &job), 0);
        while ((r = symbol_job_step(job, 0)) > 0)
                n_steps++;
        cr_assert_eq(r, 0);
        cr_expect_gt(n_steps, 3);

        s = symbol_job_take(job);
        expect_name(s, frame, "main", true);
}

Test(symbolizer, profile_that_grows_meanwhile_is_named_as_far_as_it_was_seen) {
        _cleanup_(symbol_job_freep) SymbolJob *job = NULL;
        _cleanup_(symbols_freep) Symbols *s = NULL;
        Frame first = FRAME(PROFILE_MODULE_KERNEL, UINT64_C(0xffffffff81a0b9c0)), later;
        WORLD(w);

        add_frames(&w, &first, 1);
        cr_assert_eq(symbol_job_new(w.symbolizer, w.profile, &job), 0);
        cr_assert_eq(symbol_job_step(job, 0), 1);

        later = FRAME(add_file(&w, deleted_subject(), "/x"), 0x1000);
        add_frames(&w, &later, 1);
        while (symbol_job_step(job, 1000) > 0)
                ;

        s = symbol_job_take(job);
        expect_name(s, first, "tcp_sendmsg", true);
        expect_name(s, later, "[unknown]", false);
}

Test(symbolizer, file_is_read_once_for_several_profiles) {
        _cleanup_(symbols_freep) Symbols *first = NULL, *second = NULL;
        Frame frame;
        int fd;
        WORLD(w);

        fd = deleted_subject();
        frame = FRAME(add_file(&w, fd, "/x"), nm_address("main") - SUBJECT_BASE);
        add_frames(&w, &frame, 1);
        first = symbolize(&w);
        expect_name(first, frame, "main", true);

        /* The headers are gone; a second look at them would find no ELF file. What says that a file has
         * changed is its change time, which the module keeps. Names are read again. */
        cr_assert_eq(pwrite(fd, "xxxx", 4, 0), 4);
        second = symbolize(&w);
        expect_name(second, frame, "main", true);
        cr_expect_str_eq(
                        symbols_build_id(second, frame_module(frame)),
                        symbols_build_id(first, frame_module(frame)));
}
