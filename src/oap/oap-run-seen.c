/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-run-seen.h"

static uint64_t hash_text(uint64_t hash, const char *text) {
        for (; *text; text++)
                hash = hash_u64(hash, (unsigned char) *text);

        return hash_u64(hash, UINT64_MAX); /* so that "a" "bc" is not "ab" "c" */
}

uint64_t oap_seen_key(const char *task, const char *process) {
        assert(task);
        assert(process);

        return hash_text(hash_text(0, task), process);
}

OapSeen *oap_seen_find(OapSeen *seen, uint64_t key) {
        OapSeen *s;

        HASH_FIND(hh, seen, &key, sizeof(key), s);
        return s;
}

static void forget_first(OapSeen **seen) {
        OapSeen *first = *seen, *s, *next;

        HASH_ITER(hh, *seen, s, next) {
                if (s->update_ms < first->update_ms)
                        first = s;
        }

        HASH_DEL(*seen, first);
        free(first);
}

OapSeen *oap_seen_add(OapSeen **seen, uint64_t key, int64_t update_ms) {
        OapSeen *s;

        assert(seen);

        s = oap_seen_find(*seen, key);
        if (s)
                return s;

        if (HASH_COUNT(*seen) >= OAP_SEEN_MAX)
                forget_first(seen);

        s = calloc(1, sizeof(*s));
        if (!s)
                return NULL;

        s->key = key;
        s->update_ms = update_ms;
        HASH_ADD(hh, *seen, key, sizeof(s->key), s);
        if (!HASH_ADDED(s)) {
                free(s);
                return NULL;
        }

        return s;
}

void oap_seen_expire(OapSeen **seen, int64_t since_ms, int64_t now_ms) {
        OapSeen *s, *next;

        assert(seen);

        HASH_ITER(hh, *seen, s, next) {
                if (s->update_ms > since_ms || s->end_ms > now_ms)
                        continue;

                HASH_DEL(*seen, s);
                free(s);
        }
}

void oap_seen_done(OapSeen **seen) {
        OapSeen *s, *next;

        assert(seen);

        HASH_ITER(hh, *seen, s, next) {
                HASH_DEL(*seen, s);
                free(s);
        }
}
