/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "basic/hash.h"
#include "cprof-abi.h"

/* Names of the threads of one profile, numbered from 0. Known by their bytes as the kernel gave them. */
typedef struct ThreadName {
        char key[CPROF_COMM_LEN]; /* NUL-padded */
        char *name;               /* what we show */
        uint32_t index;
        UT_hash_handle hh;
} ThreadName;

typedef struct ThreadNames {
        ThreadName *by_key;
        ThreadName **list;
        uint32_t n;
} ThreadNames;

void thread_names_done(ThreadNames *t);

/* @name need not be valid UTF-8 nor terminated. Beyond PROFILE_THREADS_MAX names: PROFILE_THREAD_OTHER. */
int thread_names_index(ThreadNames *t, const char *name, uint32_t *ret_index);
const char *thread_names_get(const ThreadNames *t, uint32_t index); /* valid UTF-8 */
