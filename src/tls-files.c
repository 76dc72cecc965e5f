/* SPDX-License-Identifier: Apache-2.0 */
#include "tls-files.h"

#include "basic/hash.h"

static const char note_unreadable[] = "a file that may have its TLS library can't be read";

/* Without padding: hashed and compared as bytes. */
typedef struct FileKey {
        uint64_t dev, inode;
        int64_t change_sec, change_nsec;
        uint64_t is_program;
} FileKey;

typedef struct File {
        FileKey key;
        TlsFunctions *functions; /* NULL: none, and @note is why */
        const char *note;
        UT_hash_handle hh; /* in order of use, oldest first */
} File;

struct TlsFiles {
        File *files;
        TlsFunctions none; /* what is said of files without functions */

        /* the one that is searched */
        File *searched;
        Module *module;
        ElfImage *image;
        TlsSearch *search;
};

static void search_end(TlsFiles *f) {
        f->search = tls_search_free(f->search);
        f->image = elf_image_free(f->image);
        f->module = module_unref(f->module);
        f->searched = NULL;
}

static void drop(TlsFiles *f, File *file) {
        HASH_DEL(f->files, file);
        free(file->functions);
        free(file);
}

int tls_files_new(TlsFiles **ret) {
        TlsFiles *f;

        assert(ret);

        f = calloc(1, sizeof(*f));
        if (!f)
                return -ENOMEM;

        *ret = f;
        return 0;
}

TlsFiles *tls_files_free(TlsFiles *f) {
        File *file, *next;

        if (!f)
                return NULL;

        search_end(f);
        HASH_ITER(hh, f->files, file, next)
        drop(f, file);

        free(f);
        return NULL;
}

static int add(TlsFiles *f, const FileKey *key, File **ret) {
        File *file;

        if (HASH_COUNT(f->files) >= TLS_FILES_MAX)
                drop(f, f->files);

        file = calloc(1, sizeof(*file));
        if (!file)
                return -ENOMEM;

        file->key = *key;
        HASH_ADD(hh, f->files, key, sizeof(file->key), file);
        if (!HASH_ADDED(file)) {
                free(file);
                return -ENOMEM;
        }

        *ret = file;
        return 0;
}

/* What is no ELF file has no functions and nothing to say. */
static int search_begin(TlsFiles *f, File *file, Module *m) {
        int r;

        if (m->fd < 0) {
                file->note = note_unreadable;
                return 1;
        }

        r = elf_image_open_fd(m->fd, &f->image);
        if (r >= 0)
                r = tls_search_new(f->image, file->key.is_program, &f->search);
        if (r < 0) {
                f->image = elf_image_free(f->image);
                return r == -ENOMEM ? r : 1;
        }

        f->module = module_ref(m);
        f->searched = file;
        return 0;
}

int tls_files_get(TlsFiles *f, Module *m, bool is_program, const TlsFunctions **ret_functions) {
        FileKey key = {
                .dev = m->dev,
                .inode = m->inode,
                .change_sec = m->change_sec,
                .change_nsec = m->change_nsec,
                .is_program = is_program,
        };
        File *file;
        int r;

        assert(!tls_files_is_busy(f));
        assert(ret_functions);

        HASH_FIND(hh, f->files, &key, sizeof(key), file);
        if (file) {
                HASH_DEL(f->files, file);
                HASH_ADD(hh, f->files, key, sizeof(file->key), file);
                if (!HASH_ADDED(file)) {
                        free(file->functions);
                        free(file);
                        return -ENOMEM;
                }
        } else {
                r = add(f, &key, &file);
                if (r < 0)
                        return r;

                r = search_begin(f, file, m);
                if (r < 0)
                        drop(f, file);
                if (r <= 0)
                        return r;
        }

        f->none = (TlsFunctions){ .note = file->note };
        *ret_functions = file->functions ?: &f->none;
        return 1;
}

bool tls_files_is_busy(const TlsFiles *f) {
        return f->search;
}

void tls_files_step(TlsFiles *f) {
        const TlsFunctions *found;
        int r;

        assert(tls_files_is_busy(f));

        r = tls_search_step(f->search);
        if (r > 0)
                return;

        found = tls_search_result(f->search);
        f->searched->note = r < 0 ? note_unreadable : found->note;
        if (r >= 0 && found->tls.n_functions > 0) {
                f->searched->functions = malloc(sizeof(*found));
                if (f->searched->functions)
                        *f->searched->functions = *found;
                else
                        f->searched->note = note_unreadable;
        }

        search_end(f);
}

unsigned tls_files_n(const TlsFiles *f) {
        return HASH_COUNT(f->files);
}
