/* SPDX-License-Identifier: Apache-2.0 */
/* One unit in the live view: its rules, and what it does. */
#include "ctl/top.h"

#include <stdio.h>
#include <string.h>

#define SPAN_USEC (10 * USEC_PER_SEC)
#define FUNCTIONS_PRINTED 20U
#define FUNCTIONS_MAX 200U
#define BAR_WIDTH 20U

/* Prints by the functions of "unit windows" into @b. */
static int add_windows(Top *t, WindowRow *rows, size_t n, StrBuf *b) {
        unsigned columns = MAX_OF(t->screen.columns, 60U);
        Ctl c = *t->c;
        FILE *saved = stdout, *memory;
        char *text = NULL;
        size_t size;
        int r;

        c.columns = columns;
        memory = open_memstream(&text, &size);
        if (!memory)
                return -ENOMEM;

        stdout = memory;
        r = window_rows_print(&c, t->unit, rows, n, (columns - 45) / 3); /* lines are to fit */
        stdout = saved;
        if (fclose(memory) != 0)
                r = -ENOMEM;
        if (r >= 0)
                strbuf_add_n(b, text, size);

        free(text);
        return r;
}

static unsigned count_lines(const StrBuf *b) {
        unsigned n = 0;

        for (size_t i = 0; i < b->length; i++)
                n += b->text[i] == '\n';

        return n;
}

static int add_function(Top *t, sd_bus_message *reply, uint64_t n_samples, StrBuf *b) {
        unsigned columns = MAX_OF(t->screen.columns, 60U);
        uint64_t self, total;
        const char *name;
        double share;
        int r;

        r = sd_bus_message_read(reply, CPROF_BUS_FUNCTION_SIGNATURE, &name, &self, &total);
        if (r <= 0)
                return r;

        share = n_samples > 0 ? (double) self / (double) n_samples : 0;
        strbuf_addf(b,
                    "%6.1f %7.1f  ",
                    100 * share,
                    n_samples > 0 ? 100.0 * (double) total / (double) n_samples : 0.0);
        top_add_bar(t->c, b, share, BAR_WIDTH);
        strbuf_add(b, "  ");
        top_add_cell(b, name, (int) (columns - 18 - BAR_WIDTH));
        strbuf_add(b, "\n");
        return 1;
}

static int add_functions(Top *t, sd_bus_message *reply, StrBuf *b) {
        uint64_t period_nsec, n_samples;
        unsigned n = 0;
        int r;

        r = sd_bus_message_read(reply, "tt", &period_nsec, &n_samples);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', CPROF_BUS_FUNCTION_SIGNATURE);
        if (r < 0)
                return r;

        strbuf_addf(b,
                    "%sHottest functions of the last %u s%s",
                    colour_on(t->c, COLOUR_BOLD),
                    (unsigned) (SPAN_USEC / USEC_PER_SEC),
                    colour_on(t->c, COLOUR_NORMAL));
        if (n_samples == 0) {
                strbuf_add(b, ": it was not on a CPU.\n");
                return 0;
        }

        strbuf_addf(b,
                    ", %llu samples, %.2f s on CPU\n SELF%%  TOTAL%%\n",
                    (unsigned long long) n_samples,
                    (double) n_samples * (double) period_nsec / NSEC_PER_SEC);
        while (n++ < FUNCTIONS_MAX && (r = add_function(t, reply, n_samples, b)) > 0)
                ;

        return r;
}

/* What the recorder knows; that it knows nothing is no end of the view. */
static int add_hottest(Top *t, StrBuf *b) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        unsigned used = count_lines(b) + 2;
        unsigned max = !t->screen.is_terminal   ? FUNCTIONS_PRINTED
                        : used < t->screen.rows ? MIN_OF(t->screen.rows - used, FUNCTIONS_MAX)
                                                : 1;
        int r;

        r = top_call(t, &error, "GetHottest", &reply, "stu", t->unit, SPAN_USEC, max);
        if (r == -ECANCELED)
                return r;
        if (r >= 0)
                r = add_functions(t, reply, b);
        if (r >= 0)
                return 0;

        strbuf_add(b, "Hottest functions: ");
        top_add_cell(b,
                     sd_bus_error_is_set(&error) ? bus_error_text(error.name, error.message) : strerror(-r),
                     1000);
        while (b->length > 0 && b->text[b->length - 1] == ' ')
                b->length--;
        strbuf_add(b, "\n");
        return 0;
}

int top_add_unit(Top *t, StrBuf *b, sd_bus_error *reterr_error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(freep) WindowRow *rows = NULL;
        size_t n;
        int r;

        r = top_call(t, reterr_error, "GetWindows", &reply, "s", t->unit);
        if (r >= 0)
                r = window_rows_read(reply, &rows, &n);
        if (r >= 0)
                r = add_windows(t, rows, n, b);
        if (r < 0)
                return r;

        strbuf_add(b, "\n");
        return add_hottest(t, b);
}
