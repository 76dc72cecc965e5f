/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-secrets.h"

#include "basic/file-io.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

typedef struct SecretFile {
        const char *key;        /* of [OAP] */
        const char *credential; /* its name when the key has no value */
        const char *path;
        char **ret;
} SecretFile;

static void forget(char **text) {
        if (*text)
                explicit_bzero(*text, strlen(*text));
        free(*text);
        *text = NULL;
}

void oap_secrets_done(OapSecrets *s) {
        forget(&s->ca);
        forget(&s->certificate);
        forget(&s->key);
        forget(&s->token);
}

static int fail(char **reterr_message, const SecretFile *f, const char *path, const char *what) {
        if (asprintf(reterr_message, "%s=%s: %s", f->key, path, what) < 0) {
                *reterr_message = NULL;
                return -ENOMEM;
        }

        return -EINVAL;
}

static int read_one(const SecretFile *f, const char *credentials_directory, char **reterr_message) {
        bool is_named = f->path && f->path[0];
        const char *path = f->path;
        char buf[PATH_MAX];
        size_t length = 0;
        int r;

        if (!is_named) {
                if (!credentials_directory)
                        return 0;
                r = snprintf(buf, sizeof(buf), "%s/%s", credentials_directory, f->credential);
                if (r < 0 || (size_t) r >= sizeof(buf))
                        return 0;
                path = buf;
        }

        r = read_full_file_at(AT_FDCWD, path, OAP_SECRET_BYTES_MAX, f->ret, &length);
        if (r == -ENOENT && !is_named)
                return 0;
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return fail(reterr_message, f, path, strerror(-r));
        if (strlen(*f->ret) != length)
                return fail(reterr_message, f, path, "has a NUL byte");
        return 0;
}

/* An editor leaves a newline behind a token. */
static int trim_token(const OapConfig *config, char *token, char **reterr_message) {
        size_t length = strcspn(token, "\r\n");

        if (token[length + strspn(token + length, "\r\n")] != '\0' || length == 0) {
                const SecretFile f = { .key = "TokenFile" };

                return fail(reterr_message, &f, config->token_file ?: "", "is not one line of text");
        }

        token[length] = '\0';
        return 0;
}

int oap_secrets_read(
                const OapConfig *config,
                const char *credentials_directory,
                OapSecrets *ret,
                char **reterr_message) {
        _cleanup_(oap_secrets_done) OapSecrets s = {};
        const SecretFile files[] = {
                { "CAFile", "oap.ca", config->ca_file, &s.ca },
                { "CertificateFile", "oap.certificate", config->certificate_file, &s.certificate },
                { "KeyFile", "oap.key", config->key_file, &s.key },
                { "TokenFile", "oap.token", config->token_file, &s.token },
        };
        int r;

        assert(ret);
        assert(reterr_message);

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                r = read_one(files + i, credentials_directory, reterr_message);
                if (r < 0)
                        return r;
        }

        if (!s.certificate != !s.key)
                return fail(reterr_message,
                            files + (s.key ? 1 : 2),
                            "",
                            s.key ? "is missing, there is a key" : "is missing, there is a certificate");

        if (s.token) {
                r = trim_token(config, s.token, reterr_message);
                if (r < 0)
                        return r;
        }

        *ret = s;
        s = (OapSecrets){};
        return 0;
}
