/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "basic/time-util.h"

#include <signal.h>
#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <termios.h>

/* A picture that is drawn anew in place, and keys: the terminal's alternate screen without cursor, echo and
 * line discipline. Where standard output is no terminal, frames are printed one after the other and only
 * signals are heard. While one exists, SIGINT, SIGTERM, SIGHUP and SIGWINCH do nothing by themselves. */
typedef struct Screen {
        bool is_terminal;
        bool has_keys; /* standard input is a terminal too */
        struct termios before;
        sigset_t mask_before;
        int signal_fd;
        unsigned rows, columns;
        unsigned n_frames;
        char input[64]; /* read and not yet told */
        size_t n_input;
} Screen;

#define SCREEN_INIT \
        { .signal_fd = -EBADF }

typedef enum Key {
        KEY_NONE,
        KEY_QUIT, /* also a signal, or the terminal's end */
        KEY_UP,
        KEY_DOWN,
        KEY_ENTER,
        KEY_BACK,
        KEY_RESIZE, /* .rows and .columns have changed */
} Key;

int screen_open(Screen *s, bool is_terminal, unsigned columns);
void screen_close(Screen *s); /* the terminal is as it was */

/* Shows the lines of @text: on a terminal those that fit, cut to its width. Escape sequences take no room.
 */
int screen_draw(Screen *s, const char *text);

/* Waits for a key, for @bus (may be NULL) to have something to process, or for @usec. KEY_NONE for the
 * latter two. */
int screen_wait(Screen *s, sd_bus *bus, usec_t usec, Key *ret_key);
