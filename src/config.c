/* SPDX-License-Identifier: Apache-2.0 */
/* cprofd.conf: each bad line costs that line, nothing else. */
#include "config.h"

#include "basic/file-io.h"
#include "basic/ini.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "basic/words.h"
#include "cprof-config.h"
#include "policy/policy-message.h"
#include "task/governor.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define CONFIG_DROPINS_MAX 256U

typedef struct Loader {
        Config *config;
        char ***problems;
        const char *path;
} Loader;

typedef int (*SettingFn)(const char *value, Config *c);

static int set_log_level(const char *value, Config *c) {
        int level = log_level_from_string(value);

        if (level < 0)
                return level;

        c->log_level = level;
        return 0;
}

static int set_oncpu_hz(const char *value, Config *c) {
        return parse_uint(value, 1, PROBE_ONCPU_HZ_MAX, &c->oncpu_hz);
}

static int set_java_attach(const char *value, Config *c) {
        return parse_bool(value, &c->java_attach);
}

static int set_tasks_max(const char *value, Config *c) {
        return parse_uint(value, 1, 1024, &c->tasks_max);
}

static int set_processes_max(const char *value, Config *c) {
        return parse_uint(value, 1, 65536, &c->processes_max);
}

static int set_unwind_bytes(const char *value, Config *c) {
        uint64_t bytes;
        int r;

        r = parse_bytes(value, &bytes);
        if (r < 0)
                return r;
        if (bytes < UNWIND_BYTES_MIN || bytes > UNWIND_BYTES_MAX)
                return -ERANGE;

        c->unwind_bytes = bytes;
        return 0;
}

static int set_budget(const char *value, Config *c) {
        size_t length = strlen(value);
        char number[32];
        double percent;
        int r;

        if (length == 0 || length >= sizeof(number) || value[length - 1] != '%')
                return -EINVAL;

        memcpy(number, value, length - 1);
        number[length - 1] = '\0';

        r = parse_double(number, BUDGET_PERCENT_MAX, &percent);
        if (r < 0)
                return r;
        if (percent < BUDGET_PERCENT_MIN)
                return -ERANGE;

        c->budget_percent = percent;
        return 0;
}

static int set_recorder_hz(const char *value, Config *c) {
        return parse_uint(value, 0, RECORDER_HZ_MAX, &c->recorder_hz);
}

static int set_recorder_sec(const char *value, Config *c) {
        usec_t usec;
        int r;

        r = timespan_parse(value, &usec);
        if (r < 0)
                return r;
        if (usec > RECORDER_SEC_MAX * USEC_PER_SEC || usec % USEC_PER_SEC != 0)
                return -ERANGE;

        c->recorder_sec = (unsigned) (usec / USEC_PER_SEC);
        return 0;
}

static int set_debuginfod(const char *value, Config *c) {
        return parse_bool(value, &c->debuginfod);
}

static int set_debuginfod_urls(const char *value, Config *c) {
        if (strlen(value) >= sizeof(c->debuginfod_urls))
                return -E2BIG;

        (void) snprintf(c->debuginfod_urls, sizeof(c->debuginfod_urls), "%s", value);
        return 0;
}

static int set_max_use(const char *value, Config *c) {
        return parse_bytes(value, &c->store.max_use_bytes);
}

static int set_keep_free(const char *value, Config *c) {
        return parse_bytes(value, &c->store.keep_free_bytes);
}

static int set_max_age(const char *value, Config *c) {
        if (strcmp(value, "infinity") == 0) {
                c->store.max_age_usec = USEC_INFINITY;
                return 0;
        }

        return timespan_parse(value, &c->store.max_age_usec);
}

static const struct {
        const char *section, *key;
        SettingFn set;
        const char *expected;
} settings[] = {
        { "Manager", "LogLevel", set_log_level, "err, warning, notice, info or debug" },
        { "Profile", "OnCpuHz", set_oncpu_hz, "a number from 1 to 1000" },
        { "Profile", "MaxTasks", set_tasks_max, "a number from 1 to 1024" },
        { "Profile", "MaxProcesses", set_processes_max, "a number from 1 to 65536" },
        { "Profile", "JavaAttach", set_java_attach, "yes or no" },
        { "Profile", "UnwindTablesMax", set_unwind_bytes, "bytes from 1M to 1G" },
        { "Profile", "Budget", set_budget, "a share of the host from 0.1% to 100%" },
        { "Recorder", "RecorderHz", set_recorder_hz, "a number from 0 (off) to 100" },
        { "Recorder", "RecorderSec", set_recorder_sec, "whole seconds from 0 (off) to 600" },
        { "Symbols", "Debuginfod", set_debuginfod, "yes or no" },
        { "Symbols", "DebuginfodUrls", set_debuginfod_urls, "URLs of at most 1023 bytes" },
        { "Store", "MaxUse", set_max_use, "bytes such as 500M" },
        { "Store", "KeepFree", set_keep_free, "bytes such as 1G" },
        { "Store", "MaxAge", set_max_age, "a time span such as 14d, or infinity" },
};

void config_default(Config *c) {
        *c = (Config){
                .log_level = LOG_INFO,
                .oncpu_hz = PROBE_ONCPU_HZ_DEFAULT,
                .tasks_max = TASKS_RUNNING_MAX_DEFAULT,
                .processes_max = PROBE_WATCHED_MAX,
                .java_attach = true,
                .unwind_bytes = PROBE_UNWIND_BYTES_DEFAULT,
                .recorder_hz = RECORDER_HZ_DEFAULT,
                .recorder_sec = RECORDER_SEC_DEFAULT,
                .budget_percent = BUDGET_PERCENT_DEFAULT,
                .store.max_age_usec = USEC_INFINITY,
        };
}

unsigned config_recorder_every(const Config *c) {
        assert(c);

        return c->recorder_sec > 0 ? recorder_every(c->oncpu_hz, c->recorder_hz) : 0;
}

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

static int unknown_section(Loader *l, unsigned line, const char *section) {
        const char *known[ELEMENTSOF(settings) + 1];
        char shown[POLICY_VALUE_SHOWN_MAX + 4], what[128];

        for (size_t i = 0; i < ELEMENTSOF(settings); i++) {
                if (strcmp(settings[i].section, section) == 0)
                        return 0;
                known[i] = settings[i].section;
        }
        known[ELEMENTSOF(settings)] = NULL;

        (void) snprintf(what, sizeof(what), "[%s]", policy_value_shown(section, shown));
        return problem(l, line, what, "unknown section", word_nearest(section, known));
}

/* An IniFn: problems are noted, not returned, so that the rest of the file counts. */
static int
on_setting(unsigned line, const char *section, const char *key, const char *value, void *userdata) {
        const char *known[ELEMENTSOF(settings) + 1] = {};
        Loader *l = userdata;
        char shown_key[POLICY_VALUE_SHOWN_MAX + 4], shown[POLICY_VALUE_SHOWN_MAX + 4], what[256];
        size_t n = 0;

        if (!key)
                return unknown_section(l, line, section);

        (void) snprintf(what,
                        sizeof(what),
                        "%s=%s",
                        policy_value_shown(key, shown_key),
                        policy_value_shown(value, shown));

        for (size_t i = 0; i < ELEMENTSOF(settings); i++) {
                if (strcmp(settings[i].section, section) != 0)
                        continue;

                known[n++] = settings[i].key;
                if (strcmp(settings[i].key, key) != 0)
                        continue;

                if (settings[i].set(value, l->config) < 0) {
                        char detail[128];

                        (void) snprintf(detail, sizeof(detail), "expected %s", settings[i].expected);
                        return problem(l, line, what, detail, NULL);
                }
                return 0;
        }

        if (n == 0)
                return 0; /* the section has been reported */

        return problem(l, line, what, "unknown key", word_nearest(key, known));
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
                return problem(l, line, "syntax", message ?: strerror(-r), NULL);

        return 0;
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

int config_load(const char *root, Config *ret_config, char ***ret_problems) {
        _cleanup_(strv_freep) char **problems = NULL;
        _cleanup_(freep) DropIn *dropins = NULL;
        char path[PATH_MAX];
        Config c;
        Loader l = { .config = &c, .problems = &problems };
        int r;

        config_default(&c);

        dropins = calloc(CONFIG_DROPINS_MAX, sizeof(dropins[0]));
        if (!dropins)
                return -ENOMEM;

        (void) snprintf(path, sizeof(path), "%s/etc/cprof/cprofd.conf", root);
        r = load_file(&l, path, true);
        if (r < 0)
                return r;

        r = load_dropins(&l, root, dropins);
        if (r < 0)
                return r;

        *ret_config = c;
        *ret_problems = TAKE_PTR(problems);
        return 0;
}
