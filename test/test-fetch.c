/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/file-io.h"
#include "daemon-fetch.h"
#include "fetch.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

TestSuite(test_fetch, .timeout = 20);

static const char id[] = "0123456789abcdef0123456789abcdef01234567";
static const char other_id[] = "ffff456789abcdef0123456789abcdef01234567";

Test(test_fetch, only_build_ids_become_part_of_a_path) {
        static const struct {
                const char *text;
                bool valid;
        } rows[] = {
                { "0123456789abcdef", true },
                { "0123456789abcdef0123456789abcdef01234567", true },
                { "", false },
                { "0123", false },
                { "0123456789abcdef0", false },
                { "0123456789ABCDEF", false },
                { "../../../../etc/passwd", false },
                { "0123456789abcdef/../..", false },
                { "0123456789abcdef ", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                cr_expect_eq(fetch_build_id_is_valid(rows[i].text), rows[i].valid, "'%s'", rows[i].text);
}

typedef struct Bed {
        char directory[32];
        Fetcher *fetcher;
} Bed;

static void bed_init(Bed *b) {
        *b = (Bed){ .directory = "/tmp/test-fetch-XXXXXX" };
        cr_assert_not_null(mkdtemp(b->directory));
        cr_assert_eq(fetcher_new(b->directory, "", &b->fetcher), 0);
}

/* As if it were fetched so long ago. */
static void put(const Bed *b, const char *suffix, time_t age_sec) {
        struct timespec times[2] = {};
        char path[PATH_MAX], *name;
        int fd;

        cr_assert_eq(fetch_path(b->directory, id, suffix, path, sizeof(path)), 0);
        name = strrchr(path, '/');
        *name = '\0';
        cr_assert_eq(mkdir_parents_at(AT_FDCWD, path, 0755), 0);
        *name = '/';

        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        cr_assert_geq(fd, 0);
        times[0].tv_sec = times[1].tv_sec = time(NULL) - age_sec;
        cr_assert_eq(futimens(fd, times), 0);
        (void) close(fd);
}

static void bed_done(Bed *b) {
        char path[PATH_MAX];

        for (size_t i = 0; i < 2; i++) {
                cr_assert_eq(fetch_path(b->directory, id, i == 0 ? ".none" : ".debug", path, sizeof(path)),
                             0);
                (void) unlink(path);
        }
        *strrchr(path, '/') = '\0';
        (void) rmdir(path);
        *strrchr(path, '/') = '\0';
        (void) rmdir(path);
        (void) rmdir(b->directory);
        (void) fetcher_free(b->fetcher);
}

Test(test_fetch, a_file_is_asked_for_once) {
        Bed b;

        bed_init(&b);
        cr_expect_not(fetcher_is_busy(b.fetcher, id));
        cr_expect(fetcher_ask(b.fetcher, id));
        cr_expect(fetcher_is_busy(b.fetcher, id));
        cr_expect_not(fetcher_is_busy(b.fetcher, other_id));
        cr_expect(fetcher_ask(b.fetcher, id));
        cr_expect_not(fetcher_has_file(b.fetcher, id));
        cr_expect_not(fetcher_ask(b.fetcher, "../etc"));
        bed_done(&b);
}

Test(test_fetch, what_is_there_is_not_asked_for) {
        Bed b;

        bed_init(&b);
        put(&b, ".debug", 0);
        cr_expect(fetcher_ask(b.fetcher, id));
        cr_expect(fetcher_has_file(b.fetcher, id));
        cr_expect_not(fetcher_is_busy(b.fetcher, id));
        bed_done(&b);
}

Test(test_fetch, what_no_server_has_is_asked_for_again_a_day_later) {
        Bed b;

        bed_init(&b);
        put(&b, ".none", 23 * 3600);
        cr_expect_not(fetcher_ask(b.fetcher, id));
        put(&b, ".none", 25 * 3600);
        cr_expect(fetcher_ask(b.fetcher, id));
        cr_expect(fetcher_is_busy(b.fetcher, id));
        bed_done(&b);
}

Test(test_fetch, no_more_than_so_many_wait) {
        char text[sizeof(id)];
        Bed b;

        bed_init(&b);
        for (unsigned i = 0; i < FETCHES_MAX; i++) {
                (void) snprintf(text, sizeof(text), "%040x", i);
                cr_expect(fetcher_ask(b.fetcher, text));
        }
        cr_expect_not(fetcher_ask(b.fetcher, id));
        bed_done(&b);
}
