/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ctl/ctl-bus.h"
#include "ctl/screen.h"
#include "ctl/window-view.h"

#include "basic/strbuf.h"

/* The live view of "cprofctl top". */
typedef struct Top {
        Ctl *c;
        Screen screen;
        Key pending; /* came while an answer was awaited */

        char *unit;     /* shown; NULL = the list of units. Owned */
        char *selected; /* of the list; may have gone. Owned */
        bool with_list; /* there is a list to go back to */
} Top;

/* Calls @method and waits for the answer, but not longer than for a wish to quit: -ECANCELED. Other failures
 * are in *@reterr_error and not complained of. */
int top_call(Top *t,
             sd_bus_error *reterr_error,
             const char *method,
             sd_bus_message **ret_reply,
             const char *types,
             ...);

/* Each adds the lines of one frame. @key moves the selection, and chooses @t->unit. */
int top_add_units(Top *t, Key key, StrBuf *b, sd_bus_error *reterr_error);
int top_add_unit(Top *t, StrBuf *b, sd_bus_error *reterr_error);

/* Adds foreign @text made harmless, cut or filled up to @width columns; negative: to the right. */
void top_add_cell(StrBuf *b, const char *text, int width);
/* A bar of @width columns, a share (0…1) of it full. */
void top_add_bar(const Ctl *c, StrBuf *b, double share, unsigned width);
