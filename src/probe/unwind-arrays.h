/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/probe.h"
#include "probe/row-index.h"
#include "probe/shared-array.h"
#include "probe/table-list.h"

/* What goes into a part of the unwinder's arrays; an empty part gets nothing. */

/* The index, then the rows. */
int unwind_write_table(
                const SharedArray *array, const Place *place, const RowIndex *index, const UnwindRows *rows);

/* As many of @mappings as the part has elements. */
int unwind_write_mappings(
                const SharedArray *array,
                const Place *place,
                const TableList *tables,
                const ProbeMapping *mappings,
                uint32_t generation);
