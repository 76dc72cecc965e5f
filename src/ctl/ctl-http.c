/* SPDX-License-Identifier: Apache-2.0 */
/* "cprofctl http": the requests of a unit by URI rule, live. */
#include "ctl/http-view.h"
#include "ctl/json-out.h"
#include "ctl/signal-wait.h"
#include "ctl/top.h"

#include "basic/log.h"
#include "basic/unit-name.h"

#include <math.h>
#include <string.h>

#define NUMBERS_WIDTH 54 /* all but the URI */
#define URI_WIDTH_MIN 16

static void add_header(const Top *t, const HttpView *v, int uri_width, StrBuf *b) {
        unsigned n_seconds = v->n_rules > 0 ? v->rules[0].n_seconds : 0;

        strbuf_addf(b, "%s%s%s", colour_on(t->c, COLOUR_BOLD), t->unit, colour_on(t->c, COLOUR_NORMAL));
        if (n_seconds > 0)
                strbuf_addf(b, ", responses of the last %u s", n_seconds);
        strbuf_add(b, "\n\n");
        top_add_cell(b, "URI", uri_width);
        strbuf_addf(b, "%8s%7s%7s%8s%8s%8s%8s\n", "RATE/S", "4XX%", "5XX%", "MEAN", "P50", "P95", "P99");
}

static void add_percent(const Top *t, uint64_t n, uint64_t of, Colour colour, StrBuf *b) {
        if (of == 0) {
                strbuf_addf(b, "%7s", "-");
                return;
        }

        strbuf_addf(b,
                    "%s%7.2f%s",
                    n > 0 ? colour_on(t->c, colour) : "",
                    100.0 * (double) n / (double) of,
                    n > 0 ? colour_on(t->c, COLOUR_NORMAL) : "");
}

static void add_rule(const Top *t, const HttpRuleRow *row, int uri_width, StrBuf *b) {
        const double times[] = {
                row->recent.mean_ms, row->recent.p50_ms, row->recent.p95_ms, row->recent.p99_ms
        };
        char text[VIEW_TEXT_MAX];
        double rate = row->n_seconds > 0 ? (double) row->recent.n_total / row->n_seconds : NAN;

        top_add_cell(b, http_uri_in_words(row->uri), uri_width);
        if (row->refused[0] != '\0') {
                strbuf_add(b, "  ");
                top_add_cell(b, row->refused, NUMBERS_WIDTH - 2);
                while (b->length > 0 && b->text[b->length - 1] == ' ')
                        b->length--;
                strbuf_add(b, "\n");
                return;
        }

        if (isnan(rate))
                strbuf_addf(b, "%8s", "-");
        else
                strbuf_addf(b, "%8.*f", rate < 99.95 ? 1 : 0, rate);
        add_percent(t, row->recent.n_4xx, row->recent.n_total, COLOUR_YELLOW, b);
        add_percent(t, row->recent.n_5xx, row->recent.n_total, COLOUR_RED, b);
        for (size_t i = 0; i < ELEMENTSOF(times); i++)
                strbuf_addf(b, "%8s", view_milliseconds(times[i], text));
        strbuf_add(b, "\n");
}

/* What is not well, each reason once with how many processes have it. */
static void add_reasons(const Top *t, const HttpView *v, StrBuf *b) {
        for (size_t i = 0; i < v->n_processes; i++) {
                const HttpProcessRow *p = v->processes + i;
                unsigned n = 0;
                bool first = true;

                if (p->reason[0] == '\0')
                        continue;

                for (size_t k = 0; k < v->n_processes; k++) {
                        if (strcmp(v->processes[k].reason, p->reason) != 0)
                                continue;
                        first = first && k >= i;
                        n++;
                }
                if (!first)
                        continue;

                strbuf_addf(b,
                            "\n%s%s%s, %u of %zu processes: ",
                            colour_on(t->c, view_state_colour(p->status)),
                            p->status,
                            colour_on(t->c, COLOUR_NORMAL),
                            n,
                            v->n_processes);
                strbuf_add(b, p->reason);
        }
}

static void add_view(const Top *t, const HttpView *v, StrBuf *b) {
        int uri_width = MAX_OF((int) t->screen.columns - NUMBERS_WIDTH, URI_WIDTH_MIN);

        if (v->n_rules == 0) {
                strbuf_addf(b,
                            "No policy measures HTTP of '%s'. One that does:\n"
                            "  cprofctl policy add NAME --unit=%s --when='http-error-rate >= 5%% for 5 of 10s'\n",
                            t->unit,
                            t->unit);
                return;
        }

        add_header(t, v, uri_width, b);
        for (size_t i = 0; i < v->n_rules && v->rules[i].pid == 0; i++)
                add_rule(t, v->rules + i, uri_width, b);
        add_reasons(t, v, b);
        strbuf_add(b, "\n");
}

static int get_view(Top *t, sd_bus_error *reterr_error, sd_bus_message **ret_reply, HttpView *ret_view) {
        int r;

        r = top_call(t, reterr_error, "GetHttp", ret_reply, "s", t->unit);
        return r < 0 ? r : http_view_read(*ret_reply, ret_view);
}

static int draw(Top *t, sd_bus_error *reterr_error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(http_view_done) HttpView v = {};
        _cleanup_(strbuf_done) StrBuf b = {};
        _cleanup_(freep) char *text = NULL;
        int r;

        r = get_view(t, reterr_error, &reply, &v);
        if (r < 0)
                return r;

        add_view(t, &v, &b);
        r = strbuf_finish(&b, &text);
        return r < 0 ? r : screen_draw(&t->screen, text);
}

static int show_json(Top *t, sd_bus_error *reterr_error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(json_decrefp) json_t *j = NULL;
        _cleanup_(http_view_done) HttpView v = {};
        int r;

        r = get_view(t, reterr_error, &reply, &v);
        if (r < 0)
                return r;

        j = http_view_to_json(&v, t->unit);
        return json_out(t->c, j);
}

/* Frames until the last one or a wish to quit, which is -ECANCELED. */
static int run(Top *t, sd_bus_error *reterr_error) {
        const Options *o = &t->c->options;
        unsigned count = o->count > 0 ? o->count : t->screen.is_terminal ? 0 : 1;
        usec_t delay = o->delay_usec > 0 ? o->delay_usec : USEC_PER_SEC, due = ctl_now();

        for (unsigned n = 0;;) {
                usec_t now = ctl_now();
                Key key = KEY_NONE;
                int r;

                if (now >= due || t->pending == KEY_RESIZE) {
                        t->pending = KEY_NONE;
                        r = draw(t, reterr_error);
                        if (r < 0)
                                return r;
                        if (now >= due && ++n == count)
                                return 0;
                        while (due <= now)
                                due += delay;
                }

                now = ctl_now();
                if (now < due) {
                        r = screen_wait(&t->screen, NULL, due - now, &key);
                        if (r < 0)
                                return r;
                }
                if (key == KEY_QUIT)
                        return -ECANCELED;
                t->pending = key;
        }
}

static void top_done(Top *t) {
        screen_close(&t->screen);
        free(t->unit);
}

int verb_http(Ctl *c, int argc, char **argv) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(top_done) Top t = { .c = c, .screen = SCREEN_INIT };
        bool live = c->options.json == JSON_MODE_OFF && c->options.count != 1;
        const char *term = getenv("TERM");
        int r;

        r = unit_name_mangle(argv[0], &t.unit);
        if (r < 0)
                return log_error_errno(r, "Bad unit name '%s'.", argv[0]);

        r = ctl_connect(c);
        if (r < 0)
                return r;

        r = screen_open(&t.screen, live && c->tty && term && strcmp(term, "dumb") != 0, c->columns);
        if (r >= 0)
                r = c->options.json != JSON_MODE_OFF ? show_json(&t, &error) : run(&t, &error);

        screen_close(&t.screen); /* first: what is said on the other screen is lost */
        if (r < 0 && r != -ECANCELED)
                return bus_complain(r, &error, "show the requests of '%s'", t.unit);

        return EXIT_SUCCESS;
}
