/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/tls-functions.h"
#include "target/module.h"

/* Which TLS functions files have: each is searched once, however many processes have it, one after another
 * and in slices. */
typedef struct TlsFiles TlsFiles;

#define TLS_FILES_MAX 1024U /* remembered; above, those that were not asked for longest are forgotten */

int tls_files_new(TlsFiles **ret);
TlsFiles *tls_files_free(TlsFiles *f);
DEFINE_CLEANUP(TlsFiles *, tls_files_free)

/* Returns 1 with what is known, which stays until the next call; 0 when it is searched from now on by
 * tls_files_step(): ask again when that is over. Nothing may be searched. -ENOMEM. */
int tls_files_get(TlsFiles *f, Module *m, bool is_program, const TlsFunctions **ret_functions);

bool tls_files_is_busy(const TlsFiles *f);
void tls_files_step(TlsFiles *f); /* while busy: one slice */

unsigned tls_files_n(const TlsFiles *f);
