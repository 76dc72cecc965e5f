/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger/cooldown.h"

#include "basic/hash.h"

/* Kind, process, NUL, unit. Names fit by far: 255 bytes per part of a nested unit's name, 15 of the kernel's
 * and a number for a process. What does not fit is cut off, so that two such subjects would share one
 * silence. */
#define COOLDOWN_KEY_MAX 1024U
#define COOLDOWN_PROCESS_MAX 256U

typedef struct CooldownKey {
        char text[COOLDOWN_KEY_MAX];
        size_t length;
} CooldownKey;

typedef struct Silence {
        usec_t until_usec;
        UT_hash_handle hh;
        char key[];
} Silence;

struct Cooldown {
        Silence *silences;
};

int cooldown_new(Cooldown **ret) {
        Cooldown *c;

        assert(ret);

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;

        *ret = c;
        return 0;
}

Cooldown *cooldown_free(Cooldown *c) {
        if (!c)
                return NULL;

        cooldown_forget_expired(c, USEC_INFINITY);
        free(c);
        return NULL;
}

static void make_key(const char *unit, const char *process, ProfileKind kind, CooldownKey *ret) {
        size_t n_process = strnlen(process, COOLDOWN_PROCESS_MAX);
        size_t n_unit = strnlen(unit, COOLDOWN_KEY_MAX - COOLDOWN_PROCESS_MAX - 2);

        ret->text[0] = (char) kind;
        memcpy(ret->text + 1, process, n_process);
        ret->text[1 + n_process] = '\0';
        memcpy(ret->text + 2 + n_process, unit, n_unit);
        ret->length = 2 + n_process + n_unit;
}

static Silence *find_silence(const Cooldown *c, const CooldownKey *key) {
        Silence *s;

        HASH_FIND(hh, c->silences, key->text, key->length, s);
        return s;
}

int cooldown_start(Cooldown *c, const char *unit, const char *process, ProfileKind kind, usec_t until_usec) {
        CooldownKey key;
        Silence *s;

        assert(c);
        assert(unit && process);

        make_key(unit, process, kind, &key);

        s = find_silence(c, &key);
        if (s) {
                s->until_usec = MAX_OF(s->until_usec, until_usec);
                return 0;
        }

        if (HASH_COUNT(c->silences) >= COOLDOWNS_MAX)
                return -EUSERS;

        s = malloc(sizeof(*s) + key.length);
        if (!s)
                return -ENOMEM;

        s->until_usec = until_usec;
        memcpy(s->key, key.text, key.length);
        HASH_ADD_KEYPTR(hh, c->silences, s->key, key.length, s);
        if (!HASH_ADDED(s)) {
                free(s);
                return -ENOMEM;
        }

        return 0;
}

usec_t
cooldown_left(const Cooldown *c, const char *unit, const char *process, ProfileKind kind, usec_t now_usec) {
        CooldownKey key;
        Silence *s;

        assert(c);
        assert(unit && process);

        make_key(unit, process, kind, &key);

        s = find_silence(c, &key);
        return s && s->until_usec > now_usec ? s->until_usec - now_usec : 0;
}

void cooldown_forget_expired(Cooldown *c, usec_t now_usec) {
        Silence *s, *next;

        assert(c);

        HASH_ITER(hh, c->silences, s, next) {
                if (s->until_usec <= now_usec) {
                        HASH_DEL(c->silences, s);
                        free(s);
                }
        }
}
