/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/view.h"

#include "basic/parse.h"

#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <wchar.h>

#define COLUMNS_MAX 1000U

static unsigned terminal_columns(void) {
        const char *e = getenv("COLUMNS");
        struct winsize size = {};
        unsigned n;

        if (e && parse_uint(e, 20, COLUMNS_MAX, &n) >= 0)
                return n;

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) >= 0 && size.ws_col >= 20 && size.ws_col <= COLUMNS_MAX)
                return size.ws_col;

        return 80;
}

void ctl_look_at_terminal(Ctl *c) {
        const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");

        /* Numbers stay in the C locale: their form is part of the output's contract. */
        (void) setlocale(LC_CTYPE, "");

        c->tty = isatty(STDOUT_FILENO);
        c->colour = c->tty && !(no_colour && no_colour[0] != '\0') && !(term && strcmp(term, "dumb") == 0);
        c->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
        c->columns = terminal_columns();
}

const char *colour_on(const Ctl *c, Colour colour) {
        static const char *const sequences[] = {
                [COLOUR_NORMAL] = "\033[0m", [COLOUR_BOLD] = "\033[1m",     [COLOUR_DIM] = "\033[2m",
                [COLOUR_RED] = "\033[1;31m", [COLOUR_GREEN] = "\033[1;32m", [COLOUR_YELLOW] = "\033[1;33m",
        };

        return c->colour ? sequences[colour] : "";
}

const char *view_span(usec_t usec, char buf[static VIEW_TEXT_MAX]) {
        char text[TIMESPAN_TEXT_MAX];
        double sec = (double) usec / USEC_PER_SEC;

        if (usec == USEC_INFINITY)
                snprintf(buf, VIEW_TEXT_MAX, "infinity");
        else if (usec < USEC_PER_MSEC)
                snprintf(buf, VIEW_TEXT_MAX, "%uus", (unsigned) usec);
        else if (usec < USEC_PER_SEC)
                snprintf(buf, VIEW_TEXT_MAX, "%.3gms", (double) usec / USEC_PER_MSEC);
        else if (sec < 10 && usec % USEC_PER_SEC != 0)
                snprintf(buf, VIEW_TEXT_MAX, "%.1fs", sec);
        else
                snprintf(buf,
                         VIEW_TEXT_MAX,
                         "%s",
                         timespan_format((usec + USEC_PER_SEC / 2) / USEC_PER_SEC * USEC_PER_SEC, text));

        return buf;
}

const char *view_time(usec_t realtime_usec, char buf[static VIEW_TEXT_MAX]) {
        time_t t = (time_t) (realtime_usec / USEC_PER_SEC);
        struct tm tm;

        if (realtime_usec == 0 || realtime_usec == USEC_INFINITY || !localtime_r(&t, &tm) ||
            strftime(buf, VIEW_TEXT_MAX, "%a %Y-%m-%d %H:%M:%S %Z", &tm) == 0)
                snprintf(buf, VIEW_TEXT_MAX, "-");

        return buf;
}

const char *view_value(double value, const char *unit, char buf[static VIEW_TEXT_MAX]) {
        int n;

        if (!isfinite(value)) {
                snprintf(buf, VIEW_TEXT_MAX, "-");
                return buf;
        }

        n = snprintf(buf, VIEW_TEXT_MAX / 2, "%.2f", value);
        if (n >= VIEW_TEXT_MAX / 2)
                n = snprintf(buf, VIEW_TEXT_MAX / 2, "%.3g", value);
        else
                for (; buf[n - 1] == '0' || buf[n - 1] == '.'; n--) {
                        bool point = buf[n - 1] == '.';

                        buf[n - 1] = '\0';
                        if (point) {
                                n--;
                                break;
                        }
                }
        snprintf(buf + n, (size_t) (VIEW_TEXT_MAX - n), "%s", unit);

        return buf;
}

Colour view_state_colour(const char *state) {
        static const struct {
                const char *state;
                Colour colour;
        } colours[] = {
                { "impossible", COLOUR_RED },  { "failed", COLOUR_RED },     { "error", COLOUR_RED },
                { "degraded", COLOUR_YELLOW }, { "stale", COLOUR_YELLOW },   { "masked", COLOUR_YELLOW },
                { "running", COLOUR_GREEN },   { "stopped", COLOUR_YELLOW },
        };

        for (size_t i = 0; i < ELEMENTSOF(colours); i++)
                if (strcmp(colours[i].state, state) == 0)
                        return colours[i].colour;

        return COLOUR_NORMAL;
}

void view_legend(const Ctl *c, size_t n, const char *singular, const char *plural) {
        if (!c->options.no_legend)
                printf("\n%zu %s listed.\n", n, n == 1 ? singular : plural);
}

size_t view_width(const char *text) {
        size_t width = 0;
        mbstate_t state = {};

        for (size_t left = strlen(text); left > 0;) {
                wchar_t w;
                size_t n = mbrtowc(&w, text, left, &state);
                int columns;

                if (n == 0 || n > left) { /* not of this locale: printed byte by byte */
                        n = 1;
                        state = (mbstate_t){};
                        columns = 1;
                } else
                        columns = wcwidth(w);

                width += columns > 0 ? (size_t) columns : 0;
                text += n;
                left -= n;
        }

        return width;
}
