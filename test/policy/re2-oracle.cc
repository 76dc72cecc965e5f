/* SPDX-License-Identifier: Apache-2.0 */
#include "re2-oracle.h"

#include <cstdio>
#include <re2/re2.h>

struct Re2Oracle {
        RE2 re;

        Re2Oracle(const char *pattern, const RE2::Options &options) : re(pattern, options) {
        }
};

Re2Oracle *re2_oracle_new(const char *pattern, char *error, size_t error_size) {
        RE2::Options options; /* UTF-8, syntax of Perl */

        options.set_log_errors(false);
        options.set_never_capture(true);
        options.set_max_mem(256 << 20);

        Re2Oracle *o = new Re2Oracle(pattern, options);
        if (o->re.ok())
                return o;

        snprintf(error, error_size, "%s", o->re.error().c_str());
        delete o;
        return nullptr;
}

void re2_oracle_free(Re2Oracle *o) {
        delete o;
}

bool re2_oracle_find(const Re2Oracle *o, const char *text, size_t length) {
        return o->re.Match(re2::StringPiece(text, length), 0, length, RE2::UNANCHORED, nullptr, 0);
}
