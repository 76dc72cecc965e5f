/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/grpc/oap-grpc-private.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>

/* gRPC takes any text for a certificate and says nothing until each call fails without a reason: so they are
 * read once before. By the library that gRPC itself has for it. */

/* Instead of asking on the terminal. */
static int no_password(char *buffer, int size, int writing, void *userdata) {
        return -1;
}

static BIO *text_open(const char *text) {
        return BIO_new_mem_buf(text, -1);
}

static X509 *certificate_of(const char *text) {
        BIO *bio = text_open(text);
        X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, no_password, NULL) : NULL;

        (void) BIO_free(bio);
        return certificate;
}

static EVP_PKEY *key_of(const char *text) {
        BIO *bio = text_open(text);
        EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;

        (void) BIO_free(bio);
        return key;
}

static int pair_check(const char *certificate_text, const char *key_text, char **reterr_message) {
        X509 *certificate = certificate_of(certificate_text);
        EVP_PKEY *key = key_of(key_text);
        int r = 0;

        if (!certificate)
                r = og_refuse(reterr_message, "the client's certificate is not one in PEM format");
        else if (!key)
                r = og_refuse(reterr_message,
                              "the client's key is not one in PEM format without a password");
        else if (X509_check_private_key(certificate, key) != 1)
                r = og_refuse(reterr_message, "the client's key is not that of its certificate");

        X509_free(certificate);
        EVP_PKEY_free(key);
        return r;
}

int og_pem_check(const char *ca, const char *certificate, const char *key, char **reterr_message) {
        int r = 0;

        if (ca) {
                X509 *first = certificate_of(ca);

                if (!first)
                        r = og_refuse(reterr_message,
                                      "the file of authorities has no certificate in PEM format");
                X509_free(first);
        }

        if (r == 0 && !certificate != !key)
                r = og_refuse(reterr_message,
                              "the client has a %s",
                              key ? "key, but no certificate" : "certificate, but no key");
        if (r == 0 && certificate)
                r = pair_check(certificate, key, reterr_message);

        ERR_clear_error();
        return r;
}
