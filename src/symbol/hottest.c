/* SPDX-License-Identifier: Apache-2.0 */
/* The few functions that a one-line summary names. */
#include "symbol/hottest.h"

#include "basic/strbuf.h"
#include "symbol/hot-functions.h"

#include <math.h>

int profile_hottest(const Profile *profile, const Symbols *symbols, size_t n, char **ret_text) {
        _cleanup_(freep) HotFunction *functions = NULL;
        _cleanup_(strbuf_done) StrBuf b = {};
        uint64_t all = 0;
        size_t n_all;
        int r;

        r = profile_hot_functions(profile, symbols, SIZE_MAX, &functions, &n_all);
        if (r < 0)
                return r;

        for (size_t i = 0; i < n_all; i++)
                all += functions[i].self;

        if (all == 0) {
                *ret_text = NULL;
                return 0;
        }

        for (size_t i = 0; i < MIN_OF(n, n_all) && functions[i].self > 0; i++)
                strbuf_addf(&b,
                            "%s%s %.0f%%",
                            i > 0 ? ", " : "",
                            functions[i].name,
                            round(100.0 * (double) functions[i].self / (double) all));

        return strbuf_finish(&b, ret_text);
}
