/* SPDX-License-Identifier: Apache-2.0 */
/* The reader below all configuration files: whatever the bytes, its callback sees trimmed text in order. */
#include "basic/cleanup.h"
#include "basic/ini.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Seen {
        unsigned line;
        unsigned n_calls, n_calls_max;
} Seen;

static void require(bool condition) {
        if (!condition)
                abort();
}

static bool is_trimmed(const char *text) {
        size_t n = strlen(text);

        return n == 0 || (!strchr(" \t", text[0]) && !strchr(" \t", text[n - 1]));
}

static int on_line(unsigned line, const char *section, const char *key, const char *value, void *userdata) {
        Seen *seen = userdata;

        require(section && *section);
        require(line > seen->line);
        require(!key == !value);
        seen->line = line;

        if (key) {
                require(is_trimmed(key) && is_trimmed(value));
                require(!strchr(key, '=') && !strchr(value, '\n'));
                require(strlen(value) <= INI_LINE_LENGTH_MAX);
        }

        return ++seen->n_calls > seen->n_calls_max ? -ECANCELED : 0;
}

static void parse(const char *text, size_t size, unsigned n_calls_max) {
        _cleanup_(freep) char *message = NULL;
        Seen seen = { .n_calls_max = n_calls_max };
        unsigned line = 0;
        int r;

        r = ini_parse(text, size, on_line, &seen, &line, &message);
        require(r == 0 || r == -EINVAL || r == -EFBIG || r == -ECANCELED);
        require((r == -EINVAL || r == -EFBIG) == (message != NULL));
        if (r == -ECANCELED)
                require(line == seen.line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        parse((const char *) data, size, UINT32_MAX);
        parse((const char *) data, size, 3);
        return 0;
}
