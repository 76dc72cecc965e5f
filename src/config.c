/* SPDX-License-Identifier: Apache-2.0 */
/* cprofd.conf: each bad line costs that line, nothing else. */
#include "config.h"

#include "basic/file-io.h"
#include "basic/ini.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "basic/words.h"
#include "config-oap.h"
#include "config-service.h"
#include "config-settings.h"
#include "cprof-config.h"
#include "policy/policy-message.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define CONFIG_DROPINS_MAX 256U

typedef struct Loader {
        Config *config;
        char ***problems;
        const char *path;
        ServiceDraft service;
        char *where[CONFIG_SETTINGS_N]; /* each was set last, "path:line" */
} Loader;

static int problem(Loader *l, unsigned line, const char *what, const char *detail, const char *word) {
        if (strv_length(*l->problems) >= CONFIG_PROBLEMS_MAX)
                return 0;

        return strv_pushf(
                        l->problems,
                        "%s:%u: %s: %s%s%s",
                        l->path,
                        line,
                        what,
                        detail,
                        word ? ", did you mean " : "",
                        word ? word : "");
}

/* Consumes @what, NULL: @error is one that needs no words. */
static int
service_problem(Loader *l,
                int error,
                unsigned line,
                unsigned section_line,
                const char *assignment,
                char *what) {
        int r = error;

        if (what && strv_length(*l->problems) >= CONFIG_PROBLEMS_MAX)
                r = 0;
        else if (what)
                r = strv_pushf(l->problems,
                               "%s:%u: %s: %s; the [Service] section of line %u is left out",
                               l->path,
                               line,
                               assignment,
                               what,
                               section_line);

        free(what);
        return r;
}

static int close_service(Loader *l) {
        unsigned line = l->service.line;
        char *what = NULL;
        int r;

        r = service_draft_close(&l->service, &l->config->services, &what);
        return r < 0 ? service_problem(l, r, line, line, "[Service]", what) : 0;
}

static int
on_service_setting(Loader *l, unsigned line, const char *key, const char *value, const char *assignment) {
        char *what = NULL;
        int r;

        r = service_draft_set(&l->service, key, value, &what);
        return r < 0 ? service_problem(l, r, line, l->service.line, assignment, what) : 0;
}

static int on_section(Loader *l, unsigned line, const char *section) {
        const char *known[CONFIG_SETTINGS_N + 2];
        char shown[POLICY_VALUE_SHOWN_MAX + 4], what[128];
        int r;

        r = close_service(l);
        if (r < 0)
                return r;

        if (strcmp(section, "Service") == 0) {
                l->config->services.is_given = true;
                return service_draft_open(&l->service, l->path, line);
        }

        for (size_t i = 0; i < CONFIG_SETTINGS_N; i++) {
                if (strcmp(config_settings[i].section, section) == 0)
                        return 0;
                known[i] = config_settings[i].section;
        }
        known[CONFIG_SETTINGS_N] = "Service";
        known[CONFIG_SETTINGS_N + 1] = NULL;

        (void) snprintf(what, sizeof(what), "[%s]", policy_value_shown(section, shown));
        return problem(l, line, what, "unknown section", word_nearest(section, known));
}

static int apply(Loader *l, size_t i, unsigned line, const char *value, const char *what) {
        char *where;
        int r;

        r = config_settings[i].set(value, l->config);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                char detail[160];

                (void) snprintf(detail, sizeof(detail), "expected %s", config_settings[i].expected);
                return problem(l, line, what, detail, NULL);
        }

        if (asprintf(&where, "%s:%u", l->path, line) < 0)
                return -ENOMEM;

        free(l->where[i]);
        l->where[i] = where;
        return 0;
}

/* An IniFn: problems are noted, not returned, so that the rest of the file counts. */
static int
on_setting(unsigned line, const char *section, const char *key, const char *value, void *userdata) {
        const char *known[CONFIG_SETTINGS_N + 1] = {};
        Loader *l = userdata;
        char shown_key[POLICY_VALUE_SHOWN_MAX + 4], shown[POLICY_VALUE_SHOWN_MAX + 4], what[256];
        size_t n = 0;

        if (!key)
                return on_section(l, line, section);

        (void) snprintf(what,
                        sizeof(what),
                        "%s=%s",
                        policy_value_shown(key, shown_key),
                        policy_value_shown(value, shown));

        if (l->service.line > 0)
                return on_service_setting(l, line, key, value, what);

        for (size_t i = 0; i < CONFIG_SETTINGS_N; i++) {
                if (strcmp(config_settings[i].section, section) != 0)
                        continue;

                known[n++] = config_settings[i].key;
                if (strcmp(config_settings[i].key, key) == 0)
                        return apply(l, i, line, value, what);
        }

        if (n == 0)
                return 0; /* the section has been reported */

        return problem(l, line, what, "unknown key", word_nearest(key, known));
}

/* The rest of the file is not read. */
static int syntax_problem(Loader *l, unsigned line, const char *message) {
        char *what;

        if (l->service.line == 0)
                return problem(l, line, "syntax", message, NULL);

        l->service.is_bad = true;
        what = strdup(message);
        return what ? service_problem(l, -EINVAL, line, l->service.line, "syntax", what) : -ENOMEM;
}

/* @optional: a missing file is fine. */
static int load_file(Loader *l, const char *path, bool optional) {
        _cleanup_(freep) char *text = NULL, *message = NULL;
        size_t length = 0;
        unsigned line = 0;
        int r;

        r = read_full_file_at(AT_FDCWD, path, INI_FILE_SIZE_MAX, &text, &length);
        if (r == -ENOENT && optional)
                return 0;
        if (r == -ENOTSUP && optional)
                return 0; /* /dev/null: masked */
        if (r < 0)
                return strv_pushf(l->problems, "%s: %s", path, strerror(-r));

        l->path = path;
        r = ini_parse(text, length, on_setting, l, &line, &message);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                r = syntax_problem(l, line, message ?: strerror(-r));

        return r < 0 ? r : close_service(l);
}

typedef struct DropIn {
        char name[NAME_MAX + 1];
        unsigned directory;
} DropIn;

static int compare_dropins(const void *a, const void *b) {
        const DropIn *x = a, *y = b;
        int c = strcmp(x->name, y->name);

        return c != 0 ? c : (int) x->directory - (int) y->directory;
}

/* Adds to the @n ones in @list. */
static int list_dropins(Loader *l, const char *path, unsigned directory, DropIn *list, size_t *n) {
        _cleanup_(closedirp) DIR *d = opendir(path);
        struct dirent *entry;

        if (!d)
                return errno == ENOENT ? 0 : strv_pushf(l->problems, "%s: %s", path, strerror(errno));

        while ((entry = readdir(d))) {
                size_t length = strlen(entry->d_name);

                if (entry->d_name[0] == '.' || length <= 5 ||
                    strcmp(entry->d_name + length - 5, ".conf") != 0)
                        continue;

                if (*n >= CONFIG_DROPINS_MAX)
                        return strv_pushf(
                                        l->problems,
                                        "%s: more than %u drop-ins, ignoring the rest",
                                        path,
                                        CONFIG_DROPINS_MAX);

                memcpy(list[*n].name, entry->d_name, length + 1);
                list[(*n)++].directory = directory;
        }

        return 0;
}

static int load_dropins(Loader *l, const char *root, DropIn *list) {
        static const char *const directories[] = { "/etc/cprof", "/run/cprof", CPROF_VENDOR_DIR };
        char path[PATH_MAX];
        size_t n = 0;
        int r;

        for (unsigned i = 0; i < ELEMENTSOF(directories); i++) {
                (void) snprintf(path, sizeof(path), "%s%s/cprofd.conf.d", root, directories[i]);
                r = list_dropins(l, path, i, list, &n);
                if (r < 0)
                        return r;
        }

        qsort(list, n, sizeof(list[0]), compare_dropins);
        for (size_t i = 0; i < n; i++) {
                if (i > 0 && strcmp(list[i].name, list[i - 1].name) == 0)
                        continue; /* the same name in a directory further up wins */

                r = snprintf(path,
                             sizeof(path),
                             "%s%s/cprofd.conf.d/%s",
                             root,
                             directories[list[i].directory],
                             list[i].name);
                if (r < 0 || (size_t) r >= sizeof(path))
                        continue;

                r = load_file(l, path, true);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int check_together(Loader *l) {
        int r = 0;

        for (size_t i = 0; i < CONFIG_SETTINGS_N && r >= 0; i++) {
                const char *useless;

                if (!l->where[i] || strcmp(config_settings[i].section, "OAP") != 0)
                        continue;

                useless = config_oap_useless(l->config, config_settings[i].key);
                if (useless && strv_length(*l->problems) < CONFIG_PROBLEMS_MAX)
                        r = strv_pushf(l->problems,
                                       "%s: %s= %s",
                                       l->where[i],
                                       config_settings[i].key,
                                       useless);
        }

        return r;
}

static int load_all(Loader *l, const char *root) {
        _cleanup_(freep) DropIn *dropins = NULL;
        char path[PATH_MAX];
        int r;

        dropins = calloc(CONFIG_DROPINS_MAX, sizeof(dropins[0]));
        if (!dropins)
                return -ENOMEM;

        (void) snprintf(path, sizeof(path), "%s/etc/cprof/cprofd.conf", root);
        r = load_file(l, path, true);
        if (r >= 0)
                r = load_dropins(l, root, dropins);

        return r < 0 ? r : check_together(l);
}

int config_load(const char *root, Config *ret_config, char ***ret_problems) {
        _cleanup_(strv_freep) char **problems = NULL;
        Config c;
        Loader l = { .config = &c, .problems = &problems };
        int r;

        config_default(&c);
        r = load_all(&l, root);

        service_draft_done(&l.service);
        for (size_t i = 0; i < CONFIG_SETTINGS_N; i++)
                free(l.where[i]);
        if (r < 0) {
                config_done(&c);
                return r;
        }

        *ret_config = c;
        *ret_problems = TAKE_PTR(problems);
        return 0;
}
