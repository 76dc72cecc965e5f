/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/unwind-arrays.h"

#include "basic/cleanup.h"

#include <string.h>

int unwind_write_table(
                const SharedArray *array,
                const Place *place,
                const RowIndex *index,
                const UnwindRows *rows) {
        SharedPart part;
        int r;

        if (place->n == 0)
                return 0;

        r = shared_array_open(array, place, &part);
        if (r < 0)
                return r;

        row_index_write(index, rows, part.data);
        memcpy((struct cprof_unwind_row *) part.data + index->n,
               rows->rows,
               rows->n * sizeof(rows->rows[0]));
        shared_part_close(&part);
        return 0;
}

int unwind_write_mappings(
                const SharedArray *array,
                const Place *place,
                const TableList *tables,
                const ProbeMapping *mappings,
                uint32_t generation) {
        struct cprof_unwind_mapping *to;
        SharedPart part;
        int r;

        if (place->n == 0)
                return 0;

        r = shared_array_open(array, place, &part);
        if (r < 0)
                return r;

        to = part.data;

        for (uint32_t i = 0; i < place->n; i++) {
                const ProbeMapping *m = mappings + i;
                TablePlace table = table_list_place(tables, m->table);

                to[i] = (struct cprof_unwind_mapping){
                        .start = m->start,
                        .end = m->end,
                        .base = m->base,
                        .row_first = table.all.first + table.n_index,
                        .row_end = table.all.first + table.all.n,
                        .index_first = table.all.first,
                        .generation = generation,
                        .index_shift = (uint16_t) table.index_shift,
                        .rule = (uint16_t) m->rule,
                        .cfa = m->cfa,
                };
        }

        shared_part_close(&part);
        return 0;
}
