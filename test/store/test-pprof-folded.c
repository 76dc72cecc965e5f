/* SPDX-License-Identifier: Apache-2.0 */
#include "pprof.pb-c.h"
#include "store/convert-folded.h"
#include "store/pprof-writer.h"

#include <string.h>
#include <zlib.h>

/* Files that are not ours, or that were damaged. */
TestSuite(pprof_folded, .timeout = 60);

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

Test(pprof_folded, inlined_functions_are_frames_of_their_own) {
        _cleanup_(freep) char *folded = NULL;
        Parts p;

        make_parts(&p);
        cr_assert_eq(convert_parts(&p, &folded), 0);
        cr_expect_str_eq(folded, "t;0xabc;outer_[k];inlined_[k] 42\n");
}

Test(pprof_folded, names_of_others_are_made_harmless) {
        _cleanup_(freep) char *folded = NULL;
        Parts p;

        make_parts(&p);
        p.strings[3] = (char *) "";
        p.strings[5] = (char *) "a;b\n\x1b\xff";
        p.strings[6] = (char *) "";
        cr_assert_eq(convert_parts(&p, &folded), 0);
        cr_expect_str_eq(folded, "[unknown];0xabc;[unknown]_[k];a:b???_[k] 42\n");
}

Test(pprof_folded, the_number_of_samples_is_found_by_its_type) {
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

Test(pprof_folded, every_reference_is_checked) {
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

Test(pprof_folded, bytes_that_are_no_message_are_refused) {
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

Test(pprof_folded, a_bomb_does_not_go_off) {
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

Test(pprof_folded, much_text_from_few_bytes_is_cut_off) {
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
