/* SPDX-License-Identifier: Apache-2.0 */
#include "target/identity-name.h"

#include "basic/strbuf.h"
#include "basic/utf8.h"
#include "target/identity.h"

#include <inttypes.h>
#include <string.h>

#define DIGEST_LENGTH 9U /* "~" and 8 hexadecimal digits */

bool identity_template_is_valid(const char *text, char *reterr_specifier) {
        assert(text);

        for (const char *p = text; (p = strchr(p, '%')); p += 2) {
                if (p[1] == '%' || (p[1] != '\0' && strchr(IDENTITY_SPECIFIERS, p[1])))
                        continue;

                if (reterr_specifier)
                        *reterr_specifier = p[1];
                return false;
        }

        return true;
}

/* "OUTER/foo-bar@baz.service": where the parts of the innermost name are. */
typedef struct UnitParts {
        const char *name;
        size_t label_length; /* without the type */
        const char *inner;
        size_t prefix_length;
        const char *last; /* of the prefix */
        const char *instance;
        size_t instance_length;
} UnitParts;

static UnitParts split_unit(const char *name) {
        const char *slash = strrchr(name, '/'), *dot, *at, *dash;
        UnitParts parts = { .name = name, .inner = slash ? slash + 1 : name };

        dot = strrchr(parts.inner, '.') ?: strchr(parts.inner, '\0');
        parts.label_length = (size_t) (dot - name);

        at = memchr(parts.inner, '@', (size_t) (dot - parts.inner));
        parts.prefix_length = (size_t) ((at ?: dot) - parts.inner);
        parts.instance = at ? at + 1 : dot;
        parts.instance_length = (size_t) (dot - parts.instance);

        dash = memrchr(parts.inner, '-', parts.prefix_length);
        parts.last = dash && dash + 1 < parts.inner + parts.prefix_length ? dash + 1 : parts.inner;
        return parts;
}

int identity_unit_label(const char *unit_name, char **ret_label) {
        char *label = strndup(unit_name, split_unit(unit_name).label_length);

        if (!label)
                return -ENOMEM;

        *ret_label = label;
        return 0;
}

static void add_unit_part(StrBuf *b, const Unit *unit, char specifier) {
        UnitParts parts = split_unit(unit->name);

        switch (specifier) {
        case 'n':
                strbuf_add(b, parts.name);
                break;
        case 'N':
                strbuf_add_n(b, parts.name, parts.label_length);
                break;
        case 'p':
                strbuf_add_n(b, parts.inner, parts.prefix_length);
                break;
        case 'j':
                strbuf_add_n(b, parts.last, parts.prefix_length - (size_t) (parts.last - parts.inner));
                break;
        case 'i':
                strbuf_add_n(b, parts.instance, parts.instance_length);
                break;
        }
}

static void add_slice(StrBuf *b, const Unit *unit) {
        for (const Unit *u = unit->slice; u; u = u->slice) {
                size_t n = strlen(u->name);

                if (n > strlen(".slice") && strcmp(u->name + n - strlen(".slice"), ".slice") == 0) {
                        strbuf_add(b, u->name);
                        return;
                }
        }
}

/* A program that was replaced while it runs is the same program. */
static void add_program(StrBuf *b, const Process *p) {
        static const char deleted[] = " (deleted)";
        const char *slash = p->exe ? strrchr(p->exe, '/') : NULL, *name = slash ? slash + 1 : p->exe ?: p->comm;
        size_t n = strlen(name), d = strlen(deleted);

        strbuf_add_n(b, name, p->exe && n > d && strcmp(name + n - d, deleted) == 0 ? n - d : n);
}

static void add_user(StrBuf *b, const NameSource *s) {
        const char *name = user_names_get(s->users, s->process->uid);

        if (*name)
                strbuf_add(b, name);
        else
                strbuf_addf(b, "%u", (unsigned) s->process->uid);
}

static void add_specifier(StrBuf *b, const NameSource *s, char specifier) {
        switch (specifier) {
        case 'H':
                strbuf_add(b, s->host);
                break;
        case 'm':
                strbuf_add(b, s->machine_id);
                break;
        case 'P':
                if (s->is_whole_unit)
                        add_unit_part(b, s->unit, 'N');
                else
                        strbuf_add(b, s->process->name);
                break;
        case 'x':
                if (s->process)
                        add_program(b, s->process);
                break;
        case 'U':
                if (s->process)
                        add_user(b, s);
                break;
        case 's':
                add_slice(b, s->unit);
                break;
        case '%':
                strbuf_add(b, "%");
                break;
        default:
                add_unit_part(b, s->unit, specifier);
                break;
        }
}

int identity_expand(const char *text, const NameSource *source, char **ret_text) {
        _cleanup_(strbuf_done) StrBuf b = {};
        const char *begin, *end;
        char *clean;

        assert(text);
        assert(source && source->unit);

        while (*text) {
                size_t n = strcspn(text, "%");

                strbuf_add_n(&b, text, n);
                text += n;
                if (*text == '\0' || text[1] == '\0')
                        break;

                add_specifier(&b, source, text[1]);
                text += 2;
        }
        if (b.error < 0)
                return b.error;

        begin = b.text ? b.text + strspn(b.text, " \t") : "";
        end = strchr(begin, '\0');
        while (end > begin && (end[-1] == ' ' || end[-1] == '\t'))
                end--;

        clean = utf8_sanitize(begin, (size_t) (end - begin));
        if (!clean)
                return -ENOMEM;

        *ret_text = clean;
        return 0;
}

/* FNV-1a (Fowler, Noll, Vo), 64 bits: the digest stays the same for ever, as names do. */
static uint32_t digest(const char *text) {
        uint64_t h = UINT64_C(0xcbf29ce484222325);

        for (; *text; text++)
                h = (h ^ (unsigned char) *text) * UINT64_C(0x100000001b3);

        return (uint32_t) (h ^ h >> 32);
}

/* The characters beyond the basic plane, which have four bytes, are two UTF-16 units. */
static size_t units_of(unsigned char lead) {
        return (lead & 0xc0) == 0x80 ? 0 : lead >= 0xf0 ? 2 : 1;
}

/* How many bytes of @name, whole characters, are within both limits. */
static size_t fitting(const char *name, size_t units_max, size_t bytes_max) {
        size_t units = 0, n = 0;

        for (size_t i = 0; name[i]; i++) {
                size_t more = units_of((unsigned char) name[i]);

                units += more;
                if (units > units_max || i >= bytes_max)
                        return n;
                if (units_of((unsigned char) name[i + 1]) > 0)
                        n = i + 1;
        }

        return n;
}

void identity_cut(char *name, size_t units_max, size_t bytes_max) {
        size_t n = strlen(name);
        uint32_t d;

        assert(units_max > DIGEST_LENGTH && bytes_max > DIGEST_LENGTH);

        if (fitting(name, units_max, bytes_max) == n)
                return;

        d = digest(name);
        n = fitting(name, units_max - DIGEST_LENGTH, bytes_max - DIGEST_LENGTH);
        (void) snprintf(name + n, DIGEST_LENGTH + 1, "~%08" PRIx32, d);
}
