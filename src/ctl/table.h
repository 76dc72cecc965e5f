/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ctl/view.h"

/* A listing: columns with headers in capitals, fitted to the terminal. Errors stick and are reported by
 * table_print(). */
typedef struct Table Table;

typedef enum TableFlags {
        TABLE_RIGHT = 1 << 0,    /* numbers */
        TABLE_TRUNCATE = 1 << 1, /* may be cut when the terminal is too narrow */
        TABLE_KEY = 1 << 2,      /* with the former: what rows are known by is cut last */
} TableFlags;

typedef struct TableColumn {
        const char *name;
        TableFlags flags;
} TableColumn;

/* @columns ends with a NULL name. @c is borrowed and outlives it. */
int table_new(const Ctl *c, const TableColumn *columns, Table **ret_table);
Table *table_free(Table *t);
DEFINE_CLEANUP(Table *, table_free)

void table_add_row(Table *t);
/* Fills the next cell of the last row. */
void table_add(Table *t, const char *text);
void table_addf(Table *t, const char *format, ...) _printf_(2, 3);
void table_add_coloured(Table *t, Colour colour, const char *text);

/* Complains itself. */
int table_print(Table *t);
