/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/table-list.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

struct TableEntry {
        Place rows;
        bool taken;
};

void table_list_done(TableList *l) {
        free(l->entries);
        *l = (TableList){};
}

int table_list_get(TableList *l, uint32_t *ret_table) {
        struct TableEntry *entries;

        for (size_t i = 0; i < l->n; i++)
                if (!l->entries[i].taken) {
                        *ret_table = (uint32_t) i;
                        return 0;
                }

        if (l->n >= TABLES_MAX)
                return -ENOSPC;

        entries = reallocarray(l->entries, l->n + 1, sizeof(entries[0]));
        if (!entries)
                return -ENOMEM;

        l->entries = entries;
        *ret_table = (uint32_t) l->n;
        l->entries[l->n++] = (struct TableEntry){};
        return 0;
}

void table_list_set(TableList *l, uint32_t table, const Place *rows) {
        l->entries[table] = (struct TableEntry){ .rows = *rows, .taken = true };
}

void table_list_put(TableList *l, uint32_t table) {
        if (table < l->n)
                l->entries[table] = (struct TableEntry){};
}

Place table_list_rows(const TableList *l, uint32_t table) {
        return table < l->n ? l->entries[table].rows : (Place){};
}
