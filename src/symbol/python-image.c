/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/python-image.h"

#include <string.h>

#define CHUNK_SYMBOLS 1024U
#define SYMBOLS_LOOKED_AT_MAX 2000000U
#define STRINGS_MAX (32U << 20)
#define RELEASE_CANDIDATE 0xcU /* of PY_VERSION_HEX: 0xa alpha, 0xb beta, 0xf final */

static const char eval_name[] = "_PyEval_EvalFrameDefault";

/* What a pass over one section of symbols found; addresses, 0 = not there. */
typedef struct Found {
        uint64_t runtime, code_type, version;
        PythonEval *eval;
        const ElfImage *image;
} Found;

bool python_image_is_candidate(const char *path, size_t length) {
        static const char part[] = "python3";
        const char *base;

        base = memrchr(path, '/', length);
        if (base) {
                length -= (size_t) (base + 1 - path);
                path = base + 1;
        }

        return memmem(path, length, part, strlen(part)) != NULL;
}

/* The file offset of the @size bytes at @address. */
static int address_to_offset(const ElfImage *e, uint64_t address, uint64_t size, uint64_t *ret_offset) {
        for (size_t i = 0; i < e->n_segments; i++) {
                const ElfSegment *s = &e->segments[i];

                if (address >= s->address && address - s->address < s->file_size &&
                    s->file_size - (address - s->address) >= size) {
                        *ret_offset = s->offset + (address - s->address);
                        return 0;
                }
        }

        return -ENOENT;
}

static void eval_add(Found *f, const Elf64_Sym *symbol) {
        PythonEval *eval = f->eval;
        uint64_t start;

        if (symbol->st_size == 0 || eval->n_parts >= PYTHON_EVAL_PARTS_MAX ||
            address_to_offset(f->image, symbol->st_value, symbol->st_size, &start) < 0)
                return;

        for (unsigned i = 0; i < eval->n_parts; i++)
                if (eval->parts[i].start == start)
                        return;

        eval->parts[eval->n_parts].start = start;
        eval->parts[eval->n_parts].end = start + symbol->st_size;
        eval->n_parts++;
}

static void take_symbol(Found *f, const Elf64_Sym *symbol, const char *name) {
        if (symbol->st_shndx == SHN_UNDEF)
                return;

        if (strcmp(name, "Py_Version") == 0)
                f->version = symbol->st_value;
        else if (strcmp(name, "PyCode_Type") == 0)
                f->code_type = symbol->st_value;
        else if (strcmp(name, "_PyRuntime") == 0)
                f->runtime = symbol->st_value;
        else if (strncmp(name, eval_name, strlen(eval_name)) == 0 &&
                 (name[strlen(eval_name)] == '\0' || name[strlen(eval_name)] == '.')) /* ".cold" */
                eval_add(f, symbol);
}

/* All strings of the section that @symbols links to, with a NUL behind them. */
static int read_strings(const ElfImage *e, const ElfSection *symbols, char **ret_strings, size_t *ret_size) {
        _cleanup_(freep) char *strings = NULL;
        const ElfSection *s;
        int r;

        if (symbols->entry_size != sizeof(Elf64_Sym) || symbols->link >= e->n_sections)
                return -EBADMSG;

        s = &e->sections[symbols->link];
        if (s->size == 0 || s->size > STRINGS_MAX || !elf_image_has_bytes(e, s))
                return -EBADMSG;

        strings = malloc(s->size + 1);
        if (!strings)
                return -ENOMEM;

        r = elf_image_read(e, s->offset, strings, s->size);
        if (r < 0)
                return r;

        strings[s->size] = '\0';
        *ret_strings = TAKE_PTR(strings);
        *ret_size = s->size;
        return 0;
}

static int look_through(const ElfImage *e, uint32_t type, Found *f) {
        const ElfSection *symbols = elf_image_section_by_type(e, type);
        _cleanup_(freep) char *strings = NULL;
        Elf64_Sym chunk[CHUNK_SYMBOLS];
        size_t size;
        uint64_t n;
        int r;

        if (!symbols)
                return -ENOENT;

        r = read_strings(e, symbols, &strings, &size);
        if (r < 0)
                return r;

        n = MIN_OF(symbols->size / sizeof(chunk[0]), (uint64_t) SYMBOLS_LOOKED_AT_MAX);
        for (uint64_t i = 0; i < n;) {
                uint64_t m = MIN_OF(n - i, (uint64_t) CHUNK_SYMBOLS);

                r = elf_image_read(e, symbols->offset + i * sizeof(chunk[0]), chunk, m * sizeof(chunk[0]));
                if (r < 0)
                        return r;

                for (uint64_t k = 0; k < m; k++)
                        if (chunk[k].st_name < size)
                                take_symbol(f, &chunk[k], strings + chunk[k].st_name);
                i += m;
        }

        return 0;
}

int python_image_find(const ElfImage *e, PythonImage *ret_image, PythonEval *ret_eval) {
        PythonEval eval = {};
        Found f = { .eval = &eval, .image = e };
        uint64_t offset, version;
        int r;

        assert(e);
        assert(ret_image);
        assert(ret_eval);

        if (!e->is_64)
                return -ENOENT;

        r = look_through(e, SHT_DYNSYM, &f);
        if (r < 0)
                return r;
        if (f.runtime == 0 || f.version == 0)
                return -ENOENT;

        r = look_through(e, SHT_SYMTAB, &f); /* for the other parts of the loop */
        if (r == -ENOMEM)
                return r;

        /* 3.11 is the first that has it: the number is a long */
        r = address_to_offset(e, f.version, sizeof(version), &offset);
        if (r >= 0)
                r = elf_image_read(e, offset, &version, sizeof(version));
        if (r < 0)
                return -EBADMSG;

        if ((version >> 4 & 0xf) < RELEASE_CANDIDATE)
                return -ENOENT; /* layouts still changed */

        *ret_image = (PythonImage){
                .version = (unsigned) (version >> 16 & 0xffff),
                .runtime = f.runtime,
                .code_type = f.code_type,
        };
        *ret_eval = eval;
        return 0;
}
