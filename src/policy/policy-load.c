/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy-load.h"

#include "basic/file-io.h"
#include "policy/policy-message.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

void policy_pieces_free(PolicyPieces *p) {
        if (!p)
                return;

        for (size_t i = 0; i < p->n; i++)
                free(p->items[i].path);
        free(p);
}

static bool timespec_equal(struct timespec a, struct timespec b) {
        return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool piece_equal(const PolicyPiece *a, const PolicyPiece *b) {
        return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
                        timespec_equal(a->mtime, b->mtime) && timespec_equal(a->ctime, b->ctime) &&
                        strcmp(a->path, b->path) == 0;
}

bool policy_pieces_equal(const PolicyPieces *a, const PolicyPieces *b) {
        if (!a || !b || a->reread || b->reread || a->masked != b->masked || a->n != b->n)
                return false;

        for (size_t i = 0; i < a->n; i++)
                if (!piece_equal(&a->items[i], &b->items[i]))
                        return false;

        return true;
}

static void piece_stamp(PolicyPiece *piece, const struct stat *st) {
        piece->dev = st->st_dev;
        piece->ino = st->st_ino;
        piece->size = st->st_size;
        piece->mtime = st->st_mtim;
        piece->ctime = st->st_ctim;
}

static int refuse_file(const char *path, int error, char **reterr_message) {
        const char *why;

        switch (error) {
        case -ENOMEM:
                return error;
        case -EISDIR:
                why = "is a directory, expected a file";
                break;
        case -ENOTSUP:
                why = "not a regular file";
                break;
        case -EFBIG:
                return policy_refuse(
                                -EINVAL,
                                reterr_message,
                                "%s: larger than %u KiB",
                                path,
                                POLICY_FILE_SIZE_MAX / 1024);
        case -ENOLINK:
                why = "symbolic link to nowhere";
                break;
        default:
                why = strerror(-error);
        }

        return policy_refuse(-EINVAL, reterr_message, "%s: %s", path, why);
}

/* The part of a path below the directory of its source. */
static const char *below_directory(const PolicyScan *scan, PolicySource source, const char *path) {
        return path + strlen(scan->directories[source]) + 1;
}

/* Returns 1 for a mask (/dev/null or empty), 0 for a file to be read, -ENOENT, -ENOLINK for a link to
 * nowhere, -EISDIR, -ENOTSUP, or what stat(2) says. */
static int check_file(int dir_fd, const char *path, struct stat *ret_st) {
        struct stat st;

        if (fstatat(dir_fd, path, &st, 0) < 0) {
                int r = -errno;

                if (r == -ENOENT && fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) >= 0)
                        return -ENOLINK;
                return r;
        }

        if (S_ISCHR(st.st_mode) &&
            st.st_rdev == makedev(1, 3)) /* linux/Documentation/admin-guide/devices.txt */
                return 1;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (!S_ISREG(st.st_mode))
                return -ENOTSUP;
        if (st.st_size == 0)
                return 1;
        if (st.st_size > POLICY_FILE_SIZE_MAX)
                return -EFBIG;

        *ret_st = st;
        return 0;
}

/* Adds the piece unless it is masked (1) or gone (-ENOENT). Takes @path in any case; @pieces has room. */
static int
add_piece(const PolicyScan *scan,
          PolicyPieces *pieces,
          PolicySource source,
          char *path,
          char **reterr_message) {
        _cleanup_(freep) char *owned = path;
        PolicyPiece *piece = &pieces->items[pieces->n];
        struct stat st = {};
        int r;

        r = check_file(dirfd(scan->dirs[source]), below_directory(scan, source, path), &st);
        if (r == -ENOENT || r > 0)
                return r;
        if (r < 0)
                return refuse_file(path, r, reterr_message);

        *piece = (PolicyPiece){ .source = source };
        piece_stamp(piece, &st);
        piece->path = TAKE_PTR(owned);
        pieces->n++;
        return 0;
}

/* Drop-in files by name, then source: the names of PolicyName are file names here. */
typedef struct DropIns {
        PolicyName items[POLICY_DROPINS_MAX * _POLICY_SOURCE_MAX];
        size_t n;
} DropIns;

static void dropins_done(DropIns *d) {
        for (size_t i = 0; i < d->n; i++)
                free(d->items[i].name);
}

static int read_dropins(DropIns *d, DIR *dir, PolicySource source) {
        for (;;) {
                struct dirent *entry;
                char *name;

                errno = 0;
                entry = readdir(dir);
                if (!entry)
                        return -errno; /* 0 at the end */

                if (!policy_file_has_suffix(entry->d_name, ".conf", NULL))
                        continue;
                if (d->n >= ELEMENTSOF(d->items))
                        return -E2BIG;

                name = strdup(entry->d_name);
                if (!name)
                        return -ENOMEM;
                d->items[d->n++] = (PolicyName){ .name = name, .source = source };
        }
}

static int list_dropin_directory(
                const PolicyScan *scan,
                DropIns *d,
                const char *name,
                PolicySource source,
                char **reterr_message) {
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_(freep) char *path = NULL;
        int fd, r;

        if (asprintf(&path, "%s/%s.policy.d", scan->directories[source], name) < 0) {
                path = NULL;
                return -ENOMEM;
        }

        fd = openat(dirfd(scan->dirs[source]),
                    below_directory(scan, source, path),
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : refuse_file(path, -errno, reterr_message);

        dir = fdopendir(fd);
        if (!dir) {
                r = -errno;
                safe_close(fd);
                return r;
        }

        r = read_dropins(d, dir, source);
        if (r == -E2BIG)
                return policy_refuse(-EINVAL, reterr_message, "%s: too many drop-ins", path);
        if (r < 0)
                return refuse_file(path, r, reterr_message);

        return 0;
}

static int
add_dropins(const PolicyScan *scan,
            const DropIns *d,
            const char *name,
            PolicyPieces *pieces,
            char **reterr_message) {
        for (size_t i = 0; i < d->n; i++) {
                const PolicyName *file = &d->items[i];
                char *path;
                int r;

                if (i > 0 && strcmp(d->items[i - 1].name, file->name) == 0)
                        continue; /* a directory of higher precedence has it */

                if (asprintf(&path, "%s/%s.policy.d/%s", scan->directories[file->source], name, file->name) <
                    0)
                        return -ENOMEM;

                if (pieces->n > POLICY_DROPINS_MAX) {
                        r =
                                        policy_refuse(-EINVAL,
                                                      reterr_message,
                                                      "%s: more than %u drop-ins",
                                                      path,
                                                      POLICY_DROPINS_MAX);
                        free(path);
                        return r;
                }

                r = add_piece(scan, pieces, file->source, path, reterr_message);
                if (r < 0 && r != -ENOENT)
                        return r;
        }

        return 0;
}

/* Adds the drop-ins behind the main file; *pieces moves. */
static int
list_dropins(const PolicyScan *scan, const char *name, PolicyPieces **pieces, char **reterr_message) {
        _cleanup_(dropins_done) DropIns d;
        PolicyPieces *grown;
        int r;

        d.n = 0; /* the items are too many to be cleared for each policy */

        for (int i = 0; i < _POLICY_SOURCE_MAX; i++) {
                if (!policy_scan_has_dropins(scan, name, (PolicySource) i))
                        continue;

                r = list_dropin_directory(scan, &d, name, (PolicySource) i, reterr_message);
                if (r < 0)
                        return r;
        }

        if (d.n == 0)
                return 0;

        grown = realloc(*pieces, sizeof(**pieces) + ((*pieces)->n + d.n) * sizeof(grown->items[0]));
        if (!grown)
                return -ENOMEM;
        *pieces = grown;

        qsort(d.items, d.n, sizeof(d.items[0]), policy_name_compare);
        return add_dropins(scan, &d, name, grown, reterr_message);
}

int policy_pieces_list(
                const PolicyScan *scan,
                const char *name,
                PolicySource source,
                PolicyPieces **ret_pieces,
                char **reterr_message) {
        _cleanup_(policy_pieces_freep) PolicyPieces *p = NULL;
        char *path;
        int r;

        p = calloc(1, sizeof(*p) + sizeof(p->items[0]));
        if (!p || asprintf(&path, "%s/%s.policy", scan->directories[source], name) < 0)
                return -ENOMEM;

        r = add_piece(scan, p, source, path, reterr_message);
        if (r < 0)
                return r;

        p->masked = r > 0;
        if (!p->masked) {
                r = list_dropins(scan, name, &p, reterr_message);
                if (r < 0)
                        return r;
        }

        *ret_pieces = TAKE_PTR(p);
        return 0;
}

/* The stamp is taken from the open file: what is changed while we read differs at the next look. */
static int read_piece(const PolicyScan *scan, PolicyPiece *piece, char **ret_text, size_t *ret_length) {
        _cleanup_(closep) int fd = -EBADF;
        struct stat st;

        fd = openat(dirfd(scan->dirs[piece->source]),
                    below_directory(scan, piece->source, piece->path),
                    O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -ENOTSUP;

        piece_stamp(piece, &st);
        return read_full_fd(fd, POLICY_FILE_SIZE_MAX, ret_text, ret_length);
}

int policy_pieces_read(
                const PolicyScan *scan,
                const char *name,
                PolicyPieces *pieces,
                Policy **ret_policy,
                char **reterr_message) {
        PolicyText texts[1 + POLICY_DROPINS_MAX];
        size_t n = 0;
        int r = 0;

        assert(pieces->n > 0 && pieces->n <= ELEMENTSOF(texts));

        for (; n < pieces->n; n++) {
                char *text;

                r = read_piece(scan, &pieces->items[n], &text, &texts[n].length);
                if (r < 0) {
                        pieces->reread = true;
                        r = refuse_file(pieces->items[n].path, r, reterr_message);
                        break;
                }
                texts[n].path = pieces->items[n].path;
                texts[n].text = text;
        }

        if (r >= 0)
                r = policy_parse(name, texts, n, ret_policy, reterr_message);

        while (n > 0)
                free((char *) texts[--n].text);
        return r;
}
