/* SPDX-License-Identifier: Apache-2.0 */
/* Functions with the signatures of TLS libraries that move bytes of memory and nothing else: a session is a
 * text to read, and where nested calls lead. */
#include "bpf/tls-library.h"

#include <string.h>
#include <sys/types.h>

static long take(Session *s, char *buffer, size_t size) {
        size_t left = strlen(s->text), n = left < size ? left : size;

        if (s->fails > 0) {
                s->fails--;
                return -1;
        }
        if (s->below) { /* as TLS within TLS: what it needs comes through another session */
                char bytes[256];

                while (SSL_read(s->below, bytes, sizeof(bytes)) > 0)
                        ;
        }

        memcpy(buffer, s->text, n);
        s->text += n;
        return (long) n;
}

static long give(Session *s, size_t size) {
        if (s->fails > 0) {
                s->fails--;
                return -1;
        }

        return (long) size;
}

int SSL_read(Session *s, void *buffer, int size) {
        return (int) take(s, buffer, (size_t) size);
}

int SSL_read_ex(Session *s, void *buffer, size_t size, size_t *ret) {
        long n = take(s, buffer, size);

        if (n <= 0)
                return 0;
        *ret = (size_t) n;
        return 1;
}

int SSL_write(Session *s, const void *buffer, int size) {
        return (int) give(s, (size_t) size);
}

int SSL_write_ex(Session *s, const void *buffer, size_t size, size_t *ret) {
        long n = give(s, size);

        if (n <= 0)
                return 0;
        *ret = (size_t) n;
        return 1;
}

int SSL_write_ex2(Session *s, const void *buffer, size_t size, unsigned long flags, size_t *ret) {
        return SSL_write_ex(s, buffer, size, ret);
}

ssize_t SSL_sendfile(Session *s, int fd, off_t offset, size_t size, int flags) {
        return give(s, size);
}

void SSL_free(Session *s) {
        s->text = "";
}

ssize_t gnutls_record_recv(Session *s, void *buffer, size_t size) {
        return take(s, buffer, size);
}

ssize_t gnutls_record_send(Session *s, const void *buffer, size_t size) {
        return give(s, buffer ? size : s->pending);
}
