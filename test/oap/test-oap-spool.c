/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-spool.h"

#include "basic/file-io.h"
#include "temporary-directory.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

TestSuite(oap_spool, .timeout = 60);

#define HEADER 24U /* bytes of a record beside its data */

static const OapSpoolLimits plenty = { .bytes_max = 1 << 20, .age_max_ms = 1000, .segment_bytes = 4096 };

static OapSpool *open_spool(const TemporaryDirectory *d) {
        OapSpool *s;

        cr_assert_eq(oap_spool_new(d->fd, &plenty, &s), 0);
        return s;
}

static void append(OapSpool *s, OapSpoolKind kind, int64_t at_ms, const char *text) {
        cr_assert_eq(oap_spool_append(s, kind, at_ms, text, strlen(text)), 0);
}

static void expect_next(OapSpool *s, int64_t at_ms, const char *text) {
        OapSpoolRecord r;

        cr_assert_eq(oap_spool_peek(s, &r), 0, "%s", text);
        cr_expect_eq(r.at_ms, at_ms);
        cr_assert_eq(r.size, strlen(text));
        cr_expect_eq(memcmp(r.data, text, r.size), 0);
        cr_assert_eq(oap_spool_acknowledge(s), 0);
}

static void expect_empty(OapSpool *s) {
        OapSpoolStatus status;
        OapSpoolRecord r;

        cr_expect_eq(oap_spool_peek(s, &r), -ENODATA);
        oap_spool_status(s, &status);
        cr_expect_eq(status.n_records, 0);
}

Test(oap_spool, what_goes_in_first_comes_out_first) {
        _cleanup_(temporary_directory_done) TemporaryDirectory bed;
        _cleanup_(oap_spool_freep) OapSpool *s = NULL;
        OapSpoolStatus status;

        temporary_directory_init(&bed, "/tmp");
        s = open_spool(&bed);
        expect_empty(s);
        append(s, OAP_SPOOL_REPORT, 5, "one");
        append(s, OAP_SPOOL_METERS, 6, "");
        append(s, OAP_SPOOL_PROFILE, 7, "three");
        oap_spool_status(s, &status);
        cr_expect_eq(status.n_records, 3);
        cr_expect_eq(status.bytes, 3 * HEADER + 8);
        cr_expect_eq(status.oldest_ms, 5);
        expect_next(s, 5, "one");
        expect_next(s, 6, "");
        append(s, OAP_SPOOL_REPORT, 8, "four");
        expect_next(s, 7, "three");
        expect_next(s, 8, "four");
        expect_empty(s);
        cr_expect_eq(oap_spool_acknowledge(s), -ENODATA);
}

Test(oap_spool, the_oldest_is_the_first_that_waits) {
        _cleanup_(temporary_directory_done) TemporaryDirectory bed;
        _cleanup_(oap_spool_freep) OapSpool *s = NULL;
        OapSpoolStatus status;

        temporary_directory_init(&bed, "/tmp");
        s = open_spool(&bed);
        append(s, OAP_SPOOL_METERS, 5, "one");
        append(s, OAP_SPOOL_METERS, 6, "two");
        expect_next(s, 5, "one");
        oap_spool_status(s, &status);
        cr_expect_eq(status.oldest_ms, 6);
        expect_next(s, 6, "two");
        oap_spool_status(s, &status);
        cr_expect_eq(status.oldest_ms, 0);
        append(s, OAP_SPOOL_METERS, 9, "three");
        oap_spool_status(s, &status);
        cr_expect_eq(status.oldest_ms, 9);
}

Test(oap_spool, a_restart_goes_on_behind_what_was_acknowledged) {
        _cleanup_(temporary_directory_done) TemporaryDirectory bed;
        char text[32];

        temporary_directory_init(&bed, "/tmp");
        for (int round = 0; round < 40; round++) {
                _cleanup_(oap_spool_freep) OapSpool *s = NULL;

                s = open_spool(&bed);
                for (int i = 0; i < 20; i++) { /* 20 in, 10 out: over several segments */
                        (void) snprintf(text, sizeof(text), "record %i", 20 * round + i);
                        append(s, OAP_SPOOL_PROFILE, 1 + i, text);
                }
                for (int i = 0; i < 10; i++) {
                        (void) snprintf(text, sizeof(text), "record %i", 10 * round + i);
                        expect_next(s, 1 + (10 * round + i) % 20, text);
                }
        }
}

static void copy_file(int from, const char *name, int to, size_t length) {
        _cleanup_(freep) char *data = NULL;
        size_t n;

        cr_assert_eq(read_full_file_at(from, name, 1 << 20, &data, &n), 0);
        cr_assert(length <= n);
        cr_assert_eq(write_file_atomic_at(to, name, data, length, 0600, FILE_SYNC_NO), 0);
}

#define FIRST "0000000000000001.spool"

/* The power goes at every byte: what was whole before is there, what was torn is not. */
Test(oap_spool, a_torn_tail_is_cut) {
        static const char *const texts[] = { "first", "second record", "3" };
        _cleanup_(temporary_directory_done) TemporaryDirectory whole;
        size_t ends[4] = {};

        temporary_directory_init(&whole, "/tmp");
        {
                _cleanup_(oap_spool_freep) OapSpool *s = NULL;

                s = open_spool(&whole);
                for (size_t i = 0; i < 3; i++) {
                        append(s, OAP_SPOOL_REPORT, 1, texts[i]);
                        ends[i + 1] = ends[i] + HEADER + strlen(texts[i]);
                }
        }

        for (size_t length = 0; length <= ends[3]; length++) {
                _cleanup_(temporary_directory_done) TemporaryDirectory torn;
                _cleanup_(oap_spool_freep) OapSpool *s = NULL;
                OapSpoolStatus status;
                size_t n = 0;

                temporary_directory_init(&torn, "/tmp");
                copy_file(whole.fd, FIRST, torn.fd, length);
                while (n < 3 && ends[n + 1] <= length)
                        n++;

                s = open_spool(&torn);
                oap_spool_status(s, &status);
                cr_expect_eq(status.n_records, n, "cut at %zu", length);
                cr_expect_eq(status.n_damaged_bytes, length - ends[n]);
                append(s, OAP_SPOOL_REPORT, 1, "after");
                for (size_t i = 0; i < n; i++)
                        expect_next(s, 1, texts[i]);
                expect_next(s, 1, "after");
                expect_empty(s);
        }
}

/* Each bit of a record may be another one: that record and what follows it is gone, never a wrong one. */
Test(oap_spool, a_damaged_record_is_never_handed_out) {
        _cleanup_(temporary_directory_done) TemporaryDirectory whole;
        const size_t length = 2 * HEADER + 5 + 6;

        temporary_directory_init(&whole, "/tmp");
        {
                _cleanup_(oap_spool_freep) OapSpool *s = NULL;

                s = open_spool(&whole);
                append(s, OAP_SPOOL_REPORT, 1, "first");
                append(s, OAP_SPOOL_REPORT, 2, "second");
        }

        for (size_t at = 0; at < length; at++) {
                _cleanup_(temporary_directory_done) TemporaryDirectory bed;
                _cleanup_(oap_spool_freep) OapSpool *s = NULL;
                _cleanup_(closep) int fd = -EBADF;
                uint8_t byte;

                temporary_directory_init(&bed, "/tmp");
                copy_file(whole.fd, FIRST, bed.fd, length);
                fd = openat(bed.fd, FIRST, O_RDWR | O_CLOEXEC);
                cr_assert(fd >= 0);
                cr_assert_eq(pread(fd, &byte, 1, (off_t) at), 1);
                byte ^= (uint8_t) (1U << (at % 8));
                cr_assert_eq(pwrite(fd, &byte, 1, (off_t) at), 1);

                s = open_spool(&bed);
                if (at >= HEADER + 5)
                        expect_next(s, 1, "first");
                expect_empty(s);
        }
}

Test(oap_spool, what_is_damaged_while_it_runs_is_counted) {
        _cleanup_(temporary_directory_done) TemporaryDirectory bed;
        _cleanup_(oap_spool_freep) OapSpool *s = NULL;
        _cleanup_(closep) int fd = -EBADF;
        OapSpoolStatus status;

        temporary_directory_init(&bed, "/tmp");
        s = open_spool(&bed);
        append(s, OAP_SPOOL_REPORT, 1, "first");
        append(s, OAP_SPOOL_METERS, 2, "second");
        fd = openat(bed.fd, FIRST, O_RDWR | O_CLOEXEC);
        cr_assert_eq(pwrite(fd, "x", 1, HEADER), 1);

        expect_empty(s);
        oap_spool_status(s, &status);
        cr_expect_eq(status.n_dropped[OAP_SPOOL_REPORT], 1);
        cr_expect_eq(status.n_dropped[OAP_SPOOL_METERS], 1);
        append(s, OAP_SPOOL_REPORT, 3, "third");
        expect_next(s, 3, "third");
}

Test(oap_spool, the_oldest_goes_when_there_is_no_room) {
        _cleanup_(temporary_directory_done) TemporaryDirectory bed;
        _cleanup_(oap_spool_freep) OapSpool *s = NULL;
        const OapSpoolLimits small = { .bytes_max = 1000, .age_max_ms = 1000, .segment_bytes = 200 };
        uint64_t n_dropped;
        OapSpoolStatus status;
        OapSpoolRecord r;
        char text[77];

        temporary_directory_init(&bed, "/tmp");
        cr_assert_eq(oap_spool_new(bed.fd, &small, &s), 0);
        for (int i = 0; i < 100; i++) {
                (void) snprintf(text, sizeof(text), "%076i", i); /* 100 bytes each */
                append(s, i % 2 ? OAP_SPOOL_METERS : OAP_SPOOL_PROFILE, i + 1, text);
                oap_spool_status(s, &status);
                cr_expect(status.bytes <= 1000);
        }

        n_dropped = status.n_dropped[OAP_SPOOL_METERS] + status.n_dropped[OAP_SPOOL_PROFILE];
        cr_expect_eq(n_dropped + status.n_records, 100);
        cr_expect(status.n_records >= 8);
        cr_assert_eq(oap_spool_peek(s, &r), 0);
        cr_expect_eq(r.at_ms,
                     (int64_t) n_dropped + 1,
                     "the first one that is left is the next of those dropped");

        cr_expect_eq(oap_spool_append(s, OAP_SPOOL_REPORT, 1, text, 1000), -E2BIG);
}

Test(oap_spool, what_is_too_old_goes) {
        _cleanup_(temporary_directory_done) TemporaryDirectory bed;
        _cleanup_(oap_spool_freep) OapSpool *s = NULL;
        OapSpoolStatus status;

        temporary_directory_init(&bed, "/tmp");
        s = open_spool(&bed);
        append(s, OAP_SPOOL_REPORT, 1000, "old");
        append(s, OAP_SPOOL_METERS, 1500, "young");
        cr_assert_eq(oap_spool_expire(s, 900), 0); /* the clock was set back */
        cr_assert_eq(oap_spool_expire(s, 2000), 0);
        cr_assert_eq(oap_spool_expire(s, 2001), 0);
        oap_spool_status(s, &status);
        cr_expect_eq(status.n_dropped[OAP_SPOOL_REPORT], 1);
        cr_expect_eq(status.n_records, 1);
        expect_next(s, 1500, "young");
        cr_expect_eq(oap_spool_expire(s, 9000), 0);
}

Test(oap_spool, what_is_refused_is_counted_and_gone) {
        _cleanup_(temporary_directory_done) TemporaryDirectory bed;
        _cleanup_(oap_spool_freep) OapSpool *s = NULL;
        OapSpoolStatus status;
        OapSpoolRecord r;

        temporary_directory_init(&bed, "/tmp");
        s = open_spool(&bed);
        append(s, OAP_SPOOL_PROFILE, 1, "bad");
        append(s, OAP_SPOOL_PROFILE, 2, "good");
        cr_assert_eq(oap_spool_peek(s, &r), 0);
        cr_assert_eq(oap_spool_refuse(s), 0);
        oap_spool_status(s, &status);
        cr_expect_eq(status.n_dropped[OAP_SPOOL_PROFILE], 1);
        expect_next(s, 2, "good");
}

Test(oap_spool, other_files_are_left_alone) {
        _cleanup_(temporary_directory_done) TemporaryDirectory bed;
        _cleanup_(oap_spool_freep) OapSpool *s = NULL;

        temporary_directory_init(&bed, "/tmp");
        cr_assert_eq(write_file_atomic_at(bed.fd, "notes.txt", "x", 1, 0600, FILE_SYNC_NO), 0);
        cr_assert_eq(symlinkat("/etc/passwd", bed.fd, "0000000000000003.spool"), 0);
        cr_assert_eq(write_file_atomic_at(bed.fd, "acknowledged", "junk", 4, 0600, FILE_SYNC_NO), 0);
        s = open_spool(&bed);
        append(s, OAP_SPOOL_REPORT, 1, "one");
        expect_next(s, 1, "one");
        cr_expect_eq(faccessat(bed.fd, "notes.txt", F_OK, 0), 0);
        cr_expect_eq(access("/etc/passwd", F_OK), 0);
}
