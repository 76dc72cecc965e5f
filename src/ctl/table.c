/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/table.h"

#include "basic/log.h"

#include <libsmartcols/libsmartcols.h>

struct Table {
        const Ctl *ctl; /* borrowed */
        struct libscols_table *table;
        struct libscols_line *line; /* the last row; borrowed from the table */
        size_t cell;                /* the next one of it */
        int error;
};

int table_new(const Ctl *c, const TableColumn *columns, Table **ret_table) {
        _cleanup_(table_freep) Table *t = NULL;

        assert(c);
        assert(columns);
        assert(ret_table);

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;

        t->ctl = c;
        t->table = scols_new_table();
        if (!t->table)
                return -ENOMEM;

        for (; columns->name; columns++) {
                int flags = (columns->flags & TABLE_RIGHT ? SCOLS_FL_RIGHT : 0) |
                                (columns->flags & TABLE_TRUNCATE ? SCOLS_FL_TRUNC : 0);

                /* Shares of the width that a cut column keeps before the others have to give. */
                double share = columns->flags & TABLE_KEY ? 0.4 : columns->flags & TABLE_TRUNCATE ? 0.1 : 0;

                if (!scols_table_new_column(t->table, columns->name, share, flags))
                        return -ENOMEM;
        }

        (void) scols_table_enable_noheadings(t->table, c->options.no_legend);
        (void) scols_table_enable_colors(t->table, c->colour);
        (void) scols_table_enable_ascii(t->table, !c->utf8);

        /* Standard output may be a pager's pipe by now. Elsewhere nothing is cut: scripts want whole names.
         */
        (void) scols_table_set_termforce(t->table, c->tty ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
        (void) scols_table_set_termwidth(t->table, c->columns);

        *ret_table = TAKE_PTR(t);
        return 0;
}

Table *table_free(Table *t) {
        if (!t)
                return NULL;

        scols_unref_table(t->table);
        free(t);

        return NULL;
}

void table_add_row(Table *t) {
        if (t->error < 0)
                return;

        t->cell = 0;
        t->line = scols_table_new_line(t->table, NULL);
        if (!t->line)
                t->error = -ENOMEM;
}

void table_add_coloured(Table *t, Colour colour, const char *text) {
        int r;

        if (t->error < 0)
                return;

        r = scols_line_set_data(t->line, t->cell, text);
        if (r >= 0 && colour != COLOUR_NORMAL)
                r = scols_cell_set_color(scols_line_get_cell(t->line, t->cell), colour_on(t->ctl, colour));
        if (r < 0)
                t->error = r;

        t->cell++;
}

void table_add(Table *t, const char *text) {
        table_add_coloured(t, COLOUR_NORMAL, text);
}

void table_addf(Table *t, const char *format, ...) {
        _cleanup_(freep) char *text = NULL;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&text, format, ap);
        va_end(ap);

        if (n < 0)
                t->error = -ENOMEM;
        else
                table_add(t, text);
}

int table_print(Table *t) {
        int r = t->error;

        if (r >= 0)
                r = scols_print_table(t->table);
        if (r < 0)
                return log_error_errno(r, "Failed to print the listing: %m");

        return 0;
}
