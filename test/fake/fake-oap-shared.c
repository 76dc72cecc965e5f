/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-oap-shared.h"

#include <string.h>
#include <time.h>

/* What the test's side and the server's have in common. */

void fake_shared_lock(FakeShared *s) {
        /* The other one ended in the middle of it, killed by somebody else: what it left is good enough. */
        if (pthread_mutex_lock(&s->mutex) == EOWNERDEAD)
                (void) pthread_mutex_consistent(&s->mutex);
}

void fake_shared_unlock(FakeShared *s) {
        (void) pthread_mutex_unlock(&s->mutex);
}

bool fake_shared_put(FakeShared *s, const void *data, size_t size, FakeBytes *ret) {
        if (size > FAKE_OAP_BYTES_MAX - s->n_bytes)
                return false;

        if (size > 0)
                memcpy(s->bytes + s->n_bytes, data, size);
        *ret = (FakeBytes){ .offset = s->n_bytes, .size = size };
        s->n_bytes += size;
        return true;
}

bool fake_method_is(const char *path, const char *name) {
        size_t n_path = strlen(path), n_name;

        if (!name || !name[0])
                return true;

        n_name = strlen(name);
        if (n_name > n_path || strcmp(path + n_path - n_name, name) != 0)
                return false;

        return n_name == n_path || name[0] == '/' || strchr("/.", path[n_path - n_name - 1]);
}

const FakeRule *fake_shared_rule(FakeShared *s, const char *method) {
        FakeRule *best = NULL;

        for (size_t i = 0; i < FAKE_ANSWERS_MAX; i++) {
                FakeRule *r = &s->rules[i];

                if (r->in_use && fake_method_is(method, r->method) &&
                    (!best || strlen(r->method) > strlen(best->method)))
                        best = r;
        }

        if (best && best->answer.n_calls > 0 && --best->answer.n_calls == 0)
                best->in_use = false;

        return best;
}

uint64_t fake_now_usec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000000U + (uint64_t) ts.tv_nsec / 1000U;
}

/* FIPS 180-4, 6.2. The constants are 6.2.2's: the first 32 bits of the fractional parts of the cube roots of
 * the first primes. */
static const uint32_t round_constants[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotated(uint32_t v, unsigned n) {
        return v >> n | v << (32 - n);
}

static void sha256_block(uint32_t h[static 8], const uint8_t *block) {
        uint32_t w[64], v[8];

        for (size_t i = 0; i < 16; i++)
                w[i] = (uint32_t) block[4 * i] << 24 | (uint32_t) block[4 * i + 1] << 16 |
                                (uint32_t) block[4 * i + 2] << 8 | block[4 * i + 3];
        for (size_t i = 16; i < 64; i++)
                w[i] = w[i - 16] + w[i - 7] +
                                (rotated(w[i - 15], 7) ^ rotated(w[i - 15], 18) ^ w[i - 15] >> 3) +
                                (rotated(w[i - 2], 17) ^ rotated(w[i - 2], 19) ^ w[i - 2] >> 10);

        memcpy(v, h, sizeof(v));
        for (size_t i = 0; i < 64; i++) {
                uint32_t t1 = v[7] + (rotated(v[4], 6) ^ rotated(v[4], 11) ^ rotated(v[4], 25)) +
                                ((v[4] & v[5]) ^ (~v[4] & v[6])) + round_constants[i] + w[i];
                uint32_t t2 = (rotated(v[0], 2) ^ rotated(v[0], 13) ^ rotated(v[0], 22)) +
                                ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

                memmove(v + 1, v, 7 * sizeof(v[0]));
                v[4] += t1;
                v[0] = t1 + t2;
        }

        for (size_t i = 0; i < 8; i++)
                h[i] += v[i];
}

void fake_sha256(const void *data, size_t size, char ret[static 65]) {
        uint32_t h[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
        const uint8_t *p = data;
        uint8_t tail[128] = {};
        size_t n = size % 64, n_tail = n < 56 ? 64 : 128;

        for (size_t i = 0; i + 64 <= size; i += 64)
                sha256_block(h, p + i);

        if (n > 0)
                memcpy(tail, p + size - n, n);
        tail[n] = 0x80;
        for (size_t i = 0; i < 8; i++)
                tail[n_tail - 1 - i] = (uint8_t) ((uint64_t) size * 8 >> 8 * i);
        for (size_t i = 0; i < n_tail; i += 64)
                sha256_block(h, tail + i);

        for (size_t i = 0; i < 8; i++)
                (void) snprintf(ret + 8 * i, 9, "%08x", h[i]);
}
