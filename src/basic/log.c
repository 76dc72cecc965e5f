/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/log.h"

#include "basic/strbuf.h"

#include <stdarg.h>
#include <string.h>

static const char *const level_names[] = {
        [LOG_EMERG] = "emerg",     [LOG_ALERT] = "alert",   [LOG_CRIT] = "crit", [LOG_ERR] = "err",
        [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice", [LOG_INFO] = "info", [LOG_DEBUG] = "debug",
};

static int max_level = LOG_INFO;

void log_set_max_level(int level) {
        max_level = level;
}

int log_get_max_level(void) {
        return max_level;
}

int log_level_from_string(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(level_names); i++)
                if (strcmp(level_names[i], name) == 0)
                        return (int) i;

        return -EINVAL;
}

const char *log_level_to_string(int level) {
        if (level < 0 || (size_t) level >= ELEMENTSOF(level_names))
                return NULL;

        return level_names[level];
}

int log_full_errno(int level, int error, const char *format, ...) {
        _cleanup_(strbuf_done) StrBuf b = {};
        va_list ap;

        error = error < 0 ? -error : error;
        if (level > max_level)
                return -error;

        if (getenv("JOURNAL_STREAM"))
                strbuf_addf(&b, "<%d>", level);

        errno = error;
        va_start(ap, format);
        strbuf_addv(&b, format, ap);
        va_end(ap);
        strbuf_add(&b, "\n");

        if (b.error == 0) /* one write, so that lines of several processes do not mix */
                (void) !write(STDERR_FILENO, b.text, b.length);

        return -error;
}
