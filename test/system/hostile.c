/* SPDX-License-Identifier: Apache-2.0 */
/* hostile MODE …: programs that no profiler should stumble over. Each burns CPU time in functions of its
 * own: burn               an ordinary one maps N             N mappings, every other one of code churn maps
 * and unmaps code all the time jit BYTES          code made at run time and a perf map of that size forge IN
 * OUT KIND  a copy of a program with other unwind information */
#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#pragma GCC optimize("omit-frame-pointer") /* whatever the others are built with */

#define PAGE 4096U
#define N_FDES 2000000U
#define CODE_BYTES (1U << 30) /* of a segment that is a hole in the file */
#define CODE_ADDRESS UINT64_C(0x10000000)

volatile uint64_t hostile_sink;

__attribute__((noinline)) void hostile_inner(void);
__attribute__((noinline)) void hostile_middle(void);
__attribute__((noinline)) void hostile_outer(void);

void hostile_inner(void) {
        uint64_t x = hostile_sink;

        for (unsigned i = 0; i < 100000; i++)
                x = x * UINT64_C(6364136223846793005) + 1;
        hostile_sink = x;
}

/* The empty assembly keeps each call a call. */
void hostile_middle(void) {
        hostile_inner();
        __asm__ volatile("");
}

void hostile_outer(void) {
        hostile_middle();
        __asm__ volatile("");
}

static _Noreturn void fail(const char *what) {
        perror(what);
        exit(EXIT_FAILURE);
}

static void *map_self(size_t size) {
        int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        void *p = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

        if (p == MAP_FAILED)
                fail("mmap");
        (void) close(fd);
        return p;
}

static void make_mappings(unsigned long n) {
        uint8_t *p = mmap(NULL, n * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
                fail("mmap");
        for (unsigned long i = 0; i < n; i += 2)
                if (mprotect(p + i * PAGE, PAGE, PROT_READ) < 0)
                        break; /* as many as there may be */
}

static void churn(void) {
        for (;;) {
                void *pages[16];

                for (unsigned i = 0; i < 16; i++)
                        pages[i] = map_self((i + 1) * PAGE);
                hostile_outer();
                for (unsigned i = 0; i < 16; i++)
                        (void) munmap(pages[i], (i + 1) * PAGE);
        }
}

/* "1: dec %edi; jnz 1b; ret" a page, called in turn; then lines about it after a hole. */
static void jit(uint64_t size) {
        static const uint8_t code[] = { 0xff, 0xcf, 0x75, 0xfc, 0xc3 };
        uint8_t *p = mmap(
                        NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        char path[64], line[128];
        void (*run)(unsigned);
        int fd, n;

        if (p == MAP_FAILED)
                fail("mmap");
        memcpy(p, code, sizeof(code));
        memcpy(&run, &p, sizeof(run)); /* NOLINT */

        (void) snprintf(path, sizeof(path), "/tmp/perf-%i.map", (int) getpid());
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd >= 0) {
                /* millions of lines at the end that all speak of this page */
                n = snprintf(line, sizeof(line), "\n%lx 5 j", (unsigned long) p);
                for (uint64_t at = size > 80U << 20 ? size - (80U << 20) : 0; at < size; at += 1U << 20) {
                        static char block[1U << 20];

                        for (size_t i = 0; i + (size_t) n <= sizeof(block); i += (size_t) n)
                                memcpy(block + i, line, (size_t) n);
                        (void) !pwrite(fd, block, sizeof(block), (off_t) at);
                }
                n = snprintf(line, sizeof(line), "\n%lx 5 jitted_code\n", (unsigned long) p);
                (void) !pwrite(fd, line, (size_t) n, (off_t) size);
                (void) close(fd);
        }

        for (;;)
                run(1000000);
}

typedef struct Forge {
        uint8_t *bytes; /* of the copy */
        size_t size;
        int fd; /* it goes there */
        Elf64_Ehdr *header;
        Elf64_Shdr *frame; /* .eh_frame */
} Forge;

static void forge_open(Forge *f, const char *in, const char *out) {
        int fd = open(in, O_RDONLY | O_CLOEXEC);
        Elf64_Shdr *sections;
        struct stat st;
        const char *names;

        if (fd < 0 || fstat(fd, &st) < 0)
                fail(in);
        f->size = (size_t) st.st_size;
        f->bytes = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
        f->fd = open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
        if (f->bytes == MAP_FAILED || f->fd < 0)
                fail(out);

        f->header = (Elf64_Ehdr *) f->bytes;
        sections = (Elf64_Shdr *) (f->bytes + f->header->e_shoff);
        names = (const char *) f->bytes + sections[f->header->e_shstrndx].sh_offset;
        for (unsigned i = 0; i < f->header->e_shnum; i++)
                if (strcmp(names + sections[i].sh_name, ".eh_frame") == 0)
                        f->frame = sections + i;
        if (!f->frame)
                fail(".eh_frame");
}

/* The note (of the compiler's version or so) becomes a segment of code, a hole of the file behind the rest.
 */
static void forge_code(Forge *f) {
        Elf64_Phdr *p = (Elf64_Phdr *) (f->bytes + f->header->e_phoff);

        for (unsigned i = 0; i < f->header->e_phnum; i++)
                if (p[i].p_type == PT_GNU_PROPERTY || p[i].p_type == PT_GNU_RELRO)
                        p[i] = (Elf64_Phdr){
                                .p_type = PT_LOAD,
                                .p_flags = PF_R | PF_X,
                                .p_offset = CODE_BYTES,
                                .p_vaddr = CODE_ADDRESS,
                                .p_paddr = CODE_ADDRESS,
                                .p_filesz = CODE_BYTES,
                                .p_memsz = CODE_BYTES,
                                .p_align = PAGE,
                        };
}

static void put(uint8_t **at, const void *value, size_t size) {
        memcpy(*at, value, size);
        *at += size;
}

/* A CIE and @N_FDES FDEs of @code_size bytes of code, @stride apart, each with two rows. */
static void forge_fdes(Forge *f, uint64_t code, uint64_t stride, uint32_t code_size) {
        /* version 1, "zR", 1, -8, 16, absolute pointers of 8 bytes; def_cfa rsp 8; rip at cfa-8 */
        static const uint8_t cie[] = { 20, 0,    0,  0, 0, 0,    0, 0, 1,    'z', 'R', 0,
                                       1,  0x78, 16, 1, 4, 0x0c, 7, 8, 0x90, 1,   0,   0 };
        /* advance 1; def_cfa_offset 16 */
        static const uint8_t instructions[] = { 0, 0x41, 0x0e, 16, 0, 0, 0, 0 };
        size_t size = sizeof(cie) + (size_t) N_FDES * 32;
        uint8_t *section = malloc(size), *at = section;

        if (!section)
                fail("malloc");
        put(&at, cie, sizeof(cie));
        for (uint32_t i = 0; i < N_FDES; i++) {
                uint64_t start = code + i * stride, length = code_size;
                uint32_t bytes = 28, to_cie = (uint32_t) (at + 4 - section);

                put(&at, &bytes, 4);
                put(&at, &to_cie, 4);
                put(&at, &start, 8);
                put(&at, &length, 8);
                put(&at, instructions, sizeof(instructions));
        }

        f->frame->sh_offset = UINT64_C(2) << 30;
        f->frame->sh_size = size;
        if (pwrite(f->fd, section, size, (off_t) f->frame->sh_offset) != (ssize_t) size)
                fail("pwrite");
        free(section);
}

static void forge(const char *in, const char *out, const char *kind) {
        uint32_t *words;
        Forge f = {};

        forge_open(&f, in, out);
        words = (uint32_t *) (f.bytes + f.frame->sh_offset);

        if (strcmp(kind, "truncated") == 0)
                f.frame->sh_offset = f.size - 40, f.frame->sh_size = 1U << 20;
        else if (strcmp(kind, "cyclic") == 0) /* FDEs whose CIE is an FDE, or they themselves */
                for (size_t i = 0; i + 4 <= f.frame->sh_size / 4; i += 4)
                        words[i] = 12, words[i + 1] = i % 8 == 0 ? 4 : (uint32_t) -16;
        else if (strcmp(kind, "random") == 0)
                for (size_t i = 0; i < f.frame->sh_size / 4; i++)
                        words[i] = (uint32_t) random() % (i % 4 == 0 ? 64 : UINT32_MAX);
        else if (strcmp(kind, "overlapping") == 0)
                forge_fdes(&f, 0x1000, 0, 0x10000);
        else if (strcmp(kind, "huge") == 0) {
                forge_code(&f);
                forge_fdes(&f, CODE_ADDRESS, 256, 200);
        } else
                fail(kind);

        if (pwrite(f.fd, f.bytes, f.size, 0) != (ssize_t) f.size)
                fail("pwrite");
}

int main(int argc, char **argv) {
        const char *mode = argc > 1 ? argv[1] : "";

        if (strcmp(mode, "forge") == 0 && argc == 5) {
                forge(argv[2], argv[3], argv[4]);
                return EXIT_SUCCESS;
        }
        if (strcmp(mode, "maps") == 0 && argc == 3)
                make_mappings(strtoul(argv[2], NULL, 10));
        else if (strcmp(mode, "churn") == 0)
                churn();
        else if (strcmp(mode, "jit") == 0 && argc == 3)
                jit(strtoull(argv[2], NULL, 10));
        else if (strcmp(mode, "burn") != 0)
                return EXIT_FAILURE;

        for (;;)
                hostile_outer();
}
