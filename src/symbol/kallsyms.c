/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/kallsyms.h"

#include "basic/parse.h"
#include "basic/strbuf.h"
#include "symbol/line-reader.h"

#include <fcntl.h>
#include <string.h>

struct Kallsyms {
        int fd;
        bool all_read;
        SymbolTable *table;
        StrBuf names; /* each with its NUL */
        LineReader reader;
};

int kallsyms_line_parse(const char *line, size_t length, KallsymsLine *ret) {
        const char *p = line, *end = line + length, *tab;
        KallsymsLine l = {};
        int r;

        r = parse_field(&p, end, 16, &l.address);
        if (r < 0)
                return -EBADMSG;

        if (end - p < 4 || p[0] != ' ' || p[2] != ' ')
                return -EBADMSG;
        l.type = p[1];
        l.name = p + 3;

        tab = memchr(l.name, '\t', (size_t) (end - l.name));
        l.name_length = (size_t) ((tab ?: end) - l.name);
        if (l.name_length == 0 || memchr(l.name, '\0', l.name_length))
                return -EBADMSG;

        if (tab) {
                if (end - tab < 4 || tab[1] != '[' || end[-1] != ']')
                        return -EBADMSG;
                l.module = tab + 2;
                l.module_length = (size_t) (end - 1 - l.module);
                if (memchr(l.module, '\0', l.module_length))
                        return -EBADMSG;
        }

        *ret = l;
        return 0;
}

int kallsyms_open(int proc_fd, Kallsyms **ret) {
        _cleanup_(kallsyms_freep) Kallsyms *k = NULL;
        int r;

        assert(ret);

        k = malloc(sizeof(*k));
        if (!k)
                return -ENOMEM;
        k->table = NULL;
        k->all_read = false;
        k->names = (StrBuf){};
        k->reader.offset = 0;
        k->reader.end = UINT64_MAX;
        k->reader.n_buffer = 0;

        k->fd = k->reader.fd = openat(proc_fd, "kallsyms", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (k->fd < 0)
                return -errno;

        r = symbol_table_new(&k->table);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(k);
        return 0;
}

Kallsyms *kallsyms_free(Kallsyms *k) {
        if (!k)
                return NULL;

        k->fd = safe_close(k->fd);
        symbol_table_free(k->table);
        strbuf_done(&k->names);
        free(k);
        return NULL;
}

static int on_line(const char *line, size_t length, uint64_t offset, void *userdata) {
        Kallsyms *k = userdata;
        unsigned flags = SYMBOL_OPEN | SYMBOL_FUNCTION;
        KallsymsLine l;
        size_t name = k->names.length;

        if (kallsyms_line_parse(line, length, &l) < 0 || l.address == 0 || !strchr("tTwW", l.type))
                return 0;
        if (name + l.name_length + l.module_length + 4 > KALLSYMS_NAMES_MAX)
                return -E2BIG;

        strbuf_add_n(&k->names, l.name, l.name_length);
        if (l.module) {
                strbuf_add_n(&k->names, " [", 2);
                strbuf_add_n(&k->names, l.module, l.module_length);
                strbuf_add_n(&k->names, "]", 1);
        }
        strbuf_add_n(&k->names, "", 1);
        if (k->names.error < 0)
                return k->names.error;

        if (l.type != 't')
                flags |= SYMBOL_EXPORTED;
        if (l.type == 'w' || l.type == 'W')
                flags |= SYMBOL_WEAK;
        return symbol_table_add(k->table, l.address, KALLSYMS_SYMBOL_SIZE_MAX, flags, (uint32_t) name);
}

int kallsyms_step(Kallsyms *k) {
        char *names;
        size_t size;
        int r;

        assert(k);

        if (k->all_read)
                return symbol_table_finish_step(k->table, /* complete= */ true);

        r = line_reader_step(&k->reader, on_line, k);
        if (r != 0)
                return r;

        size = k->names.length;
        r = strbuf_finish(&k->names, &names);
        if (r < 0)
                return r;

        symbol_table_names_in_memory(k->table, 0, names, size);
        k->all_read = true;
        return 1;
}

SymbolTable *kallsyms_take(Kallsyms *k) {
        return TAKE_PTR(k->table);
}
