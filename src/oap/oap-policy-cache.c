/* SPDX-License-Identifier: Apache-2.0 */
/* The directory of OAP's policies: files as the policy store reads them, and "uuids" with what OAP calls
 * them.
 *
 * Nothing waits for the disk: a policy can change while the host is in trouble. What a power cut takes is
 * found by the hashes in "uuids", and asked for again. */
#include "oap/oap-policy-private.h"

#include "basic/file-io.h"
#include "basic/log.h"
#include "cprof-config.h"
#include "oap/oap-uuids.h"
#include "policy/policy.h"

#include <fcntl.h>
#include <string.h>

#define UUIDS_FILE "uuids"
#define SUFFIX ".policy"
#define FILE_NAME_MAX (POLICY_NAME_MAX + sizeof(SUFFIX))

uint64_t oap_cache_text_hash(const char *text) {
        uint64_t h = text ? oap_policy_hash(text, strlen(text)) : 0;

        return text && h == 0 ? 1 : h;
}

uint64_t oap_service_hash(const uint64_t hashes[static _OAP_TARGET_MAX]) {
        uint64_t any = 0;

        for (size_t i = 0; i < _OAP_TARGET_MAX; i++)
                any |= hashes[i];

        return any == 0 ? 0 : oap_policy_hash(hashes, _OAP_TARGET_MAX * sizeof(hashes[0]));
}

OapService *oap_policies_find(OapPolicies *p, const char *name) {
        OapService *s;

        HASH_FIND_STR(p->services, name, s);
        return s;
}

static void service_free(OapService *s) {
        free(s->name);
        free(s->uuid);
        free(s);
}

int oap_policies_get(OapPolicies *p, const char *name, OapService **ret) {
        OapService *s = oap_policies_find(p, name);

        if (s) {
                *ret = s;
                return 0;
        }

        if (HASH_COUNT(p->services) >= OAP_SERVICES_MAX)
                return -EUSERS;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;

        s->name = strdup(name);
        if (s->name)
                HASH_ADD_KEYPTR(hh, p->services, s->name, strlen(s->name), s);
        if (!s->name || !HASH_ADDED(s)) {
                service_free(s);
                return -ENOMEM;
        }

        *ret = s;
        return 0;
}

void oap_policies_drop(OapPolicies *p, OapService *s) {
        HASH_DEL(p->services, s);
        service_free(s);
}

static int file_name(const char *service, OapTarget target, char ret[static FILE_NAME_MAX]) {
        _cleanup_(freep) char *name = NULL;
        int r;

        r = oap_policy_name(service, target, &name);
        if (r < 0)
                return r;

        (void) snprintf(ret, FILE_NAME_MAX, "%s" SUFFIX, name);
        return 0;
}

int oap_cache_put(OapPolicies *p, OapService *s, OapTarget target, const char *text) {
        uint64_t hash = oap_cache_text_hash(text);
        char file[FILE_NAME_MAX];
        int r;

        if (hash == s->hashes[target])
                return 0;
        if (s->hashes[target] == 0 && p->n_files >= OAP_POLICY_FILES_MAX)
                return -EUSERS;

        r = file_name(s->name, target, file);
        if (r < 0)
                return r;

        if (text)
                r = write_file_atomic_at(p->directory_fd, file, text, strlen(text), 0644, FILE_SYNC_NO);
        else if (unlinkat(p->directory_fd, file, 0) < 0 && errno != ENOENT)
                r = -errno;
        if (r < 0)
                return r;

        p->n_files += (s->hashes[target] == 0) - (hash == 0);
        s->hashes[target] = hash;
        return 1;
}

int oap_cache_save(OapPolicies *p) {
        _cleanup_(strbuf_done) StrBuf b = {};
        _cleanup_(freep) char *text = NULL;
        int r;

        oap_uuids_begin(&b, CPROF_VERSION);
        for (const OapService *s = p->services; s && b.length < OAP_UUIDS_SIZE_MAX / 2; s = s->hh.next)
                if (s->uuid)
                        oap_uuids_add(&b,
                                      &(OapUuid){
                                                      .service = s->name,
                                                      .uuid = s->uuid,
                                                      .hash = oap_service_hash(s->hashes),
                                                      .n_items = s->n_items,
                                                      .n_refused = s->n_refused,
                                                      .day = s->day,
                                      });

        r = strbuf_finish(&b, &text);
        return r < 0 ? r
                     : write_file_atomic_at(
                                       p->directory_fd, UUIDS_FILE, text, strlen(text), 0644, FILE_SYNC_NO);
}

static int on_uuid(const OapUuid *u, void *userdata) {
        OapPolicies *p = userdata;
        OapService *s;
        char *uuid;
        int r;

        r = oap_policies_get(p, u->service, &s);
        if (r == -EUSERS)
                return 0;
        if (r < 0)
                return r;

        uuid = strdup(u->uuid);
        if (!uuid)
                return -ENOMEM;

        free(s->uuid);
        s->uuid = uuid;
        s->n_items = u->n_items;
        s->n_refused = u->n_refused;
        s->day = u->day;
        s->waiting_hash = u->hash; /* until the files are seen */
        return 0;
}

static int load_uuids(OapPolicies *p) {
        _cleanup_(freep) char *text = NULL;
        size_t length;
        int r;

        r = read_full_file_at(p->directory_fd, UUIDS_FILE, OAP_UUIDS_SIZE_MAX, &text, &length);
        if (r == -ENOENT)
                return 0;
        if (r >= 0)
                r = oap_uuids_parse(text, length, CPROF_VERSION, on_uuid, p);
        if (r == -ENOMEM)
                return r;
        if (r != 0) /* no harm: OAP is asked for everything */
                log_debug("What is remembered of OAP's policies is not complete, asking for them anew.");

        return 0;
}

/* Whose file it is. -EINVAL: nobody's. */
static int identify(OapPolicies *p, const char *file, const char *text, size_t length) {
        const PolicyText piece = { .path = file, .text = text, .length = length };
        _cleanup_(policy_unrefp) Policy *policy = NULL;
        char expected[FILE_NAME_MAX];
        OapService *s;
        int r;

        r = policy_parse("oap", &piece, 1, &policy, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : -EINVAL;
        if (!policy->services[0] || policy->services[1])
                return -EINVAL;

        for (OapTarget t = 0; t < _OAP_TARGET_MAX; t++) {
                r = file_name(policy->services[0], t, expected);
                if (r < 0)
                        return r;
                if (strcmp(expected, file) != 0)
                        continue;

                r = oap_policies_get(p, policy->services[0], &s);
                if (r < 0)
                        return r;

                s->hashes[t] = oap_cache_text_hash(text);
                p->n_files++;
                return 0;
        }

        return -EINVAL;
}

static int load_file(OapPolicies *p, const char *file) {
        _cleanup_(freep) char *text = NULL;
        size_t length, n = strlen(file);
        int r;

        if (strncmp(file, ".#", 2) == 0) { /* what we were writing when we were killed */
                (void) unlinkat(p->directory_fd, file, 0);
                return 0;
        }

        if (strncmp(file, OAP_POLICY_PREFIX, strlen(OAP_POLICY_PREFIX)) != 0 || n <= strlen(SUFFIX) ||
            strcmp(file + n - strlen(SUFFIX), SUFFIX) != 0)
                return 0;

        r = read_full_file_at(p->directory_fd, file, POLICY_FILE_SIZE_MAX, &text, &length);
        if (r >= 0)
                r = identify(p, file, text, length);
        if (r >= 0 || r == -ENOMEM)
                return r;

        log_warning_errno(r, "Failed to read '%s' among OAP's policies, removing it: %m", file);
        (void) unlinkat(p->directory_fd, file, 0);
        p->is_unclean = true;
        return 0;
}

static int load_files(OapPolicies *p) {
        _cleanup_(closedirp) DIR *dir = NULL;
        int fd, r;

        fd = openat(p->directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        dir = fdopendir(fd);
        if (!dir) {
                r = -errno;
                safe_close(fd);
                return r;
        }

        for (;;) {
                struct dirent *entry;

                errno = 0;
                entry = readdir(dir);
                if (!entry)
                        return -errno; /* 0 at the end */

                r = load_file(p, entry->d_name);
                if (r < 0)
                        return r;
        }
}

int oap_cache_load(OapPolicies *p) {
        int r;

        r = load_uuids(p);
        if (r >= 0)
                r = load_files(p);
        if (r < 0)
                return r;

        for (OapService *s = p->services; s; s = s->hh.next) {
                if (s->uuid && s->waiting_hash != oap_service_hash(s->hashes)) {
                        free(s->uuid);
                        s->uuid = NULL;
                }
                s->waiting_hash = 0;
        }

        return 0;
}
