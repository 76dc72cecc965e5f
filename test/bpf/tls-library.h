/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

typedef struct Session Session;
struct Session {
        const char *text; /* what is left to read */
        unsigned fails;   /* so many calls from now on */
        size_t pending;   /* what a write without a buffer goes on with */
        Session *below;   /* read to its end by each read */
};

int SSL_read(Session *s, void *buffer, int size);
int SSL_read_ex(Session *s, void *buffer, size_t size, size_t *ret);
int SSL_write(Session *s, const void *buffer, int size);
int SSL_write_ex(Session *s, const void *buffer, size_t size, size_t *ret);
int SSL_write_ex2(Session *s, const void *buffer, size_t size, unsigned long flags, size_t *ret);
ssize_t SSL_sendfile(Session *s, int fd, off_t offset, size_t size, int flags);
void SSL_free(Session *s);
ssize_t gnutls_record_recv(Session *s, void *buffer, size_t size);
ssize_t gnutls_record_send(Session *s, const void *buffer, size_t size);
