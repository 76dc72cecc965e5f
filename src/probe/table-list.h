/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/shared-array.h"

/* Where a table is: its index, then its rows. */
typedef struct TablePlace {
        Place all; /* n = 0: nowhere */
        uint32_t n_index, index_shift;
} TablePlace;

/* The unwind tables by number, and where each is. All zeroes is an empty list. */
typedef struct TableList {
        struct TableEntry *entries;
        size_t n;
} TableList;

#define TABLES_MAX 65536U

void table_list_done(TableList *l);

/* A number that is free; it is taken with table_list_set(). -ENOSPC, -ENOMEM. */
int table_list_get(TableList *l, uint32_t *ret_table);
void table_list_set(TableList *l, uint32_t table, const TablePlace *place);
void table_list_put(TableList *l, uint32_t table); /* it is free again */

/* Nowhere for a number that is not taken. */
TablePlace table_list_place(const TableList *l, uint32_t table);
