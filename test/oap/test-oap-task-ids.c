/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-task-ids.h"

#include "basic/file-io.h"
#include "temporary-directory.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

TestSuite(oap_task_ids, .timeout = 60);

static OapTaskIds *open_ids(const TemporaryDirectory *b) {
        OapTaskIds *ids;

        cr_assert_eq(oap_task_ids_new(b->fd, &ids), 0);
        return ids;
}

static const char *name(unsigned number) {
        static char text[TASK_ID_MAX];

        (void) snprintf(text, sizeof(text), "20261121T031005-%04x", number);
        return text;
}

static char *read_text(const TemporaryDirectory *b) {
        char *text;

        cr_assert_eq(read_full_file_at(b->fd, OAP_TASK_IDS_FILE, OAP_TASK_IDS_FILE_MAX, &text, NULL), 0);
        return text;
}

static void write_text(const TemporaryDirectory *b, const char *text, size_t size) {
        cr_assert_eq(write_file_atomic_at(b->fd, OAP_TASK_IDS_FILE, text, size, 0600, FILE_SYNC_NO), 0);
}

Test(oap_task_ids, what_was_added_is_known_also_after_a_restart) {
        _cleanup_(temporary_directory_done) TemporaryDirectory bed;
        OapTaskIds *ids;

        temporary_directory_init(&bed, "/tmp");
        ids = open_ids(&bed);
        cr_expect_null(oap_task_ids_find(ids, name(1), OAP_TARGET_ON_CPU));
        cr_assert_eq(oap_task_ids_add(ids, name(1), OAP_TARGET_ON_CPU, "an id, with blanks", 5), 0);
        cr_assert_eq(oap_task_ids_add(ids, name(1), OAP_TARGET_OFF_CPU, "", 6), 0);
        cr_assert_eq(oap_task_ids_add(ids, name(2), OAP_TARGET_ON_CPU, "first", 7), 0);
        cr_assert_eq(oap_task_ids_add(ids, name(2), OAP_TARGET_ON_CPU, "größer", 8), 0);

        for (unsigned i = 0; i < 2; i++) {
                cr_expect_str_eq(oap_task_ids_find(ids, name(1), OAP_TARGET_ON_CPU), "an id, with blanks");
                cr_expect_str_eq(oap_task_ids_find(ids, name(1), OAP_TARGET_OFF_CPU), "", "refused");
                cr_expect_str_eq(oap_task_ids_find(ids, name(2), OAP_TARGET_ON_CPU), "größer");
                cr_expect_eq(oap_task_ids_n(ids), 3);
                cr_expect_eq(oap_task_ids_n_damaged(ids), 0);
                cr_expect(oap_task_ids_is_taken(ids, "größer", name(1), OAP_TARGET_ON_CPU));
                cr_expect(oap_task_ids_is_taken(ids, "größer", name(2), OAP_TARGET_OFF_CPU));
                cr_expect_not(oap_task_ids_is_taken(ids, "größer", name(2), OAP_TARGET_ON_CPU));
                cr_expect_not(oap_task_ids_is_taken(ids, "first", name(1), OAP_TARGET_ON_CPU));
                oap_task_ids_free(ids);
                ids = open_ids(&bed);
        }
        oap_task_ids_free(ids);
}

Test(oap_task_ids, item_34_a_file_that_was_torn_anywhere_has_all_whole_lines) {
        _cleanup_(temporary_directory_done) TemporaryDirectory bed;
        _cleanup_(freep) char *text = NULL;
        OapTaskIds *ids;
        size_t length;

        temporary_directory_init(&bed, "/tmp");
        ids = open_ids(&bed);
        for (unsigned i = 0; i < 3; i++)
                cr_assert_eq(oap_task_ids_add(ids, name(i), OAP_TARGET_ON_CPU, "id", i), 0);
        oap_task_ids_free(ids);
        text = read_text(&bed);
        length = strlen(text);
        cr_assert_eq(length % 3, 0);

        for (size_t n = 0; n < length; n++) {
                size_t n_whole = n / (length / 3);
                bool is_torn = n % (length / 3) != 0;

                write_text(&bed, text, n);
                ids = open_ids(&bed);
                cr_expect_eq(oap_task_ids_n(ids), n_whole, "%zu", n);
                cr_expect_eq(oap_task_ids_n_damaged(ids), is_torn, "%zu", n);

                /* what is added then is not behind half a line */
                cr_assert_eq(oap_task_ids_add(ids, name(9), OAP_TARGET_ON_CPU, "later", 9), 0);
                oap_task_ids_free(ids);
                ids = open_ids(&bed);
                cr_expect_eq(oap_task_ids_n(ids), n_whole + 1, "%zu", n);
                cr_expect_eq(oap_task_ids_n_damaged(ids), 0, "%zu", n);
                cr_expect_str_eq(oap_task_ids_find(ids, name(9), OAP_TARGET_ON_CPU), "later");
                oap_task_ids_free(ids);
        }
}

Test(oap_task_ids, a_byte_that_changed_costs_its_line_only) {
        _cleanup_(temporary_directory_done) TemporaryDirectory bed;
        _cleanup_(freep) char *text = NULL;
        OapTaskIds *ids;
        size_t length;

        temporary_directory_init(&bed, "/tmp");
        ids = open_ids(&bed);
        for (unsigned i = 0; i < 3; i++)
                cr_assert_eq(oap_task_ids_add(ids, name(i), OAP_TARGET_ON_CPU, "id", i), 0);
        oap_task_ids_free(ids);
        text = read_text(&bed);
        length = strlen(text) / 3;

        for (size_t n = length; n < 2 * length - 1; n++) {
                text[n] ^= 1;
                write_text(&bed, text, 3 * length);
                text[n] ^= 1;
                ids = open_ids(&bed);
                cr_expect_eq(oap_task_ids_n(ids), 2, "%zu", n);
                cr_expect_null(oap_task_ids_find(ids, name(1), OAP_TARGET_ON_CPU));
                cr_expect_str_eq(oap_task_ids_find(ids, name(2), OAP_TARGET_ON_CPU), "id");
                oap_task_ids_free(ids);
        }
}

Test(oap_task_ids, the_oldest_go_when_there_are_too_many_and_when_they_are_too_old) {
        _cleanup_(temporary_directory_done) TemporaryDirectory bed;
        OapTaskIds *ids;

        temporary_directory_init(&bed, "/tmp");
        ids = open_ids(&bed);
        for (unsigned i = 0; i < OAP_TASK_IDS_MAX + 1; i++)
                cr_assert_eq(oap_task_ids_add(ids, name(i), OAP_TARGET_ON_CPU, "id", i), 0);
        for (unsigned i = 0; i < 2; i++) {
                cr_expect_eq(oap_task_ids_n(ids), OAP_TASK_IDS_MAX + 1 - OAP_TASK_IDS_MAX / 4);
                cr_expect_null(oap_task_ids_find(ids, name(0), OAP_TARGET_ON_CPU));
                cr_expect(oap_task_ids_find(ids, name(OAP_TASK_IDS_MAX), OAP_TARGET_ON_CPU));
                oap_task_ids_free(ids);
                ids = open_ids(&bed);
        }

        oap_task_ids_prune(ids, OAP_TASK_IDS_MAX);
        cr_expect_eq(oap_task_ids_n(ids), 1);
        cr_assert_eq(oap_task_ids_add(ids, name(5), OAP_TARGET_ON_CPU, "id", 5000), 0);
        oap_task_ids_free(ids);
        ids = open_ids(&bed);
        cr_expect_eq(oap_task_ids_n(ids), 2, "in the file, too");
        oap_task_ids_free(ids);
}

Test(oap_task_ids, what_is_no_file_of_ours_is_replaced) {
        _cleanup_(temporary_directory_done) TemporaryDirectory bed;
        _cleanup_(freep) char *large = calloc(1, OAP_TASK_IDS_FILE_MAX + 1);
        OapTaskIds *ids;

        temporary_directory_init(&bed, "/tmp");
        cr_assert(large);
        write_text(&bed, large, OAP_TASK_IDS_FILE_MAX + 1);
        ids = open_ids(&bed);
        cr_expect_eq(oap_task_ids_n_damaged(ids), 1);
        cr_assert_eq(oap_task_ids_add(ids, name(5), OAP_TARGET_ON_CPU, "id", 5), 0);
        oap_task_ids_free(ids);
        ids = open_ids(&bed);
        cr_expect_eq(oap_task_ids_n(ids), 1);
        oap_task_ids_free(ids);
}

Test(oap_task_ids, a_directory_that_cannot_be_written_keeps_them_in_memory) {
        _cleanup_(temporary_directory_done) TemporaryDirectory bed;
        OapTaskIds *ids;

        temporary_directory_init(&bed, "/tmp");
        ids = open_ids(&bed);
        cr_assert_eq(rmdir(bed.path), 0); /* nothing can be made in it */
        cr_expect_eq(oap_task_ids_add(ids, name(5), OAP_TARGET_ON_CPU, "id", 5), -ENOENT);
        cr_expect_str_eq(oap_task_ids_find(ids, name(5), OAP_TARGET_ON_CPU), "id");
        oap_task_ids_free(ids);
        cr_assert_eq(mkdir(bed.path, 0700), 0);
}

Test(oap_task_ids, only_lines_of_the_form_are_read) {
        static const struct {
                const char *text;
                bool is_good;
        } rows[] = {
                { "20261121T031005-9f3c ON_CPU 5 id", true },
                { "20261121T031005-9f3c OFF_CPU 0 ", true },
                { "20261121T031005-9f3c OFF_CPU 9223372036854775807 a b", true },
                { "", false },
                { "20261121T031005-9f3c", false },
                { "20261121T031005-9f3c ON_CPU", false },
                { "20261121T031005-9f3c ON_CPU 5", false },
                { "20261121T031005-9f3c ON_CPU 5 a\nb", false },
                { "20261121T031005-9f3c ON_CPU 5 \x80", false },
                { "20261121T031005-9f3c ON_CPU -5 id", false },
                { "20261121T031005-9f3c ON_CPU 9223372036854775808 id", false },
                { "20261121T031005-9f3c on_cpu 5 id", false },
                { "20261121T031005-9f3c  5 id", false },
                { "20261121T031005-9f3 ON_CPU 5 id", false },
                { "../../../../../etc/passwd ON_CPU 5 id", false },
                { " ON_CPU 5 id", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                OapTaskIdLine line;

                cr_expect_eq(oap_task_id_line_parse(rows[i].text, strlen(rows[i].text), &line),
                             rows[i].is_good ? 0 : -EBADMSG,
                             "%s",
                             rows[i].text);
        }
}
