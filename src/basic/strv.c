/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/strv.h"

#include <stdarg.h>

char **strv_free(char **list) {
        for (char **s = list; s && *s; s++)
                free(*s);

        free(list);
        return NULL;
}

size_t strv_length(char *const *list) {
        size_t n = 0;

        while (list && list[n])
                n++;

        return n;
}

int strv_push(char ***list, char *item) {
        size_t n = strv_length(*list);
        char **longer;

        if (!item)
                return -ENOMEM;

        longer = realloc(*list, (n + 2) * sizeof(char *));
        if (!longer) {
                free(item);
                return -ENOMEM;
        }

        longer[n] = item;
        longer[n + 1] = NULL;
        *list = longer;
        return 0;
}

int strv_pushf(char ***list, const char *format, ...) {
        char *item = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&item, format, ap) < 0)
                item = NULL;
        va_end(ap);

        return strv_push(list, item);
}
