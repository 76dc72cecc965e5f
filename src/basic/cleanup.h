/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Ownership helpers. A variable marked _cleanup_(f) runs f(&variable) when its scope ends; TAKE_PTR and
 * TAKE_FD hand the value over and leave the variable unset, so that the clean-up does nothing. */

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(fmt, args) __attribute__((format(printf, fmt, args)))
#define _unused_ __attribute__((unused))

/* Defines static void FUNCp(TYPE *) for a destructor FUNC that takes TYPE and accepts NULL. */
#define DEFINE_CLEANUP(type, func)            \
        static inline void func##p(type *p) { \
                if (*p)                       \
                        func(*p);             \
        }

#define TAKE_PTR(ptr)                       \
        ({                                  \
                typeof(ptr) _taken = (ptr); \
                (ptr) = NULL;               \
                _taken;                     \
        })

#define TAKE_FD(fd)                \
        ({                         \
                int _taken = (fd); \
                (fd) = -EBADF;     \
                _taken;            \
        })

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))
#define MIN_OF(a, b)                \
        ({                          \
                typeof(a) _a = (a); \
                typeof(b) _b = (b); \
                _a < _b ? _a : _b;  \
        })
#define MAX_OF(a, b)                \
        ({                          \
                typeof(a) _a = (a); \
                typeof(b) _b = (b); \
                _a > _b ? _a : _b;  \
        })

static inline void freep(void *p) {
        free(*(void **) p);
}

/* Closes @fd if it is one; errno is kept. Always returns -EBADF, to be assigned. */
static inline int safe_close(int fd) {
        if (fd >= 0) {
                int saved = errno;

                (void) close(fd);
                errno = saved;
        }

        return -EBADF;
}

static inline void closep(int *fd) {
        *fd = safe_close(*fd);
}

DEFINE_CLEANUP(FILE *, fclose)
DEFINE_CLEANUP(DIR *, closedir)
