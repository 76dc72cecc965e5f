/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/shared-array.h"

/* The unwind tables by number, and where the rows of each are. All zeroes is an empty list. */
typedef struct TableList {
        struct TableEntry *entries;
        size_t n;
} TableList;

#define TABLES_MAX 65536U

void table_list_done(TableList *l);

/* A number that is free; it is taken with table_list_set(). -ENOSPC, -ENOMEM. */
int table_list_get(TableList *l, uint32_t *ret_table);
void table_list_set(TableList *l, uint32_t table, const Place *rows);
void table_list_put(TableList *l, uint32_t table); /* it is free again */

/* No rows for a number that is not taken. */
Place table_list_rows(const TableList *l, uint32_t table);
