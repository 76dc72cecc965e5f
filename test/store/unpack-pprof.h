/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "pprof.pb-c.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <zlib.h>

/* The message, to be freed by cprof__pprof__profile__free_unpacked(). */
static inline Cprof__Pprof__Profile *unpack(const void *data, size_t length) {
        size_t size = 64U << 20;
        unsigned char *plain = malloc(size);
        z_stream z = { .next_in = (unsigned char *) data, .avail_in = (unsigned) length };
        Cprof__Pprof__Profile *p;

        cr_assert_not_null(plain);
        cr_assert_eq(inflateInit2(&z, 15 + 16), Z_OK);
        z.next_out = plain;
        z.avail_out = (unsigned) size;
        cr_assert_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
        cr_assert_eq(z.avail_in, 0);
        p = cprof__pprof__profile__unpack(NULL, z.total_out, plain);
        cr_assert_eq(inflateEnd(&z), Z_OK);
        free(plain);
        cr_assert_not_null(p);
        return p;
}

static inline const char *text(const Cprof__Pprof__Profile *p, int64_t index) {
        cr_assert(index >= 0 && (size_t) index < p->n_string_table, "string %lli", (long long) index);
        return p->string_table[index];
}
