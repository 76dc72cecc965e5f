/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/json-out.h"

#include "basic/log.h"

#include <math.h>
#include <string.h>

int json_out(const Ctl *c, const json_t *value) {
        size_t flags = JSON_ENCODE_ANY |
                        (c->options.json == JSON_MODE_PRETTY ? JSON_INDENT(2) : JSON_COMPACT);

        if (!value || json_dumpf(value, stdout, flags) < 0)
                return log_error_errno(ENOMEM, "Failed to write JSON: %m");

        putchar('\n');
        return 0;
}

json_t *json_number_or_null(double value) {
        return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_strings(char *const *strings) {
        json_t *array = json_array();

        for (; array && strings && *strings; strings++)
                if (json_array_append_new(array, json_string(*strings)) < 0) {
                        json_decref(array);
                        return NULL;
                }

        return array;
}

const json_t *json_at(const json_t *object, const char *path) {
        char name[64];

        while (object && *path != '\0') {
                size_t n = strcspn(path, ".");

                if (n >= sizeof(name))
                        return NULL;

                memcpy(name, path, n);
                name[n] = '\0';
                object = json_object_get(object, name);
                path += n + (path[n] == '.');
        }

        return object;
}

const char *json_text_at(const json_t *object, const char *path, const char *otherwise) {
        const char *text = json_string_value(json_at(object, path));

        return text && text[0] != '\0' ? text : otherwise;
}

uint64_t json_u64_at(const json_t *object, const char *path) {
        json_int_t v = json_integer_value(json_at(object, path));

        return v > 0 ? (uint64_t) v : 0;
}

double json_real_at(const json_t *object, const char *path) {
        const json_t *v = json_at(object, path);

        return json_is_number(v) ? json_number_value(v) : NAN;
}
