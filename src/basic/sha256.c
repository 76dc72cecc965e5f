/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/sha256.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#define BLOCK 64U

/* FIPS 180-4, 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotated(uint32_t x, unsigned n) {
        return x >> n | x << (32 - n);
}

/* 6.2.2 */
static void add_block(Sha256 *s) {
        uint32_t w[64], v[8];

        for (unsigned t = 0; t < 16; t++) {
                memcpy(w + t, s->block + 4 * (size_t) t, 4);
                w[t] = be32toh(w[t]);
        }
        for (unsigned t = 16; t < 64; t++) {
                uint32_t a = w[t - 15], b = w[t - 2];

                w[t] = w[t - 16] + w[t - 7] + (rotated(a, 7) ^ rotated(a, 18) ^ a >> 3) +
                                (rotated(b, 17) ^ rotated(b, 19) ^ b >> 10);
        }

        memcpy(v, s->state, sizeof(v));
        for (unsigned t = 0; t < 64; t++) {
                uint32_t a = v[0], e = v[4],
                         t1 = v[7] + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) +
                                ((e & v[5]) ^ (~e & v[6])) + k[t] + w[t],
                         t2 = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) +
                                ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));

                memmove(v + 1, v, 7 * sizeof(v[0]));
                v[4] += t1;
                v[0] = t1 + t2;
        }

        for (unsigned i = 0; i < 8; i++)
                s->state[i] += v[i];
}

void sha256_init(Sha256 *s) {
        /* 5.3.3 */
        *s = (Sha256){ .state = { 0x6a09e667,
                                  0xbb67ae85,
                                  0x3c6ef372,
                                  0xa54ff53a,
                                  0x510e527f,
                                  0x9b05688c,
                                  0x1f83d9ab,
                                  0x5be0cd19 } };
}

void sha256_add(Sha256 *s, const void *data, size_t size) {
        const uint8_t *p = data;

        while (size > 0) {
                size_t at = s->n_bytes % BLOCK, n = size < BLOCK - at ? size : BLOCK - at;

                memcpy(s->block + at, p, n);
                s->n_bytes += n;
                p += n;
                size -= n;
                if (at + n == BLOCK)
                        add_block(s);
        }
}

void sha256_finish(Sha256 *s, uint8_t ret[static SHA256_BYTES]) {
        static const uint8_t one = 0x80, zero = 0;
        uint64_t n_bits = htobe64(s->n_bytes * 8);

        sha256_add(s, &one, 1);
        while (s->n_bytes % BLOCK != BLOCK - sizeof(n_bits))
                sha256_add(s, &zero, 1);
        sha256_add(s, &n_bits, sizeof(n_bits));

        for (unsigned i = 0; i < 8; i++) {
                uint32_t v = htobe32(s->state[i]);

                memcpy(ret + 4 * (size_t) i, &v, 4);
        }
}

void sha256_hmac(
                const void *key,
                size_t key_size,
                const void *data,
                size_t size,
                uint8_t ret[static SHA256_BYTES]) {
        uint8_t pad[BLOCK], inner[SHA256_BYTES];
        Sha256 s;

        assert(key_size <= BLOCK);

        memset(pad, 0x36, sizeof(pad));
        for (size_t i = 0; i < key_size; i++)
                pad[i] ^= ((const uint8_t *) key)[i];

        sha256_init(&s);
        sha256_add(&s, pad, sizeof(pad));
        sha256_add(&s, data, size);
        sha256_finish(&s, inner);

        for (size_t i = 0; i < sizeof(pad); i++)
                pad[i] ^= 0x36 ^ 0x5c;

        sha256_init(&s);
        sha256_add(&s, pad, sizeof(pad));
        sha256_add(&s, inner, sizeof(inner));
        sha256_finish(&s, ret);
}
