/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/probe.h"
#include "symbol/elf-image.h"

/* Where to see what a program reads and writes by way of TLS: the functions of OpenSSL, GnuTLS or Go in one
 * file, and for each the place where a probe is cheap. Slice by slice: programs with these libraries built
 * in are large. */
typedef struct TlsSearch TlsSearch;

typedef struct TlsFunctions {
        ProbeTls tls;     /* without a path; no functions: there is nothing to see */
        unsigned n_dear;  /* of them, those whose probe is single-stepped on each call */
        const char *note; /* static: what of this file's TLS can't be seen, NULL: nothing */
} TlsFunctions;

/* Whether a library may be one of them, by its file's name. */
bool tls_library_is_candidate(const char *path, size_t length);

/* @is_program: the file is what the process runs, which may have a library built in. @image is borrowed
 * until tls_search_free(). -ENOMEM. */
int tls_search_new(const ElfImage *image, bool is_program, TlsSearch **ret_search);
TlsSearch *tls_search_free(TlsSearch *s);
DEFINE_CLEANUP(TlsSearch *, tls_search_free)

/* Returns 1 while there is more to do, 0 at the end, -ENOMEM. What can't be read has no functions. */
int tls_search_step(TlsSearch *s);

/* After 0. */
const TlsFunctions *tls_search_result(const TlsSearch *s);
