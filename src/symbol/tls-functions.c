/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/tls-functions.h"

#include "symbol/go-functions.h"
#include "symbol/probe-point.h"
#include "symbol/symbol-search.h"

#include <string.h>

#define CODE_BYTES_UNKNOWN 64U /* looked at of a function whose size is not known */

#if defined(__x86_64__)
#define MACHINE_NATIVE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE_NATIVE EM_AARCH64
#endif

static const char note_dear[] =
                "each call costs some microseconds, as its functions have no place where a probe is cheap";
static const char note_machine[] = "a program for another machine";
static const char note_go[] =
                "this Go program's TLS is not seen: of a version before 1.18, or not understood";

/* Where to look, in this order, until something is found. */
typedef enum Pass {
        PASS_OPENSSL,          /* exported */
        PASS_GNUTLS,           /* ditto */
        PASS_GO,               /* by Go's own table */
        PASS_OPENSSL_BUILT_IN, /* by the symbols of the program: OpenSSL, BoringSSL */
        PASS_END,
} Pass;

enum { SSL_READ, SSL_READ_EX, SSL_WRITE, SSL_WRITE_EX, SSL_WRITE_EX2, SSL_SENDFILE, SSL_FREE, N_SSL };
static const char *const openssl_names[N_SSL] = {
        [SSL_READ] = "SSL_read",         [SSL_READ_EX] = "SSL_read_ex",     [SSL_WRITE] = "SSL_write",
        [SSL_WRITE_EX] = "SSL_write_ex", [SSL_WRITE_EX2] = "SSL_write_ex2", [SSL_SENDFILE] = "SSL_sendfile",
        [SSL_FREE] = "SSL_free",
};

enum { GNUTLS_RECV, GNUTLS_SEND, GNUTLS_SEND2, GNUTLS_DEINIT, N_GNUTLS };
static const char *const gnutls_names[N_GNUTLS] = {
        [GNUTLS_RECV] = "gnutls_record_recv",
        [GNUTLS_SEND] = "gnutls_record_send",
        [GNUTLS_SEND2] = "gnutls_record_send2",
        [GNUTLS_DEINIT] = "gnutls_deinit",
};

/* The last ones are there in any version, to tell where the code is. */
enum { GO_READ, GO_WRITE, GO_CLOSE, N_GO = GO_CLOSE + 4 };
static const char *const go_names[N_GO] = {
        [GO_READ] = "crypto/tls.(*Conn).Read",   [GO_WRITE] = "crypto/tls.(*Conn).Write",
        [GO_CLOSE] = "crypto/tls.(*Conn).Close", "crypto/tls.(*Conn).handshakeContext",
        "crypto/tls.(*Conn).readHandshake",      "crypto/tls.(*Conn).readRecordOrCCS",
};

struct TlsSearch {
        const ElfImage *image; /* borrowed */
        bool is_program;
        Pass pass;
        SymbolSearch *symbols; /* of the pass, one of them */
        GoFunctions *go;
        TlsFunctions result;

        uint8_t code[3][PROBE_POINT_CODE_MAX];
};

bool tls_library_is_candidate(const char *path, size_t length) {
        static const char *const names[] = { "libssl", "libgnutls.so", "libnode.so" };
        const char *base;

        base = memrchr(path, '/', length);
        if (base) {
                length -= (size_t) (base + 1 - path);
                path = base + 1;
        }

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (length >= strlen(names[i]) && memcmp(path, names[i], strlen(names[i])) == 0)
                        return memmem(path, length, ".so", 3) != NULL;

        return false;
}

int tls_search_new(const ElfImage *image, bool is_program, TlsSearch **ret_search) {
        TlsSearch *s;

        assert(image);
        assert(ret_search);

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;

        s->image = image;
        s->is_program = is_program;
        if (!image->is_64 || image->machine != MACHINE_NATIVE) {
                s->result.note = note_machine;
                s->pass = PASS_END;
        }

        *ret_search = s;
        return 0;
}

TlsSearch *tls_search_free(TlsSearch *s) {
        if (!s)
                return NULL;

        (void) symbol_search_free(s->symbols);
        (void) go_functions_free(s->go);
        free(s);
        return NULL;
}

/* The code of a function; of no size if it can't be read. */
static Code read_code(TlsSearch *s, unsigned buffer, FoundSymbol f) {
        uint64_t size = MIN_OF(f.size != 0 ? f.size : CODE_BYTES_UNKNOWN, (uint64_t) PROBE_POINT_CODE_MAX);
        Code code = { .bytes = s->code[buffer], .address = f.address };
        uint64_t offset;

        if (f.address == 0 || s->image->machine != EM_X86_64)
                return code;

        while (size > 0 && elf_image_offset(s->image, f.address, size, &offset) < 0)
                size = f.size != 0 ? 0 : size / 2; /* not known: may be the last one of its segment */
        if (size > 0 && elf_image_read(s->image, offset, s->code[buffer], size) >= 0)
                code.size = size;

        return code;
}

static ProbeTlsFunction *add(TlsSearch *s, ProbeTlsRole role, uint64_t address) {
        ProbeTls *to = &s->result.tls;
        ProbeTlsFunction *f = &to->functions[to->n_functions];

        if (to->n_functions >= PROBE_TLS_FUNCTIONS_MAX ||
            elf_image_offset(s->image, address, 1, &f->offset) < 0 || f->offset >= s->image->size)
                return NULL;

        f->role = role;
        f->n_returns = 0;
        to->n_functions++;
        return f;
}

/* At its cheap place, at its beginning if it has none. */
static void add_function(TlsSearch *s, ProbeTlsRole role, FoundSymbol f, ProbePointUse use) {
        size_t at = 0;

        if (f.address == 0)
                return;

        if (s->image->machine == EM_X86_64 && probe_point_cheap(read_code(s, 0, f), use, &at) < 0 &&
            use == PROBE_POINT_RETURN && role != PROBE_TLS_SSL_SENDFILE)
                s->result.n_dear++;
        (void) add(s, role, f.address + at);
}

static bool is_cheap(TlsSearch *s, FoundSymbol f) {
        size_t at;

        return f.address == 0 || probe_point_cheap(read_code(s, 0, f), PROBE_POINT_RETURN, &at) >= 0;
}

/* The function within the library that both forms of the API call, if that is so and a probe on it is cheap:
 * it has the arguments of @ex, which does nothing but call it. */
static bool
find_inner(TlsSearch *s, FoundSymbol plain, FoundSymbol ex, unsigned n_arguments, uint64_t *ret) {
        FoundSymbol inner = {};
        size_t at;

        if (probe_point_wrapped(read_code(s, 1, ex), n_arguments, &inner.address) < 0)
                return false;
        if (plain.address != 0 && !probe_point_calls(read_code(s, 2, plain), inner.address))
                return false;
        if (probe_point_cheap(read_code(s, 0, inner), PROBE_POINT_RETURN, &at) < 0)
                return false;

        *ret = inner.address + at;
        return true;
}

/* Both forms by their own entries when these are cheap; else by what they have in common. Never both: a call
 * would count twice. */
static void choose_read(TlsSearch *s, FoundSymbol plain, FoundSymbol ex) {
        uint64_t inner;

        if ((!is_cheap(s, plain) || !is_cheap(s, ex)) && find_inner(s, plain, ex, 4, &inner)) {
                (void) add(s, PROBE_TLS_SSL_READ_EX, inner);
                return;
        }

        add_function(s, PROBE_TLS_SSL_READ, plain, PROBE_POINT_RETURN);
        add_function(s, PROBE_TLS_SSL_READ_EX, ex, PROBE_POINT_RETURN);
}

/* Ditto. From 3.3 on there is a third form, which the second one calls; so it is not probed itself. */
static void choose_write(TlsSearch *s, FoundSymbol plain, FoundSymbol ex, FoundSymbol ex2) {
        uint64_t inner;

        if (!is_cheap(s, plain) || !is_cheap(s, ex)) {
                if (ex2.address != 0 && find_inner(s, plain, ex2, 5, &inner)) {
                        (void) add(s, PROBE_TLS_SSL_WRITE_EX2, inner);
                        return;
                }
                if (ex2.address == 0 && find_inner(s, plain, ex, 4, &inner)) {
                        (void) add(s, PROBE_TLS_SSL_WRITE_EX, inner);
                        return;
                }
        }

        add_function(s, PROBE_TLS_SSL_WRITE, plain, PROBE_POINT_RETURN);
        add_function(s, PROBE_TLS_SSL_WRITE_EX, ex, PROBE_POINT_RETURN);
}

static void choose_openssl(TlsSearch *s) {
        FoundSymbol f[N_SSL];

        for (size_t i = 0; i < N_SSL; i++)
                f[i] = symbol_search_found(s->symbols, i);
        if (f[SSL_READ].address == 0 || f[SSL_WRITE].address == 0)
                return;

        choose_read(s, f[SSL_READ], f[SSL_READ_EX]);
        choose_write(s, f[SSL_WRITE], f[SSL_WRITE_EX], f[SSL_WRITE_EX2]);
        add_function(s, PROBE_TLS_SSL_SENDFILE, f[SSL_SENDFILE], PROBE_POINT_RETURN);
        add_function(s, PROBE_TLS_SSL_FREE, f[SSL_FREE], PROBE_POINT_ENTRY);
}

static void choose_gnutls(TlsSearch *s) {
        FoundSymbol f[N_GNUTLS];

        for (size_t i = 0; i < N_GNUTLS; i++)
                f[i] = symbol_search_found(s->symbols, i);
        if (f[GNUTLS_RECV].address == 0 || f[GNUTLS_SEND].address == 0)
                return;

        /* the older form is a jump to the newer one, where there is one */
        add_function(s, PROBE_TLS_GNUTLS_READ, f[GNUTLS_RECV], PROBE_POINT_RETURN);
        add_function(s,
                     PROBE_TLS_GNUTLS_WRITE,
                     f[GNUTLS_SEND2].address != 0 ? f[GNUTLS_SEND2] : f[GNUTLS_SEND],
                     PROBE_POINT_RETURN);
        add_function(s, PROBE_TLS_GNUTLS_FREE, f[GNUTLS_DEINIT], PROBE_POINT_ENTRY);
}

static int add_go(TlsSearch *s, ProbeTlsRole role, size_t i) {
        GoFunction f = go_functions_found(s->go, i);
        uint64_t returns[PROBE_TLS_RETURNS_MAX];
        ProbeTlsFunction *to;
        size_t at = 0;
        unsigned n;
        Code code;
        int r;

        if (f.address == 0 || f.size > PROBE_POINT_CODE_MAX)
                return -ENOENT;

        code = read_code(s, 0, (FoundSymbol){ .address = f.address, .size = f.size });
        r = probe_point_returns(code, returns, ELEMENTSOF(returns), &n);
        if (r < 0)
                return r;

        (void) probe_point_cheap(code, PROBE_POINT_GO, &at);
        to = add(s, role, f.address + at);
        if (!to)
                return -ENOENT;
        if (role == PROBE_TLS_GO_CLOSE)
                return 0;

        for (unsigned k = 0; k < n; k++)
                to->returns[k] = to->offset - at + returns[k];
        to->n_returns = n;
        s->result.n_dear++;
        return 0;
}

static void choose_go(TlsSearch *s) {
        if (go_functions_found(s->go, GO_READ).address == 0) /* has no TLS at all */
                return;

        if (add_go(s, PROBE_TLS_GO_READ, GO_READ) < 0 || add_go(s, PROBE_TLS_GO_WRITE, GO_WRITE) < 0 ||
            add_go(s, PROBE_TLS_GO_CLOSE, GO_CLOSE) < 0) {
                s->result = (TlsFunctions){ .note = note_go };
                s->pass = PASS_END;
        }
}

static int
begin_symbols(TlsSearch *s, uint32_t type, const char *prefix, const char *const *names, size_t n) {
        return symbol_search_new(s->image, type, prefix, names, n, &s->symbols);
}

static int begin_pass(TlsSearch *s) {
        int r;

        switch (s->pass) {
        case PASS_OPENSSL:
                return begin_symbols(s, SHT_DYNSYM, "SSL_", openssl_names, N_SSL);
        case PASS_GNUTLS:
                return s->is_program ? -ENOENT
                                     : begin_symbols(s, SHT_DYNSYM, "gnutls_", gnutls_names, N_GNUTLS);
        case PASS_GO:
                if (!s->is_program)
                        return -ENOENT;
                r = go_functions_new(s->image, "crypto/tls.(*Conn).", go_names, N_GO, &s->go);
                if (r < 0 && r != -ENOENT)
                        s->result.note = note_go;
                return r;
        case PASS_OPENSSL_BUILT_IN:
                return s->is_program ? begin_symbols(s, SHT_SYMTAB, "SSL_", openssl_names, N_SSL) : -ENOENT;
        default:
                return -ENOENT;
        }
}

static void end_pass(TlsSearch *s, int error) {
        if (error >= 0 && s->symbols)
                s->pass == PASS_GNUTLS ? choose_gnutls(s) : choose_openssl(s);
        if (error >= 0 && s->go)
                choose_go(s);
        if (error < 0 && s->go)
                s->result.note = note_go;

        s->symbols = symbol_search_free(s->symbols);
        s->go = go_functions_free(s->go);
        if (s->pass != PASS_END)
                s->pass = s->result.tls.n_functions > 0 ? PASS_END : s->pass + 1;
        if (s->pass == PASS_END && s->result.n_dear > 0)
                s->result.note = note_dear;
}

int tls_search_step(TlsSearch *s) {
        bool begins = !s->symbols && !s->go;
        int r;

        assert(s);

        if (s->pass == PASS_END)
                return 0;

        if (begins)
                r = begin_pass(s);
        else
                r = s->symbols ? symbol_search_step(s->symbols) : go_functions_step(s->go);
        if (r == -ENOMEM)
                return r;

        if (r < 0 || (r == 0 && !begins))
                end_pass(s, r);

        return s->pass != PASS_END;
}

const TlsFunctions *tls_search_result(const TlsSearch *s) {
        return &s->result;
}
