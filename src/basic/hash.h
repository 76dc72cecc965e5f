/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* uthash with our settings: include this, never <uthash.h>. On memory exhaustion HASH_ADD leaves the element
 * out and its hh.tbl NULL instead of ending the process; check with HASH_ADDED(). */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((void) (element))
#include <uthash.h>

#define HASH_ADDED(element) ((element)->hh.tbl != NULL)

/* 64-bit hash of a sequence of words, for keys that are arrays of frames. Multiply-xorshift; constants are
 * from the finaliser of SplitMix64 (Steele, Lea, Flood 2014). */
static inline uint64_t hash_u64(uint64_t h, uint64_t v) {
        h ^= v;
        h *= UINT64_C(0xbf58476d1ce4e5b9);
        h ^= h >> 29;
        h *= UINT64_C(0x94d049bb133111eb);
        return h ^ (h >> 32);
}
