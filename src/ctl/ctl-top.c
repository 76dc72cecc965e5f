/* SPDX-License-Identifier: Apache-2.0 */
/* "cprofctl top": frames, keys and the calls between them. */
#include "ctl/signal-wait.h"
#include "ctl/top.h"

#include "basic/log.h"
#include "basic/unit-name.h"
#include "basic/utf8.h"

#include <math.h>
#include <string.h>

#define CALL_TIMEOUT_USEC (10 * USEC_PER_SEC)

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        sd_bus_message **reply = userdata;

        *reply = sd_bus_message_ref(m);
        return 1;
}

/* Lets the bus work until @reply is there. */
static int await_reply(Top *t, sd_bus_message **reply) {
        Key key;
        int r;

        while (!*reply) {
                r = sd_bus_process(t->c->bus, NULL);
                if (r < 0)
                        return r;
                if (r > 0)
                        continue;

                r = screen_wait(&t->screen, t->c->bus, USEC_INFINITY, &key);
                if (r < 0)
                        return r;
                if (key == KEY_QUIT)
                        return -ECANCELED;
                if (key != KEY_NONE)
                        t->pending = key;
        }

        return 0;
}

int top_call(Top *t,
             sd_bus_error *reterr_error,
             const char *method,
             sd_bus_message **ret_reply,
             const char *types,
             ...) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        va_list ap;
        int r;

        r = sd_bus_message_new_method_call(
                        t->c->bus, &m, CPROF_BUS_NAME, CPROF_BUS_PATH, CPROF_BUS_INTERFACE, method);
        if (r >= 0 && types) {
                va_start(ap, types);
                r = sd_bus_message_appendv(m, types, ap);
                va_end(ap);
        }
        if (r >= 0)
                r = sd_bus_call_async(t->c->bus, &slot, m, on_reply, &reply, CALL_TIMEOUT_USEC);
        if (r >= 0)
                r = await_reply(t, &reply);
        if (r < 0)
                return r;

        if (sd_bus_message_is_method_error(reply, NULL)) {
                r = sd_bus_error_copy(reterr_error, sd_bus_message_get_error(reply));
                return r < 0 ? r : -EIO;
        }

        *ret_reply = TAKE_PTR(reply);
        return 0;
}

void top_add_cell(StrBuf *b, const char *text, int width) {
        _cleanup_(freep) char *clean = utf8_sanitize(text, strlen(text));
        size_t room = (size_t) abs(width), n;

        if (!clean) {
                b->error = -ENOMEM;
                return;
        }

        /* Names are rarely wide: bytes are dropped from the end until the columns fit, whole letters only.
         */
        for (n = strlen(clean); n > 0 && view_width(clean) > room; clean[n] = '\0')
                do
                        n--;
                while (n > 0 && ((unsigned char) clean[n] & 0xc0) == 0x80);

        room -= view_width(clean);
        strbuf_addf(b, "%*s%s%*s", width < 0 ? (int) room : 0, "", clean, width < 0 ? 0 : (int) room, "");
}

void top_add_bar(const Ctl *c, StrBuf *b, double share, unsigned width) {
        unsigned full = share > 0 ? (unsigned) lround(MIN_OF(share, 1.0) * width) : 0;

        for (unsigned i = 0; i < width; i++)
                strbuf_add(b, i < full ? (c->utf8 ? "█" : "#") : (c->utf8 ? "░" : "."));
}

/* Draws one frame. */
static int draw(Top *t, Key key, sd_bus_error *reterr_error) {
        _cleanup_(strbuf_done) StrBuf b = {};
        _cleanup_(freep) char *text = NULL;
        int r = 0;

        if (key == KEY_BACK && t->with_list) {
                free(t->unit);
                t->unit = NULL;
        }
        if (!t->unit)
                r = top_add_units(t, key, &b, reterr_error);
        /* Enter in the list shows the unit at once. */
        if (r >= 0 && t->unit) {
                b.length = 0;
                r = top_add_unit(t, &b, reterr_error);
        }
        if (r >= 0)
                r = strbuf_finish(&b, &text);

        return r < 0 ? r : screen_draw(&t->screen, text);
}

/* Frames until the last one or a wish to quit, which is -ECANCELED. */
static int run(Top *t, sd_bus_error *reterr_error) {
        const Options *o = &t->c->options;
        unsigned count = o->count > 0 ? o->count : t->screen.is_terminal ? 0 : 1;
        usec_t delay = o->delay_usec > 0 ? o->delay_usec : USEC_PER_SEC, due = ctl_now();
        Key key = KEY_NONE;
        int r;

        for (unsigned n = 0;;) {
                usec_t now = ctl_now();

                if (now >= due || key != KEY_NONE) {
                        r = draw(t, key, reterr_error);
                        if (r < 0)
                                return r;
                        if (now >= due && ++n == count)
                                return 0;
                        while (due <= now)
                                due += delay;
                }

                key = t->pending;
                t->pending = KEY_NONE;
                now = ctl_now();
                if (key == KEY_NONE && now < due) {
                        r = screen_wait(&t->screen, NULL, due - now, &key);
                        if (r < 0)
                                return r;
                }
                if (key == KEY_QUIT)
                        return -ECANCELED;
        }
}

static void top_done(Top *t) {
        screen_close(&t->screen);
        free(t->unit);
        free(t->selected);
}

int verb_top(Ctl *c, int argc, char **argv) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(top_done) Top t = { .c = c, .screen = SCREEN_INIT, .with_list = argc == 0 };
        const char *term = getenv("TERM");
        int r;

        if (c->options.json != JSON_MODE_OFF)
                return log_error_errno(
                                EINVAL, "There is no JSON of a live view; see 'unit windows --json'.");

        if (argc > 0) {
                r = unit_name_mangle(argv[0], &t.unit);
                if (r < 0)
                        return log_error_errno(r, "Bad unit name '%s'.", argv[0]);
        }

        r = ctl_connect(c);
        if (r < 0)
                return r;

        r = screen_open(&t.screen, c->tty && term && strcmp(term, "dumb") != 0, c->columns);
        if (r >= 0)
                r = run(&t, &error);

        screen_close(&t.screen); /* first: what is said on the other screen is lost */
        if (r < 0 && r != -ECANCELED)
                return bus_complain(r, &error, "show what is watched");

        return EXIT_SUCCESS;
}
