/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/demangle.h"

#include "basic/cleanup.h"
#include "symbol/symbol-table.h"

#include <ctype.h>
#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

/* Back references make the demangled form of a short name exponentially long, so that its production has to
 * be stopped, not its result cut. The library's callback can't say so: it leaves by longjmp(), which is
 * sound where the library owns no memory while it calls us. That holds but for an identifier in Rust's
 * punycode: then what we are given begins with a letter, a digit, '_' or a byte that is no ASCII. */
typedef struct Output {
        char text[DEMANGLED_NAME_MAX + 1];
        size_t length;
        bool too_long;
        bool rust;
        jmp_buf stop;
} Output;

static bool may_jump(const Output *o, unsigned char first) {
        return !o->rust || (first < 0x80 && first != '_' && !isalnum(first));
}

static void on_output(const char *text, size_t length, void *userdata) {
        Output *o = userdata;

        if (length <= DEMANGLED_NAME_MAX - o->length) {
                memcpy(o->text + o->length, text, length);
                o->length += length;
                return;
        }

        o->too_long = true;
        if (length > 0 && may_jump(o, (unsigned char) text[0]))
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

/* A number of bound lifetimes ("G", digits to the base of 62, "_", after "F" or "D") makes the library count
 * up to it, also where it prints nothing. One digit is 63 of them: more than anybody writes. */
static bool has_many_lifetimes(const char *name) {
        static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

        for (const char *p = strchr(name, 'G'); p; p = strchr(p + 1, 'G')) {
                size_t n = strspn(p + 1, digits);

                if (p > name && (p[-1] == 'F' || p[-1] == 'D') && n > 1 && p[1 + n] == '_')
                        return true;
        }

        return false;
}

static bool demangle_rust(const char *name, Output *o) {
        if (has_many_lifetimes(name))
                return false;

        o->rust = true;
        if (setjmp(o->stop) != 0)
                return false;

        return rust_demangle_callback(name, DMGL_NO_OPTS, on_output, o) && !o->too_long;
}

static bool demangle_cplus(const char *name, int options, Output *o) {
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
        o.rust = false;
        if (!demangle(name, &o) || o.length == 0)
                return 0;

        text = strndup(o.text, o.length);
        if (!text)
                return -ENOMEM;

        *ret_name = text;
        return 1;
}
