/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/demangle.h"

#include "basic/cleanup.h"
#include "symbol/symbol-table.h"

#include <ctype.h>
#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

/* Back references make the demangled form of a short name exponentially long, so that its production has
 * to be stopped, not its result cut. The library's callback can't say so: it leaves by longjmp(), which
 * is sound where the library owns no memory while it calls us. That holds but for Rust's punycode. */
typedef struct Output {
        char text[DEMANGLED_NAME_MAX + 1];
        size_t length;
        bool too_long, may_jump;
        jmp_buf stop;
} Output;

#define RUST_BACK_REFERENCES_MAX 12U /* with punycode: 12 of them unfold to at most 3^4 times the length */

static void on_output(const char *text, size_t length, void *userdata) {
        Output *o = userdata;

        if (length <= DEMANGLED_NAME_MAX - o->length) {
                memcpy(o->text + o->length, text, length);
                o->length += length;
                return;
        }

        o->too_long = true;
        if (o->may_jump)
                longjmp(o->stop, 1);
}

/* "_ZN" … "17h" and 16 hexadecimal digits, "E": what rustc writes by default. */
static bool is_rust_legacy(const char *name) {
        const char *hash = NULL;

        if (strncmp(name, "_ZN", 3) != 0)
                return false;

        for (const char *p = strstr(name, "17h"); p; p = strstr(p + 1, "17h"))
                hash = p + 3;

        return hash && strspn(hash, "0123456789abcdef") == 16 && hash[16] == 'E';
}

static bool is_rust_v0(const char *name) {
        return name[0] == '_' && name[1] == 'R' &&
                        (isupper((unsigned char) name[2]) || isdigit((unsigned char) name[2]));
}

static bool has_punycode(const char *name) {
        for (const char *p = strchr(name, 'u'); p; p = strchr(p + 1, 'u'))
                if (isdigit((unsigned char) p[1]))
                        return true;
        return false;
}

static unsigned count_back_references(const char *name) {
        unsigned n = 0;

        for (; *name; name++)
                n += *name == 'B';
        return n;
}

static bool demangle_rust(const char *name, Output *o) {
        o->may_jump = true;
        if (is_rust_v0(name) && has_punycode(name)) {
                o->may_jump = false;
                if (count_back_references(name) > RUST_BACK_REFERENCES_MAX)
                        return false;
        }

        if (setjmp(o->stop) != 0)
                return false;

        return rust_demangle_callback(name, DMGL_NO_OPTS, on_output, o) && !o->too_long;
}

static bool demangle_cplus(const char *name, int options, Output *o) {
        o->may_jump = true;
        if (setjmp(o->stop) != 0)
                return false;

        return cplus_demangle_v3_callback(name, options, on_output, o) && !o->too_long;
}

static bool demangle(const char *name, Output *o) {
        if (is_rust_v0(name) || is_rust_legacy(name))
                if (demangle_rust(name, o))
                        return true;

        if (strncmp(name, "_Z", 2) != 0)
                return false;

        *o = (Output){};
        if (demangle_cplus(name, DMGL_PARAMS | DMGL_ANSI, o))
                return true;

        /* Most of a long C++ name are the types of its parameters. */
        *o = (Output){};
        return demangle_cplus(name, DMGL_ANSI, o);
}

int symbol_demangle(const char *name, char **ret_name) {
        Output o;
        char *text;

        assert(name);
        assert(ret_name);

        if (name[0] != '_' || strnlen(name, SYMBOL_NAME_MAX) >= SYMBOL_NAME_MAX)
                return 0;

        o.length = 0;
        o.too_long = false;
        if (!demangle(name, &o) || o.length == 0)
                return 0;

        text = strndup(o.text, o.length);
        if (!text)
                return -ENOMEM;

        *ret_name = text;
        return 1;
}
