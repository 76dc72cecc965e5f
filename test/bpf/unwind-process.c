/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/unwind-process.h"

#include "host/procfs-maps.h"
#include "symbol/eh-frame.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>

#define MAPPINGS_MAX 1024
#define VDSO_MAX 65536

typedef struct Reader {
        Probe *probe;
        pid_t pid;
        ProbeMapping mappings[MAPPINGS_MAX];
        size_t n, n_rows;

        /* the file before: its other mappings follow it */
        uint64_t inode, rows_base;
        uint32_t table;
} Reader;

/* Without .eh_frame the mapping keeps UNWIND_TABLE_NONE. */
static void add_table(Reader *rd, const ElfImage *image, uint64_t offset, ProbeMapping *m) {
        _cleanup_(eh_frame_build_freep) EhFrameBuild *build = NULL;
        UnwindRows rows = {};
        uint64_t address;

        if (elf_image_address(image, offset, &address) < 0)
                return;
        if (rd->table != UNWIND_TABLE_NONE) {
                m->table = rd->table;
                m->base = m->start - address + rd->rows_base;
                return;
        }
        if (eh_frame_build_new(image, &build) < 0)
                return;

        cr_assert_eq(eh_frame_build_step(build, USEC_INFINITY), 0);
        eh_frame_build_take(build, &rows, NULL);
        cr_assert_eq(probe_unwind_add(rd->probe, &rows, &m->table), 0);

        m->base = m->start - address + rows.base;
        rd->table = m->table;
        rd->rows_base = rows.base;
        rd->n_rows += rows.n;
        free(rows.rows);
}

static void add_file(Reader *rd, uint64_t offset, ProbeMapping *m) {
        _cleanup_(elf_image_freep) ElfImage *image = NULL;
        _cleanup_(closep) int fd = -EBADF;
        char path[96];

        (void) snprintf(path,
                        sizeof(path),
                        "/proc/%i/map_files/%llx-%llx",
                        (int) rd->pid,
                        (unsigned long long) m->start,
                        (unsigned long long) m->end);

        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && elf_image_open_fd(fd, &image) >= 0)
                add_table(rd, image, offset, m);
}

static void add_vdso(Reader *rd, ProbeMapping *m) {
        static uint8_t buffer[VDSO_MAX];
        _cleanup_(elf_image_freep) ElfImage *image = NULL;
        const size_t size = m->end - m->start;
        const struct iovec to = { buffer, size }, from = { (void *) m->start, size };

        cr_assert_leq(size, sizeof(buffer));
        cr_assert_eq(process_vm_readv(rd->pid, &to, 1, &from, 1, 0), (ssize_t) size);
        cr_assert_eq(elf_image_open_memory(buffer, size, &image), 0);
        add_table(rd, image, 0, m);
}

static int on_mapping(const MapsLine *line, void *userdata) {
        Reader *rd = userdata;
        ProbeMapping *m;

        cr_assert_lt(rd->n, MAPPINGS_MAX);
        m = rd->mappings + rd->n++;
        if (line->inode != rd->inode)
                rd->table = UNWIND_TABLE_NONE;
        rd->inode = line->inode;
        *m = (ProbeMapping){ .start = line->start, .end = line->end, .table = UNWIND_TABLE_NONE };

        if (line->path_length == 6 && memcmp(line->path, "[vdso]", 6) == 0)
                add_vdso(rd, m);
        else if (line->inode != 0)
                add_file(rd, line->offset, m);

        return 0;
}

size_t unwind_process(Probe *p, pid_t pid) {
        _cleanup_(host_freep) Host *host = NULL;
        _cleanup_(freep) Reader *rd = calloc(1, sizeof(*rd));

        cr_assert_not_null(rd);
        *rd = (Reader){ .probe = p, .pid = pid, .table = UNWIND_TABLE_NONE };

        cr_assert_eq(host_new("/", &host), 0);
        cr_assert_eq(procfs_for_each_exec_mapping(host, pid, on_mapping, rd), 0);
        cr_assert_eq(probe_unwind_map(p, pid, rd->mappings, rd->n), 0);
        return rd->n_rows;
}
