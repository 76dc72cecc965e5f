/* SPDX-License-Identifier: Apache-2.0 */
/* Which systemd units a cgroup path stands for. Pure. */
#include "target/target-set.h"

#include <limits.h>

typedef enum ComponentType {
        COMPONENT_OTHER, /* a directory that is no unit: docker's "docker/HASH", nspawn's "payload" */
        COMPONENT_SLICE,
        COMPONENT_LEAF, /* service or scope: the units that own processes */
} ComponentType;

static bool has_suffix(const char *name, size_t length, const char *suffix) {
        size_t n = strlen(suffix);

        return length > n && memcmp(name + length - n, suffix, n) == 0;
}

/* @ret_name gets the unit name of one path component. */
static ComponentType
component_type(const char *component, size_t length, char ret_name[static UNIT_NAME_MAX]) {
        /* systemd puts '_' before names that the kernel could take for one of its own files, and before
         * names that begin with '_' themselves; https://systemd.io/CGROUP_DELEGATION */
        if (length > 0 && component[0] == '_') {
                component++;
                length--;
        }

        if (length >= UNIT_NAME_MAX)
                return COMPONENT_OTHER;

        memcpy(ret_name, component, length);
        ret_name[length] = '\0';
        /* The root slice has no directory; one of that name would become its own parent. */
        if (!unit_name_is_valid(ret_name) || strcmp(ret_name, "-.slice") == 0)
                return COMPONENT_OTHER;

        return has_suffix(ret_name, length, ".slice") ? COMPONENT_SLICE : COMPONENT_LEAF;
}

typedef struct Chain {
        size_t n, max;
        char **names;
        size_t *path_lengths;
} Chain;

static int chain_add(Chain *c, const char *outer, const char *name, size_t path_length) {
        char *s;

        if (outer) {
                if (asprintf(&s, "%s/%s", outer, name) < 0)
                        return -ENOMEM;
        } else {
                s = strdup(name);
                if (!s)
                        return -ENOMEM;
        }

        c->names[c->n] = s;
        c->path_lengths[c->n++] = path_length;
        return 0;
}

/* Slices, then the outermost service or scope. Returns the length of the path up to there: what follows is
 * inside it. */
static ssize_t add_outer(Chain *c, const char *path) {
        char name[UNIT_NAME_MAX];
        size_t at = 0;
        int r;

        while (path[at] == '/') {
                size_t n = strcspn(path + at + 1, "/");
                ComponentType type = component_type(path + at + 1, n, name);

                /* Below a directory that is not systemd's, unit names are those of someone else's systemd.
                 */
                if (type == COMPONENT_OTHER)
                        return (ssize_t) strlen(path);

                at += 1 + n;
                /* The last two places are for the units that own the processes; more slices than that do not
                 * nest. */
                if (type == COMPONENT_SLICE && c->n + 2 >= c->max)
                        continue;
                if (c->n >= c->max)
                        return (ssize_t) strlen(path);

                r = chain_add(c, NULL, name, at);
                if (r < 0)
                        return r;
                if (type == COMPONENT_LEAF)
                        break;
        }

        return (ssize_t) at;
}

/* The innermost service or scope below the outer one: of a user manager or of a container's systemd. */
static int add_inner(Chain *c, const char *path, size_t at) {
        char name[UNIT_NAME_MAX], inner[UNIT_NAME_MAX] = "";
        size_t inner_length = 0;

        while (path[at] == '/') {
                size_t n = strcspn(path + at + 1, "/");
                ComponentType type = component_type(path + at + 1, n, name);

                at += 1 + n;
                if (type == COMPONENT_LEAF) {
                        memcpy(inner, name, sizeof(inner));
                        inner_length = at;
                }
        }

        if (inner_length == 0 || c->n >= c->max)
                return 0;

        return chain_add(c, c->names[c->n - 1], inner, inner_length);
}

int cgroup_path_to_units(const char *path, size_t max, char **ret_names, size_t *ret_path_lengths) {
        Chain c = { .max = max, .names = ret_names, .path_lengths = ret_path_lengths };
        ssize_t at;
        int r;

        assert(path);
        assert(max > 0 && max <= INT_MAX);

        r = chain_add(&c, NULL, "-.slice", 1);
        if (r < 0)
                return r;

        at = add_outer(&c, path);
        r = at < 0 ? (int) at : add_inner(&c, path, (size_t) at);
        if (r < 0) {
                while (c.n > 0)
                        free(c.names[--c.n]);
                return r;
        }

        return (int) c.n;
}
