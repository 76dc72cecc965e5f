/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* For ids that others compute as well; a few of them, so small rather than fast. Source: FIPS 180-4. */
#define SHA256_BYTES 32U

typedef struct Sha256 {
        uint32_t state[8];
        uint64_t n_bytes;
        uint8_t block[64];
} Sha256;

void sha256_init(Sha256 *s);
void sha256_add(Sha256 *s, const void *data, size_t size);
void sha256_finish(Sha256 *s, uint8_t ret[static SHA256_BYTES]);

/* Keyed, for @key_size ≤ 64 bytes. Source: RFC 2104. */
void sha256_hmac(
                const void *key,
                size_t key_size,
                const void *data,
                size_t size,
                uint8_t ret[static SHA256_BYTES]);
