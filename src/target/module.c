/* SPDX-License-Identifier: Apache-2.0 */
/* The table of modules: one object for each piece of code, however many processes map it. */
#include "target/module.h"

#include "basic/utf8.h"

enum {
        KEY_TYPE,
        KEY_A,
        KEY_B,
        KEY_C,
        KEY_D,
        KEY_E,
        _KEY_MAX,
};
_Static_assert(sizeof(((Module *) NULL)->key) == _KEY_MAX * sizeof(uint64_t), "key[] holds all of them");

struct ModuleTable {
        Module *modules;
};

int module_table_new(ModuleTable **ret_table) {
        ModuleTable *t;

        assert(ret_table);

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;

        *ret_table = t;
        return 0;
}

ModuleTable *module_table_free(ModuleTable *t) {
        if (!t)
                return NULL;

        assert(!t->modules);
        free(t);
        return NULL;
}

unsigned module_table_size(const ModuleTable *t) {
        assert(t);

        return HASH_COUNT(t->modules);
}

Module *module_ref(Module *m) {
        assert(m);
        assert(m->n_ref > 0);

        m->n_ref++;
        return m;
}

static Module *module_free(Module *m) {
        (void) safe_close(m->perf_map_fd);
        (void) safe_close(m->fd);
        function_table_free(m->functions);
        free(m->image);
        free(m->path);
        free(m);
        return NULL;
}

Module *module_unref(Module *m) {
        if (!m)
                return NULL;

        assert(m->n_ref > 0);
        if (--m->n_ref > 0)
                return NULL;

        HASH_DEL(m->table->modules, m);
        return module_free(m);
}

static Module *table_find(ModuleTable *t, const uint64_t key[static _KEY_MAX]) {
        Module *m;

        HASH_FIND(hh, t->modules, key, _KEY_MAX * sizeof(key[0]), m);
        return m ? module_ref(m) : NULL;
}

/* A new module with one reference. */
static int
table_add(ModuleTable *t,
          const uint64_t key[static _KEY_MAX],
          const char *path,
          size_t path_length,
          Module **ret) {
        Module *m;

        if (HASH_COUNT(t->modules) >= MODULES_MAX)
                return -ENOSPC;

        m = malloc(sizeof(*m));
        if (!m)
                return -ENOMEM;

        *m = (Module){
                .type = (ModuleType) key[KEY_TYPE],
                .n_ref = 1,
                .table = t,
                .fd = -EBADF,
                .perf_map_fd = -EBADF,
                .path = utf8_sanitize(path, path_length),
        };
        if (!m->path) {
                module_free(m);
                return -ENOMEM;
        }

        memcpy(m->key, key, sizeof(m->key));
        HASH_ADD(hh, t->modules, key, sizeof(m->key), m);
        if (!HASH_ADDED(m)) {
                module_free(m);
                return -ENOMEM;
        }

        *ret = m;
        return 0;
}

Module *module_table_kernel(ModuleTable *t) {
        static const char path[] = "[kernel.kallsyms]";
        uint64_t key[_KEY_MAX] = { [KEY_TYPE] = MODULE_KERNEL };
        Module *m;

        assert(t);

        m = table_find(t, key);
        if (!m && table_add(t, key, path, strlen(path), &m) < 0)
                return NULL;

        return m;
}

static void file_key(uint64_t key[static _KEY_MAX], const struct stat *st, int open_error) {
        key[KEY_TYPE] = MODULE_FILE;
        key[KEY_A] = st->st_dev;
        key[KEY_B] = st->st_ino;
        key[KEY_C] = (uint64_t) st->st_ctim.tv_sec;
        key[KEY_D] = (uint64_t) st->st_ctim.tv_nsec;
        key[KEY_E] = (uint64_t) -open_error; /* what could not be opened for one process may be open for
                                                another */
}

/* Others could write into their file what they like, and the owner of one can take a lack of permission
 * back. */
static bool is_system_file(const struct stat *st, int fd) {
        return fd >= 0 && st->st_uid == 0 && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

Module *module_table_find_file(ModuleTable *t, const struct stat *st) {
        uint64_t key[_KEY_MAX];

        assert(t);
        assert(st);

        file_key(key, st, 0);
        return table_find(t, key);
}

int module_table_get_file(
                ModuleTable *t,
                const struct stat *st,
                int fd,
                int open_error,
                const char *path,
                size_t path_length,
                Module **ret) {
        uint64_t key[_KEY_MAX];
        Module *m;
        int r;

        assert(t);
        assert(st);
        assert((fd >= 0) == (open_error == 0));
        assert(ret);

        file_key(key, st, open_error);
        m = table_find(t, key);
        if (m) {
                (void) safe_close(fd);
                *ret = m;
                return 0;
        }

        r = table_add(t, key, path, path_length, &m);
        if (r < 0)
                return r;

        m->fd = fd;
        m->open_error = open_error;
        m->dev = st->st_dev;
        m->inode = st->st_ino;
        m->change_sec = st->st_ctim.tv_sec;
        m->change_nsec = st->st_ctim.tv_nsec;
        m->is_system = is_system_file(st, fd);
        *ret = m;
        return 0;
}

int module_table_get_vdso(ModuleTable *t, void *image, size_t size, Module **ret) {
        static const char path[] = "[vdso]";
        uint64_t key[_KEY_MAX] = { [KEY_TYPE] = MODULE_VDSO, [KEY_A] = size };
        const uint8_t *bytes = image;
        Module *m;
        int r;

        assert(t);
        assert(image);
        assert(ret);

        for (size_t i = 0; i < size; i++)
                key[KEY_B] = hash_u64(key[KEY_B], bytes[i]);

        m = table_find(t, key);
        if (m) {
                free(image);
                *ret = m;
                return 0;
        }

        r = table_add(t, key, path, strlen(path), &m);
        if (r < 0)
                return r;

        m->image = image;
        m->image_size = size;
        *ret = m;
        return 0;
}

/* What belongs to one process: found by it, else added. Returns 1 if it is new. */
static int
get_of_process(ModuleTable *t,
               ModuleType type,
               const char *path,
               pid_t pid,
               uint64_t start_ticks,
               Module **ret) {
        uint64_t key[_KEY_MAX] = { [KEY_TYPE] = type, [KEY_A] = (uint64_t) pid, [KEY_B] = start_ticks };
        Module *m;
        int r;

        assert(t);
        assert(ret);

        m = table_find(t, key);
        if (m) {
                *ret = m;
                return 0;
        }

        r = table_add(t, key, path, strlen(path), &m);
        if (r < 0)
                return r;

        m->pid = pid;
        m->start_ticks = start_ticks;
        *ret = m;
        return 1;
}

int module_table_get_anon(ModuleTable *t, pid_t pid, uint64_t start_ticks, Module **ret) {
        int r;

        r = get_of_process(t, MODULE_ANON, "[anon]", pid, start_ticks, ret);
        return r < 0 ? r : 0;
}

int module_table_get_python(ModuleTable *t, pid_t pid, uint64_t start_ticks, Module **ret) {
        _cleanup_(module_unrefp) Module *m = NULL;
        int r;

        r = get_of_process(t, MODULE_PYTHON, "[python]", pid, start_ticks, &m);
        if (r < 0)
                return r;

        if (r > 0) {
                r = function_table_new(&m->functions);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(m);
        return 0;
}
