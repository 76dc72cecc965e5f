/* SPDX-License-Identifier: Apache-2.0 */
/* The loader of ELF symbols, as file and as image in memory, and the names it finds through the demangler.
 */
#include "basic/file-io.h"
#include "symbol/demangle.h"
#include "symbol/elf-load.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(const ModuleSymbols *m, uint64_t address) {
        _cleanup_(freep) char *demangled = NULL;
        char name[SYMBOL_NAME_MAX + 1];

        if (symbol_table_name(m->table, address, name) >= 0)
                (void) symbol_demangle(name, &demangled);
}

static void run(ElfLoad *l, int fd) {
        _cleanup_(module_symbols_freep) ModuleSymbols *m = NULL;
        int r;

        while ((r = elf_load_step(l)) > 0)
                ;
        if (r < 0)
                return;

        m = elf_load_take(l);
        if (module_symbols_bind(m, fd) < 0 || !m->table)
                return;

        for (uint64_t offset = 0; offset < 8192; offset += 37) {
                uint64_t address;

                look_up(m, offset);
                look_up(m, UINT64_MAX - offset);
                if (module_symbols_address(m, offset, &address) >= 0)
                        look_up(m, address);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const roots[] = { "/nonexistent", NULL };
        _cleanup_(elf_load_freep) ElfLoad *file = NULL, *memory = NULL;
        _cleanup_(closep) int fd = -EBADF;

        if (size > 1U << 20)
                return 0;

        if (elf_load_new_memory(data, size, &memory) >= 0)
                run(memory, -EBADF);

        fd = memfd_create("fuzz-elf", MFD_CLOEXEC);
        if (fd < 0 || write_full_fd(fd, data, size) < 0)
                return 0;
        if (elf_load_new_file(fd, "/nonexistent/file", roots, &file) >= 0)
                run(file, fd);

        return 0;
}
