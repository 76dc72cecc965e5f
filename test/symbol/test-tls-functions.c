/* SPDX-License-Identifier: Apache-2.0 */
/* Where probes go in TLS libraries: in ones made for it, and in the real ones of this machine against what
 * binutils says of them. */
#include "symbol/tls-functions.h"

#include "basic/strbuf.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>

TestSuite(tls_functions, .timeout = 60);

typedef struct Subject {
        int fd;
        ElfImage *image;
        TlsSearch *search;
        const TlsFunctions *found;
} Subject;

static void subject_close(Subject *s) {
        (void) tls_search_free(s->search);
        (void) elf_image_free(s->image);
        (void) safe_close(s->fd);
}

static void search(const char *path, bool is_program, Subject *s) {
        unsigned n_steps = 0;

        *s = (Subject){ .fd = open(path, O_RDONLY | O_CLOEXEC) };
        cr_assert_geq(s->fd, 0, "%s", path);
        cr_assert_eq(elf_image_open_fd(s->fd, &s->image), 0);
        cr_assert_eq(tls_search_new(s->image, is_program, &s->search), 0);
        while (tls_search_step(s->search) > 0)
                cr_assert_lt(++n_steps, 100000);
        s->found = tls_search_result(s->search);
}

static const ProbeTlsFunction *find(const Subject *s, ProbeTlsRole role) {
        const ProbeTlsFunction *found = NULL;

        for (size_t i = 0; i < s->found->tls.n_functions; i++)
                if (s->found->tls.functions[i].role == role) {
                        cr_expect_null(found, "role %i twice", role);
                        found = &s->found->tls.functions[i];
                }

        return found;
}

#if defined(__x86_64__)
/* The function is probed @distance bytes behind the beginning of @symbol of the loaded library: told by the
 * bytes, which are like no other's. */
static void
expect_at(const Subject *s, void *library, ProbeTlsRole role, const char *symbol, size_t distance) {
        const ProbeTlsFunction *f = find(s, role);
        const uint8_t *memory = dlsym(library, symbol);
        uint8_t bytes[12];

        cr_assert_not_null(memory, "%s", symbol);
        cr_assert_not_null(f, "no role %i", role);
        cr_assert_eq(pread(s->fd, bytes, sizeof(bytes), (off_t) f->offset), (ssize_t) sizeof(bytes));
        cr_expect_arr_eq(bytes, memory + distance, sizeof(bytes), "%s+%zu", symbol, distance);
}

static void *open_variant(const char *name, Subject *s) {
        char path[512];
        void *library;

        (void) snprintf(path, sizeof(path), "%s/tls-%s.so", getenv("CPROF_SUBJECTS"), name);
        library = dlopen(path, RTLD_LAZY);
        cr_assert_not_null(library, "%s", dlerror());
        search(path, false, s);
        return library;
}

Test(tls_functions, dear_entries_are_avoided_by_what_they_call) {
        _cleanup_(subject_close) Subject s = { .fd = -EBADF };
        void *l = open_variant("inner", &s);

        cr_expect_eq(s.found->tls.n_functions, 3);
        cr_expect_eq(s.found->n_dear, 0);
        cr_expect_null(s.found->note);
        expect_at(&s, l, PROBE_TLS_SSL_READ_EX, "inner_read", 4);
        expect_at(&s, l, PROBE_TLS_SSL_WRITE_EX, "inner_write", 0);
        expect_at(&s, l, PROBE_TLS_SSL_FREE, "SSL_free", 3);
}

Test(tls_functions, third_form_of_write_has_its_own_arguments) {
        _cleanup_(subject_close) Subject s = { .fd = -EBADF };
        void *l = open_variant("third", &s);

        cr_expect_eq(s.found->tls.n_functions, 3);
        expect_at(&s, l, PROBE_TLS_SSL_READ_EX, "inner_read", 4);
        expect_at(&s, l, PROBE_TLS_SSL_WRITE_EX2, "inner_write", 0);
}

Test(tls_functions, cheap_entries_are_taken_as_they_are) {
        _cleanup_(subject_close) Subject s = { .fd = -EBADF };
        void *l = open_variant("cheap", &s);

        cr_expect_eq(s.found->tls.n_functions, 5);
        cr_expect_eq(s.found->n_dear, 0);
        expect_at(&s, l, PROBE_TLS_SSL_READ, "SSL_read", 4);
        expect_at(&s, l, PROBE_TLS_SSL_READ_EX, "SSL_read_ex", 0);
        expect_at(&s, l, PROBE_TLS_SSL_WRITE, "SSL_write", 0);
        expect_at(&s, l, PROBE_TLS_SSL_WRITE_EX, "SSL_write_ex", 2);
}

Test(tls_functions, dear_entries_are_taken_and_said_where_nothing_else_is_safe) {
        static const struct {
                const char *variant;
                unsigned n_dear;
                size_t n_functions;
        } rows[] = { { "dear", 4, 5 }, { "moved", 2, 4 }, { "apart", 2, 4 } };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(subject_close) Subject s = { .fd = -EBADF };
                void *l = open_variant(rows[i].variant, &s);

                cr_expect_eq(s.found->tls.n_functions, rows[i].n_functions, "%s", rows[i].variant);
                cr_expect_eq(s.found->n_dear, rows[i].n_dear, "%s: %u", rows[i].variant, s.found->n_dear);
                cr_expect_not_null(s.found->note, "%s", rows[i].variant);
                expect_at(&s, l, PROBE_TLS_SSL_READ, "SSL_read", 0);
                expect_at(&s, l, PROBE_TLS_SSL_READ_EX, "SSL_read_ex", 0);
        }
}

Test(tls_functions, library_built_in_is_found_by_the_symbols_of_the_program) {
        static const uint8_t inner_read[] = { 0x53, 0xb8, 107 }; /* push %rbx, mov $107, %eax */
        _cleanup_(subject_close) Subject s = { .fd = -EBADF };
        uint8_t bytes[sizeof(inner_read)];
        const ProbeTlsFunction *f;
        char path[512];

        (void) snprintf(path, sizeof(path), "%s/tls-built-in", getenv("CPROF_SUBJECTS"));
        search(path, true, &s);
        cr_assert_eq(s.found->tls.n_functions, 3);
        f = find(&s, PROBE_TLS_SSL_READ_EX);
        cr_assert_not_null(f);
        cr_assert_eq(pread(s.fd, bytes, sizeof(bytes), (off_t) f->offset), (ssize_t) sizeof(bytes));
        cr_expect_arr_eq(bytes, inner_read, sizeof(bytes));

        subject_close(&s);
        search(path, false, &s);
        cr_expect_eq(s.found->tls.n_functions, 0, "libraries are asked for what they export");
}

/* What the kernel emulates, read again from the file. */
static void expect_emulated(const Subject *s, const ProbeTlsFunction *f) {
        uint8_t b[2];

        cr_assert_not_null(f);
        cr_assert_eq(pread(s->fd, b, sizeof(b), (off_t) f->offset), (ssize_t) sizeof(b));
        cr_expect((b[0] >= 0x50 && b[0] <= 0x57) || (b[0] == 0x41 && b[1] >= 0x50 && b[1] <= 0x57) ||
                                  b[0] == 0xe9 || b[0] == 0x90 || (b[0] & 0xf0) == 0x70 || b[0] == 0x0f,
                  "%02x %02x",
                  b[0],
                  b[1]);
}

static void describe(const char *what, const Subject *s) {
        for (size_t i = 0; i < s->found->tls.n_functions; i++) {
                const ProbeTlsFunction *f = &s->found->tls.functions[i];

                fprintf(stderr,
                        "%s: role %i at 0x%llx, %u returns\n",
                        what,
                        f->role,
                        (unsigned long long) f->offset,
                        f->n_returns);
        }
        fprintf(stderr, "%s: %u dear, %s\n", what, s->found->n_dear, s->found->note ?: "no note");
}

static uint64_t offset_of(const Subject *s, void *library, const char *symbol) {
        uintptr_t address = (uintptr_t) dlsym(library, symbol);
        uint64_t offset;
        Dl_info info;

        cr_assert_neq(dladdr(dlsym(library, symbol), &info), 0, "%s", symbol);
        cr_assert_eq(elf_image_offset(s->image, address - (uintptr_t) info.dli_fbase, 1, &offset), 0);
        return offset;
}

/* Linked by another linker: other code comes first, and nothing tells how much. */
Test(tls_functions, go_behind_other_code) {
        _cleanup_(subject_close) Subject s = { .fd = -EBADF };
        const ProbeTlsFunction *f;
        char path[512];
        void *l;

        (void) snprintf(path, sizeof(path), "%s/tls-go.so", getenv("CPROF_SUBJECTS"));
        l = dlopen(path, RTLD_LAZY);
        cr_assert_not_null(l, "%s", dlerror());
        search(path, true, &s);

        cr_assert_eq(s.found->tls.n_functions, 3);
        f = find(&s, PROBE_TLS_GO_READ);
        cr_expect_eq(f->offset, offset_of(&s, l, "go_read") + 9);
        cr_assert_eq(f->n_returns, 2);
        cr_expect_eq(f->returns[0], offset_of(&s, l, "go_read_ret1"));
        cr_expect_eq(f->returns[1], offset_of(&s, l, "go_read_ret2"));
        f = find(&s, PROBE_TLS_GO_WRITE);
        cr_expect_eq(f->offset, offset_of(&s, l, "go_write") + 9);
        f = find(&s, PROBE_TLS_GO_CLOSE);
        cr_expect_eq(f->offset, offset_of(&s, l, "go_close") + 9);
        cr_expect_eq(f->n_returns, 0);
}

Test(tls_functions, openssl_of_this_machine) {
        _cleanup_(subject_close) Subject s = { .fd = -EBADF };
        void *l = dlopen("libssl.so.3", RTLD_LAZY);
        const ProbeTlsFunction *read, *write;
        Dl_info info;

        if (!l)
                cr_skip_test("no libssl.so.3");
        cr_assert_neq(dladdr(dlsym(l, "SSL_read"), &info), 0);
        search(info.dli_fname, false, &s);
        describe(info.dli_fname, &s);

        /* one way in for each direction, or each form its own */
        read = find(&s, PROBE_TLS_SSL_READ) ?: find(&s, PROBE_TLS_SSL_READ_EX);
        write = find(&s, PROBE_TLS_SSL_WRITE) ?: find(&s, PROBE_TLS_SSL_WRITE_EX);
        expect_emulated(&s, read);
        expect_emulated(&s, write ?: find(&s, PROBE_TLS_SSL_WRITE_EX2));
        cr_expect_not_null(find(&s, PROBE_TLS_SSL_FREE));
        cr_expect_not_null(find(&s, PROBE_TLS_SSL_SENDFILE));
        cr_expect_eq(s.found->n_dear, 0);
}

Test(tls_functions, gnutls_of_this_machine) {
        _cleanup_(subject_close) Subject s = { .fd = -EBADF };
        void *l = dlopen("libgnutls.so.30", RTLD_LAZY);
        Dl_info info;

        if (!l)
                cr_skip_test("no libgnutls.so.30");
        cr_assert_neq(dladdr(dlsym(l, "gnutls_record_recv"), &info), 0);
        search(info.dli_fname, false, &s);
        describe(info.dli_fname, &s);

        cr_expect_eq(s.found->tls.n_functions, 3);
        cr_assert_not_null(find(&s, PROBE_TLS_GNUTLS_READ));
        expect_emulated(&s, find(&s, PROBE_TLS_GNUTLS_WRITE));
        cr_expect_not_null(find(&s, PROBE_TLS_GNUTLS_FREE));
}

Test(tls_functions, node_has_openssl_built_in) {
        _cleanup_(subject_close) Subject s = { .fd = -EBADF };

        if (access("/usr/bin/node", R_OK) < 0)
                cr_skip_test("no node");
        search("/usr/bin/node", true, &s);
        describe("node", &s);

        if (s.found->tls.n_functions == 0)
                cr_skip_test("this node has its OpenSSL as a library");
        cr_expect_eq(s.found->n_dear, 0);
        expect_emulated(&s, find(&s, PROBE_TLS_SSL_READ) ?: find(&s, PROBE_TLS_SSL_READ_EX));
}

/* Calls @fn with each line that @command prints. */
static void
for_each_line(const char *command, void (*fn)(const char *line, void *userdata), void *userdata) {
        FILE *p = popen(command, "r");
        char line[1024];

        cr_assert_not_null(p);
        while (fgets(line, sizeof(line), p))
                fn(line, userdata);
        cr_assert_eq(pclose(p), 0, "%s", command);
}

typedef struct Disassembly {
        uint64_t start;
        unsigned n_returns;
        uint64_t returns[PROBE_TLS_RETURNS_MAX];
} Disassembly;

/* "  5ae740:	cmp    0x10(%r14),%rsp" */
static void take_instruction(const char *line, void *userdata) {
        Disassembly *d = userdata;
        unsigned long long at;
        char mnemonic[16];

        if (sscanf(line, " %llx:\t%15s", &at, mnemonic) != 2)
                return;
        if (d->start == 0)
                d->start = at;
        if (strcmp(mnemonic, "ret") == 0 && d->n_returns < PROBE_TLS_RETURNS_MAX)
                d->returns[d->n_returns++] = at;
}

static void expect_as_disassembled(const Subject *s, const char *go, ProbeTlsRole role, const char *name) {
        const ProbeTlsFunction *f = find(s, role);
        Disassembly d = {};
        char command[512];
        uint64_t address;

        cr_assert_not_null(f);
        (void) snprintf(command,
                        sizeof(command),
                        "objdump -d --no-show-raw-insn --disassemble='crypto/tls.(*Conn).%s' %s",
                        name,
                        go);
        for_each_line(command, take_instruction, &d);

        cr_assert_eq(elf_image_address(s->image, f->offset, &address), 0);
        cr_expect(address > d.start && address < d.start + 32, "%s", name);
        expect_emulated(s, f);
        if (role == PROBE_TLS_GO_CLOSE)
                return;

        cr_assert_eq(f->n_returns, d.n_returns, "%s: %u, not %u", name, f->n_returns, d.n_returns);
        for (unsigned i = 0; i < d.n_returns; i++) {
                cr_assert_eq(elf_image_address(s->image, f->returns[i], &address), 0);
                cr_expect_eq(address, d.returns[i]);
        }
}

/* The go program itself is one that speaks TLS. */
static const char *find_go(void) {
        static const char *const paths[] = { "/usr/local/go/bin/go", "/usr/lib/go/bin/go", "/usr/bin/go" };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                if (access(paths[i], R_OK) == 0)
                        return paths[i];

        return NULL;
}

Test(tls_functions, go_by_its_own_table) {
        _cleanup_(subject_close) Subject s = { .fd = -EBADF }, stripped = { .fd = -EBADF };
        char copy[] = "/tmp/test-tls-go-XXXXXX", command[256];
        const char *go = find_go();

        if (!go)
                cr_skip_test("no Go");
        search(go, true, &s);
        describe(go, &s);
        cr_assert_eq(s.found->tls.n_functions, 3);
        expect_as_disassembled(&s, go, PROBE_TLS_GO_READ, "Read");
        expect_as_disassembled(&s, go, PROBE_TLS_GO_WRITE, "Write");
        expect_as_disassembled(&s, go, PROBE_TLS_GO_CLOSE, "Close");

        safe_close(mkstemp(copy));
        (void) snprintf(command, sizeof(command), "strip -o %s %s", copy, go);
        cr_assert_eq(system(command), 0);
        search(copy, true, &stripped);
        (void) unlink(copy);
        for (size_t i = 0; i < s.found->tls.n_functions; i++)
                cr_expect_eq(stripped.found->tls.functions[i].n_returns,
                             s.found->tls.functions[i].n_returns);
        cr_expect_eq(stripped.found->tls.n_functions, 3);
}
#endif

Test(tls_functions, programs_without_tls_have_none) {
        _cleanup_(subject_close) Subject s = { .fd = -EBADF };

        search("/proc/self/exe", true, &s);
        cr_expect_eq(s.found->tls.n_functions, 0);
        cr_expect_null(s.found->note);
}

Test(tls_functions, libraries_are_known_by_name) {
        static const struct {
                const char *path;
                bool is;
        } rows[] = {
                { "/usr/lib/x86_64-linux-gnu/libssl.so.3", true },
                { "/usr/lib64/libssl.so.1.1 (deleted)", true },
                { "/app/psycopg2.libs/libssl-3a880ecd.so.1.1", true },
                { "libgnutls.so.30.34.3", true },
                { "/usr/lib/libnode.so.108", true },
                { "/usr/lib/libcrypto.so.3", false },
                { "/usr/lib/libssl/readme", false },
                { "/usr/lib/mylibssl.so", false },
                { "/usr/lib/libgnutls-openssl.so.27", false },
                { "", false },
                { "/", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                cr_expect_eq(tls_library_is_candidate(rows[i].path, strlen(rows[i].path)),
                             rows[i].is,
                             "%s",
                             rows[i].path);
}
