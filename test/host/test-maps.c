/* SPDX-License-Identifier: Apache-2.0 */
#include "host/procfs-maps.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>

TestSuite(maps, .timeout = 10);

static int parse(const char *line, MapsLine *m) {
        return maps_line_parse(line, strlen(line), m);
}

Test(maps, a_line_gives_its_fields) {
        MapsLine m;

        cr_assert_eq(parse("55d8cabbd000-55d8cabc3000 r-xp 00002000 fe:1f 247 /usr/bin/my prog (deleted)",
                           &m),
                     0);
        cr_expect_eq(m.start, UINT64_C(0x55d8cabbd000));
        cr_expect_eq(m.end, UINT64_C(0x55d8cabc3000));
        cr_expect_eq(m.offset, 0x2000u);
        cr_expect(m.executable);
        cr_expect_eq(m.dev_major, 0xfeu);
        cr_expect_eq(m.dev_minor, 0x1fu);
        cr_expect_eq(m.inode, 247u);
        cr_expect_eq(m.path_length, strlen("/usr/bin/my prog (deleted)"));
        cr_expect_eq(memcmp(m.path, "/usr/bin/my prog (deleted)", m.path_length), 0);

        cr_assert_eq(parse("7ffd1000-7ffd3000 rw-s 00000000 00:00 0", &m),
                     0,
                     "no path, no blank at the end");
        cr_expect_eq(m.path_length, 0u);
        cr_expect_not(m.executable);

        cr_assert_eq(parse("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0      [vsyscall]", &m),
                     0);
        cr_expect_eq(m.start, UINT64_C(0xffffffffff600000));
}

Test(maps, lines_that_are_none_are_refused) {
        static const char *const bad[] = {
                "",
                "1000",
                "1000-",
                "1000-2000",
                "1000-2000 ",
                "1000-2000 r-xp",
                "2000-1000 r-xp 00000000 00:00 0", /* ends before it begins */
                "1000-1000 r-xp 00000000 00:00 0",
                "1000 2000 r-xp 00000000 00:00 0",
                "1000-2000 rwx 00000000 00:00 0",
                "1000-2000 r-xq 00000000 00:00 0",
                "1000-2000 r-xp 00000000 0000 0",
                "1000-2000 r-xp 00000000 100000000:00 0 /x",
                "1000-2000 r-xp 00000000 00:00",
                "1000-2000 r-xp 00000000 00:00 0/x",
                "10000000000000000-20000000000000000 r-xp 00000000 00:00 0",
                "-1000-2000 r-xp 00000000 00:00 0",
        };
        MapsLine m = { .start = 5 };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                cr_expect_eq(parse(bad[i], &m), -EBADMSG, "'%s'", bad[i]);
        cr_expect_eq(m.start, 5u);
}

typedef struct Seen {
        uint64_t code, page, last;
        bool found_code, found_page, descends;
} Seen;

static int on_mapping(const MapsLine *l, void *userdata) {
        Seen *s = userdata;

        cr_assert(l->executable);
        s->descends = s->descends || l->start < s->last;
        s->last = l->start;
        s->found_code = s->found_code || (l->start <= s->code && s->code < l->end && l->inode != 0);
        s->found_page = s->found_page || (l->start <= s->page && s->page < l->end && l->inode == 0);
        return 0;
}

static int fail_at_once(const MapsLine *l, void *userdata) {
        return -ECANCELED;
}

Test(maps, our_own_executable_mappings_are_all_told_in_order) {
        Seen s = { .code = (uint64_t) (uintptr_t) on_mapping };
        _cleanup_(host_freep) Host *h = NULL;
        void *data, *page;

        page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        data = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        cr_assert_neq(page, MAP_FAILED);
        cr_assert_neq(data, MAP_FAILED);
        s.page = (uint64_t) (uintptr_t) page;

        cr_assert_eq(host_new("/", &h), 0);
        cr_assert_eq(procfs_for_each_exec_mapping(h, getpid(), on_mapping, &s), 0);
        cr_expect(s.found_code);
        cr_expect(s.found_page);
        cr_expect_not(s.descends);
        cr_expect_eq(procfs_for_each_exec_mapping(h, getpid(), fail_at_once, NULL), -ECANCELED);
}
