/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/file-io.h"
#include "host/procfs-pid.h"
#include "target/process-maps.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>

TestSuite(module, .timeout = 20);

#define PAGE 4096U

/* Looks at a process of this very machine: the test itself unless said otherwise. */
typedef struct World {
        Host *host;
        ModuleTable *table;
        ProcessMaps *maps;
        char dir[32];
} World;

static ProcessKey key_of(World *w, pid_t pid) {
        ProcStat st;

        cr_assert_eq(procfs_read_stat(w->host, pid, &st), 0);
        return (ProcessKey){ .pid = pid, .start_ticks = st.start_ticks };
}

static void world_init(World *w) {
        *w = (World){ .dir = "/tmp/test-module-XXXXXX" };
        cr_assert_not_null(mkdtemp(w->dir));
        cr_assert_eq(host_new("/", &w->host), 0);
        cr_assert_eq(module_table_new(&w->table), 0);
}

static void world_look(World *w) {
        if (w->maps)
                cr_assert_eq(process_maps_refresh(w->maps), 0);
        else
                cr_assert_eq(process_maps_new(w->host, w->table, key_of(w, getpid()), &w->maps), 0);
}

static void world_done(World *w) {
        (void) process_maps_free(w->maps);
        cr_expect_eq(module_table_size(w->table), 0u, "every module has been given back");
        (void) module_table_free(w->table);
        (void) host_free(w->host);
        (void) rmdir(w->dir);
}

/* A file of two pages, the second filled with @fill, as "library" in the directory: in place of what was
 * there. */
static void write_library(World *w, char fill, char path[static PATH_MAX]) {
        _cleanup_(closep) int dir_fd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        char data[2 * PAGE] = {};

        memset(data + PAGE, fill, PAGE);
        cr_assert_eq(write_file_atomic_at(dir_fd, "library", data, sizeof(data), 0700, FILE_SYNC_NO), 0);
        (void) snprintf(path, PATH_MAX, "%s/library", w->dir);
}

/* Maps the second page as code. */
static char *map_library(const char *path) {
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
        char *p = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, PAGE);

        cr_assert_neq(p, MAP_FAILED, "%m");
        return p;
}

static char *map_anonymous(void) {
        char *p = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        cr_assert_neq(p, MAP_FAILED);
        return p;
}

static Module *find(World *w, const void *address, uint64_t *ret_offset) {
        Module *m = NULL;

        *ret_offset = 0;
        return process_maps_find(w->maps, (uint64_t) (uintptr_t) address, &m, ret_offset) >= 0 ? m : NULL;
}

static void expect_file(Module *m, uint64_t offset, char expected) {
        char c = 0;

        cr_assert_not_null(m);
        cr_expect_eq(m->type, MODULE_FILE);
        cr_assert_geq(m->fd, 0, "error %i", m->open_error);
        cr_assert_eq(pread(m->fd, &c, 1, (off_t) offset), 1);
        cr_expect_eq(c, expected, "read '%c'", c);
}

/* Without the capability only files that are still at their path can be opened. */
static bool may_open_map_files(World *w) {
        uint64_t offset;
        char path[PATH_MAX];
        bool may;

        write_library(w, '?', path);
        char *p = map_library(path);
        (void) unlink(path);
        world_look(w);
        may = find(w, p, &offset)->fd >= 0;
        (void) munmap(p, PAGE);
        return may;
}

Test(module, code_of_this_program_is_found_in_its_file) {
        const unsigned char *code = (const unsigned char *) (uintptr_t) expect_file;
        unsigned char bytes[16];
        uint64_t offset;
        Module *m;
        World w;

        world_init(&w);
        world_look(&w);
        m = find(&w, code, &offset);
        cr_assert_not_null(m);
        cr_expect_eq(m->type, MODULE_FILE);
        cr_assert_eq(pread(m->fd, bytes, sizeof(bytes), (off_t) offset), sizeof(bytes));
        cr_expect_arr_eq(bytes, code, sizeof(bytes));
        cr_expect_not_null(strstr(m->path, "test-module"), "%s", m->path);

        cr_expect_null(find(&w, NULL, &offset));
        cr_expect_null(find(&w, &w, &offset), "the stack is no code");
        cr_expect_null(find(&w, (void *) UINTPTR_MAX, &offset));
        world_done(&w);
}

Test(module, a_replaced_file_is_another_module) {
        char path[PATH_MAX];
        uint64_t offset;
        Module *old, *new;
        char *a, *b;
        World w;

        world_init(&w);
        write_library(&w, 'a', path);
        a = map_library(path);
        world_look(&w);
        old = find(&w, a + 100, &offset);
        cr_expect_eq(offset, PAGE + 100u);
        expect_file(old, offset, 'a');
        cr_expect_str_eq(old->path, path);

        write_library(&w, 'b', path);
        b = map_library(path);
        world_look(&w);
        cr_expect_eq(find(&w, a, &offset), old, "what is still mapped stays the same module");
        expect_file(old, offset, 'a');
        new = find(&w, b, &offset);
        cr_expect_neq(new, old);
        expect_file(new, offset, 'b');
        cr_expect_str_eq(new->path, path);

        (void) unlink(path);
        world_done(&w);
}

Test(module, a_deleted_file_stays_readable) {
        char path[PATH_MAX], *seen, *unseen;
        uint64_t offset;
        Module *m;
        World w;

        world_init(&w);
        if (!may_open_map_files(&w)) {
                world_done(&w);
                cr_skip_test("needs CAP_CHECKPOINT_RESTORE");
        }

        write_library(&w, 'a', path);
        seen = map_library(path);
        world_look(&w);
        m = find(&w, seen, &offset);
        (void) unlink(path);
        write_library(&w, 'b', path);
        unseen = map_library(path);
        (void) unlink(path);

        world_look(&w);
        cr_expect_eq(find(&w, seen, &offset), m);
        expect_file(m, offset, 'a');
        m = find(&w, unseen, &offset);
        expect_file(m, offset, 'b');
        cr_expect_str_eq(m->path, path, "without the mark of deletion: %s", m->path);
        world_done(&w);
}

Test(module, one_file_is_one_module_for_all_processes_and_mappings) {
        char path[PATH_MAX], *a, *b;
        _cleanup_(process_maps_freep) ProcessMaps *child_maps = NULL;
        uint64_t offset, child_offset;
        Module *m, *child_module;
        unsigned n;
        pid_t pid;
        World w;

        world_init(&w);
        write_library(&w, 'a', path);
        a = map_library(path);
        b = map_library(path);
        pid = fork();
        if (pid == 0)
                for (;;)
                        (void) pause();

        world_look(&w);
        m = find(&w, a, &offset);
        cr_expect_eq(find(&w, b, &offset), m);
        n = module_table_size(w.table);
        cr_assert_eq(process_maps_new(w.host, w.table, key_of(&w, pid), &child_maps), 0);
        cr_expect_eq(module_table_size(w.table), n, "nothing was opened twice");
        cr_assert_eq(process_maps_find(child_maps, (uint64_t) (uintptr_t) a, &child_module, &child_offset),
                     0);
        cr_expect_eq(child_module, m);

        /* A process that has gone keeps what was known of it. */
        (void) kill(pid, SIGKILL);
        cr_assert_eq(waitpid(pid, NULL, 0), pid);
        cr_expect_eq(process_maps_refresh(child_maps), -ESRCH);
        cr_expect_eq(process_maps_find(child_maps, (uint64_t) (uintptr_t) a, &child_module, &child_offset),
                     0);

        child_maps = process_maps_free(child_maps);
        (void) unlink(path);
        world_done(&w);
}

Test(module, another_process_under_the_same_pid_is_refused) {
        ProcessMaps *maps = NULL;
        ProcessKey key;
        World w;

        world_init(&w);
        key = key_of(&w, getpid());
        key.start_ticks++;
        cr_expect_eq(process_maps_new(w.host, w.table, key, &maps), -ESRCH);
        cr_expect_null(maps);
        world_done(&w);
}

Test(module, memory_without_a_file_has_absolute_addresses_and_the_perf_map) {
        uint64_t a_offset, b_offset;
        char path[64], *a, *b;
        pid_t ns_pid;
        Module *m;
        World w;
        int fd;

        world_init(&w);
        a = map_anonymous();
        b = map_anonymous() + 10;
        cr_assert_eq(procfs_read_ns_pid(w.host, getpid(), &ns_pid), 0);
        (void) snprintf(path, sizeof(path), "/tmp/perf-%i.map", (int) ns_pid);

        cr_assert_eq(symlink("/proc/version", path), 0);
        world_look(&w);
        m = find(&w, a, &a_offset);
        cr_assert_not_null(m);
        cr_expect_eq(m->type, MODULE_ANON);
        cr_expect_eq(m->pid, getpid());
        cr_expect_eq(a_offset, (uint64_t) (uintptr_t) a);
        cr_expect_eq(find(&w, b, &b_offset), m);
        cr_expect_eq(b_offset, (uint64_t) (uintptr_t) b);
        cr_expect_lt(m->perf_map_fd, 0, "links are not followed");
        (void) unlink(path);

        cr_assert_eq(mkfifo(path, 0600), 0);
        world_look(&w);
        cr_expect_lt(m->perf_map_fd, 0, "a pipe is no map, and nobody waits for its writer");
        (void) unlink(path);

        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        cr_assert_geq(fd, 0);
        world_look(&w);
        cr_expect_eq(find(&w, a, &a_offset), m);
        cr_expect_geq(m->perf_map_fd, 0, "written later, opened later");

        (void) close(fd);
        (void) unlink(path);
        world_done(&w);
}

Test(module, the_vdso_is_read_from_memory) {
        const void *vdso = (const void *) getauxval(AT_SYSINFO_EHDR); /* NOLINT */
        uint64_t offset;
        Module *m;
        World w;

        if (!vdso)
                cr_skip_test("this kernel gives us no vdso");

        world_init(&w);
        world_look(&w);
        m = find(&w, (const char *) vdso + 64, &offset);
        cr_assert_not_null(m);
        cr_expect_eq(m->type, MODULE_VDSO);
        cr_expect_eq(offset, 64u);
        cr_expect_str_eq(m->path, "[vdso]");
        cr_assert_gt(m->image_size, 64u);
        cr_expect_arr_eq(m->image, vdso, m->image_size);
        world_done(&w);
}

Test(module, what_is_unmapped_stays_for_one_reading) {
        uint64_t offset;
        char path[PATH_MAX], *a;
        Module *m;
        World w;

        world_init(&w);
        write_library(&w, 'a', path);
        a = map_library(path);
        world_look(&w);
        m = find(&w, a + PAGE - 1, &offset);
        cr_assert_not_null(m);
        cr_assert_eq(munmap(a, PAGE), 0);

        world_look(&w);
        cr_expect_eq(find(&w, a, &offset), m, "samples of before may still come");
        expect_file(m, offset, 'a');
        world_look(&w);
        cr_expect_null(find(&w, a, &offset));

        (void) unlink(path);
        world_done(&w);
}

Test(module, what_takes_its_place_wins_at_once) {
        uint64_t offset;
        char path[PATH_MAX], *a;
        Module *m;
        World w;

        world_init(&w);
        write_library(&w, 'a', path);
        a = map_library(path);
        world_look(&w);
        cr_assert_eq(mmap(a, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
                     (void *) a);
        world_look(&w);
        m = find(&w, a, &offset);
        cr_assert_not_null(m);
        cr_expect_eq(m->type, MODULE_ANON);

        (void) unlink(path);
        world_done(&w);
}

Test(module, the_kernel_is_one_module) {
        Module *a, *b;
        World w;

        world_init(&w);
        a = module_table_kernel(w.table);
        b = module_table_kernel(w.table);
        cr_assert_not_null(a);
        cr_expect_eq(a, b);
        cr_expect_eq(a->type, MODULE_KERNEL);
        cr_expect_str_eq(a->path, "[kernel.kallsyms]");
        cr_expect_null(module_unref(a));
        cr_expect_eq(module_table_size(w.table), 1u);
        cr_expect_null(module_unref(b));
        cr_expect_eq(module_table_size(w.table), 0u);
        cr_expect_null(module_unref(NULL));
        world_done(&w);
}
