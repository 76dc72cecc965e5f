/* SPDX-License-Identifier: Apache-2.0 */
/* Whose files are believed. */
#include "basic/file-io.h"
#include "host/procfs-pid.h"
#include "target/process-maps.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/mman.h>

TestSuite(module_owner, .timeout = 20);

#define PAGE 4096U

/* Looks at this very process. */
typedef struct World {
        Host *host;
        ModuleTable *table;
        ProcessMaps *maps;
} World;

static void world_init(World *w) {
        *w = (World){};
        cr_assert_eq(host_new("/", &w->host), 0);
        cr_assert_eq(module_table_new(&w->table), 0);
}

/* Anew: files are looked at again. */
static void world_look(World *w) {
        ProcStat st;

        w->maps = process_maps_free(w->maps);
        cr_assert_eq(procfs_read_stat(w->host, getpid(), &st), 0);
        cr_assert_eq(process_maps_new(w->host, w->table, (ProcessKey){ getpid(), st.start_ticks }, &w->maps),
                     0);
}

static void world_done(World *w) {
        (void) process_maps_free(w->maps);
        cr_expect_eq(module_table_size(w->table), 0u, "every module has been given back");
        (void) module_table_free(w->table);
        (void) host_free(w->host);
}

/* The module of a page of code, of a file or of none. */
static Module *find(const World *w, const void *page) {
        uint64_t offset;
        Module *m;

        cr_assert_eq(process_maps_find(w->maps, (uint64_t) (uintptr_t) page, &m, &offset), 0);
        return m;
}

static void *map_code(int fd) {
        void *p = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

        cr_assert_neq(p, MAP_FAILED, "%m");
        return p;
}

/* By the path: of a file that is open for writing the mode is another matter. */
static bool is_system_with(World *w, const void *page, const char *path, mode_t mode, uid_t uid) {
        if (geteuid() == 0)
                cr_assert_eq(chown(path, uid, (gid_t) -1), 0);
        cr_assert_eq(chmod(path, mode), 0);
        world_look(w);
        return find(w, page)->is_system;
}

Test(module_owner, only_files_that_root_alone_may_write_are_of_the_system) {
        char path[] = "/tmp/test-module-owner-XXXXXX";
        _cleanup_(closep) int fd = mkostemp(path, O_CLOEXEC);
        bool is_root = geteuid() == 0;
        void *page;
        World w;

        cr_assert_geq(fd, 0);
        cr_assert_eq(ftruncate(fd, PAGE), 0);
        world_init(&w);
        page = map_code(fd);

        cr_expect_eq(is_system_with(&w, page, path, 0755, 0), is_root);
        cr_expect_not(is_system_with(&w, page, path, 0775, 0), "writable for a group");
        cr_expect_not(is_system_with(&w, page, path, 0757, 0), "writable for all");
        if (is_root)
                cr_expect_not(is_system_with(&w, page, path, 0755, 65534), "of another user");

        (void) unlink(path);
        world_done(&w);
}

Test(module_owner, the_perf_map_of_another_user_is_not_believed) {
        _cleanup_(closep) int fd = -EBADF;
        char path[64];
        pid_t ns_pid;
        void *page;
        World w;

        if (geteuid() != 0)
                cr_skip_test("only root can give a file away");

        world_init(&w);
        page = map_code(-1);
        cr_assert_eq(procfs_read_ns_pid(w.host, getpid(), &ns_pid), 0);
        (void) snprintf(path, sizeof(path), "/tmp/perf-%i.map", (int) ns_pid);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        cr_assert_geq(fd, 0);
        cr_assert_eq(fchown(fd, 65534, 65534), 0);

        world_look(&w);
        cr_expect_lt(find(&w, page)->perf_map_fd, 0);

        cr_assert_eq(fchown(fd, 0, 0), 0);
        world_look(&w);
        cr_expect_geq(find(&w, page)->perf_map_fd, 0, "now it is that of root");

        (void) unlink(path);
        world_done(&w);
}
