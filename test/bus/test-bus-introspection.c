/* SPDX-License-Identifier: Apache-2.0 */
/* The contract under dbus/ against what the running object says of itself. */
#include "bus/bus-bed.h"

#include "basic/file-io.h"
#include "basic/strv.h"
#include "bus/bus-names.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>

TestSuite(test_bus_introspection, .timeout = 30);

#define DEPTH_MAX 8U
#define ATTRIBUTES_MAX 8U
#define PRIVILEGED "org.freedesktop.systemd1.Privileged"

/* A list of lines like "method AddPolicy/arg#0 direction=in name=name type=s", one per element. */
typedef struct Reader {
        char *path[DEPTH_MAX]; /* the open elements */
        unsigned n_args[DEPTH_MAX];
        unsigned depth;
        char **lines;
        char **privileged; /* methods that say so */
} Reader;

static int compare_texts(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

/* "<arg a="b" c='d' />" without brackets is cut into its name and "a=b", "c=d". */
static size_t split_tag(char *tag, char **ret_name, char *attributes[static ATTRIBUTES_MAX]) {
        size_t n = 0;
        char *p = tag + strcspn(tag, " \t\r\n/");

        *ret_name = tag;
        while (*p) {
                char quote, *end;

                *p++ = '\0';
                p += strspn(p, " \t\r\n/");
                if (!*p)
                        break;

                cr_assert_lt(n, ATTRIBUTES_MAX);
                attributes[n] = p;
                p += strcspn(p, "=");
                cr_assert(p[0] == '=' && (p[1] == '"' || p[1] == '\''), "'%s'", attributes[n]);

                quote = p[1];
                end = strchr(p + 2, quote);
                cr_assert_not_null(end);
                memmove(p + 1, p + 2, (size_t) (end - p - 2));
                end[-1] = '\0';
                p = end;
                n++;
        }

        qsort(attributes, n, sizeof(attributes[0]), compare_texts);
        return n;
}

static const char *find_attribute(char *const *attributes, size_t n, const char *key) {
        size_t length = strlen(key);

        for (size_t i = 0; i < n; i++)
                if (strncmp(attributes[i], key, length) == 0 && attributes[i][length] == '=')
                        return attributes[i] + length + 1;

        return "";
}

static void add_element(Reader *rd, const char *element, char *const *attributes, size_t n) {
        const char *name = find_attribute(attributes, n, "name"), *parent = rd->path[rd->depth - 1];
        char line[1024];
        size_t length;

        if (strcmp(name, PRIVILEGED) == 0) {
                cr_assert_eq(strv_pushf(&rd->privileged, "%s", parent), 0);
                return;
        }

        if (strcmp(element, "arg") == 0)
                length = (size_t) snprintf(
                                line, sizeof(line), "%s/arg#%u", parent, rd->n_args[rd->depth - 1]++);
        else
                length = (size_t) snprintf(line, sizeof(line), "%s/%s", parent, element);
        for (size_t i = 0; i < n; i++)
                length += (size_t) snprintf(line + length, sizeof(line) - length, " %s", attributes[i]);

        cr_assert_lt(length, sizeof(line));
        cr_assert_eq(strv_pushf(&rd->lines, "%s", line), 0);
}

static void read_tag(Reader *rd, char *tag) {
        bool closed = tag[strlen(tag) - 1] == '/';
        char *attributes[ATTRIBUTES_MAX], *element;
        size_t n;

        if (tag[0] == '/') {
                cr_assert_gt(rd->depth, 0);
                free(rd->path[--rd->depth]);
                return;
        }

        n = split_tag(tag, &element, attributes);
        /* Within our interface; the others are sd-bus's own. */
        if (rd->depth >= 2 && strstr(rd->path[1], CPROF_BUS_INTERFACE))
                add_element(rd, element, attributes, n);
        if (closed)
                return;

        cr_assert_lt(rd->depth, DEPTH_MAX);
        rd->n_args[rd->depth] = 0;
        cr_assert_geq(asprintf(&rd->path[rd->depth++],
                               "%s %s",
                               element,
                               find_attribute(attributes, n, "name")),
                      0);
}

/* XML without entities and CDATA. */
static void read_xml(Reader *rd, char *xml) {
        for (char *p = strchr(xml, '<'); p; p = strchr(p, '<')) {
                char *end;

                if (strncmp(p, "<!--", 4) == 0) {
                        end = strstr(p, "-->");
                        cr_assert_not_null(end);
                        p = end + 3;
                        continue;
                }

                end = strchr(p, '>');
                cr_assert_not_null(end);
                *end = '\0';
                if (p[1] != '!' && p[1] != '?')
                        read_tag(rd, p + 1);
                p = end + 1;
        }

        cr_assert_eq(rd->depth, 0);
        cr_assert(rd->lines);
        qsort(rd->lines, strv_length(rd->lines), sizeof(rd->lines[0]), compare_texts);
        if (rd->privileged) /* the XML of the contract does not say who may call */
                qsort(rd->privileged, strv_length(rd->privileged), sizeof(rd->privileged[0]), compare_texts);
}

static void reader_done(Reader *rd) {
        strv_free(rd->lines);
        strv_free(rd->privileged);
}

static void read_live(Reader *rd) {
        _cleanup_(freep) char *copy = NULL;
        sd_bus_message *m, *reply;
        const char *xml;
        BusBed b;

        bus_bed_init(&b);
        cr_assert_geq(sd_bus_message_new_method_call(
                                      b.client,
                                      &m,
                                      NULL,
                                      CPROF_BUS_PATH,
                                      "org.freedesktop.DBus.Introspectable",
                                      "Introspect"),
                      0);
        reply = bus_bed_send(&b, m);
        cr_assert_gt(sd_bus_message_read(reply, "s", &xml), 0);
        copy = strdup(xml);
        sd_bus_message_unref(reply);
        bus_bed_done(&b);

        cr_assert_not_null(copy);
        read_xml(rd, copy);
}

static void read_contract(Reader *rd) {
        _cleanup_(freep) char *xml = NULL;
        char path[PATH_MAX];

        (void) snprintf(path, sizeof(path), "%s/dbus/" CPROF_BUS_NAME ".xml", getenv("CPROF_SOURCE_ROOT"));
        cr_assert_eq(read_full_file_at(AT_FDCWD, path, 1U << 20, &xml, NULL), 0, "%s", path);
        read_xml(rd, xml);
}

Test(test_bus_introspection, the_object_is_what_the_contract_says) {
        Reader live = {}, contract = {};
        size_t i = 0, j = 0;

        read_live(&live);
        read_contract(&contract);
        cr_assert_gt(strv_length(contract.lines), 80);

        while (i < strv_length(contract.lines) || j < strv_length(live.lines)) {
                const char *should = i < strv_length(contract.lines) ? contract.lines[i] : "\377";
                const char *is = j < strv_length(live.lines) ? live.lines[j] : "\377";
                int c = strcmp(should, is);

                cr_expect_eq(c, 0, "%s: %s", c < 0 ? "missing" : "not in the contract", c < 0 ? should : is);
                i += c <= 0;
                j += c >= 0;
        }

        reader_done(&live);
        reader_done(&contract);
}

Test(test_bus_introspection, whatever_changes_or_discloses_something_needs_privilege) {
        static const char *const expected[] = {
                "method AddPolicy",  "method DeleteTask",   "method GetHottest",   "method GetProfile",
                "method MaskPolicy", "method Reload",       "method RemovePolicy", "method StartTask",
                "method StopTask",   "method UnmaskPolicy",
        };
        Reader live = {};

        read_live(&live);

        cr_assert_eq(strv_length(live.privileged), ELEMENTSOF(expected));
        for (size_t i = 0; i < ELEMENTSOF(expected); i++)
                cr_expect_str_eq(live.privileged[i], expected[i]);

        reader_done(&live);
}
