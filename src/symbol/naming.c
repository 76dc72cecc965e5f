/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/naming.h"

void profile_count_named(
                const Profile *profile, const Symbols *symbols, uint64_t *ret_n, uint64_t *ret_named) {
        uint64_t n = 0, n_named = 0;
        ProfileStack *s, *next;

        assert(profile);
        assert(symbols);
        assert(ret_n);
        assert(ret_named);

        HASH_ITER(hh, profile_stacks(profile), s, next) {
                uint64_t times = s->n_samples + s->n_switches;

                if (s->n_frames == 1 && s->frames[0] == PROFILE_FRAME_NO_STACK)
                        continue;

                n += times * s->n_frames;
                for (unsigned i = 0; i < s->n_frames; i++)
                        if (symbols_name(symbols, s->frames[i]).known)
                                n_named += times;
        }

        *ret_n = n;
        *ret_named = n_named;
}
