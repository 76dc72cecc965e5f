/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/screen.h"

#include "ctl/signal-wait.h"
#include "ctl/view.h"

#include "basic/file-io.h"
#include "basic/strbuf.h"

#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* ECMA-48 and, for the alternate screen, what every terminal of today has from xterm. */
#define ENTER_SCREEN "\033[?1049h\033[?25l\033[2J"
#define LEAVE_SCREEN "\033[?25h\033[?1049l"
#define TO_TOP "\033[H"
#define CLEAR_LINE_END "\033[K"
#define CLEAR_BELOW "\033[J"

#define ROWS_DEFAULT 24U
#define COLUMNS_MIN 20U

static void take_size(Screen *s) {
        struct winsize size = {};

        if (!s->is_terminal || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
                return;

        s->rows = size.ws_row;
        s->columns = MAX_OF(size.ws_col, COLUMNS_MIN);
}

static int block_signals(Screen *s) {
        static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH };
        sigset_t set;

        sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                sigaddset(&set, signals[i]);

        s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (s->signal_fd < 0)
                return -errno;

        if (sigprocmask(SIG_BLOCK, &set, &s->mask_before) < 0) {
                int r = -errno;

                s->signal_fd = safe_close(s->signal_fd);
                return r;
        }

        return 0;
}

int screen_open(Screen *s, bool is_terminal, unsigned columns) {
        struct termios raw;
        int r;

        r = block_signals(s);
        if (r < 0)
                return r;

        s->is_terminal = is_terminal;
        s->rows = ROWS_DEFAULT;
        s->columns = columns;
        take_size(s);
        if (!is_terminal)
                return 0;

        s->has_keys = tcgetattr(STDIN_FILENO, &s->before) >= 0;
        if (s->has_keys) {
                raw = s->before;
                raw.c_lflag &= ~(tcflag_t) (ICANON | ECHO);
                raw.c_cc[VMIN] = 0;
                raw.c_cc[VTIME] = 0;
                raw.c_cc[VSUSP] = _POSIX_VDISABLE; /* a stop would leave the shell on our screen */
                if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
                        s->has_keys = false;
        }

        return write_full_fd(STDOUT_FILENO, ENTER_SCREEN, strlen(ENTER_SCREEN));
}

void screen_close(Screen *s) {
        if (s->signal_fd < 0)
                return;

        if (s->is_terminal)
                (void) write_full_fd(STDOUT_FILENO, LEAVE_SCREEN, strlen(LEAVE_SCREEN));
        if (s->has_keys)
                (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &s->before);

        s->signal_fd = safe_close(s->signal_fd);
        (void) sigprocmask(SIG_SETMASK, &s->mask_before, NULL);
}

/* Length of the escape sequence at @p, 0 for none: only those that end in 'm' are drawn. */
static size_t sequence_length(const char *p) {
        size_t n;

        if (p[0] != '\033' || p[1] != '[')
                return 0;

        n = 2 + strspn(p + 2, "0123456789;");
        return p[n] == 'm' ? n + 1 : 0;
}

/* Bytes of the character at @p: a letter with what continues it in UTF-8. */
static size_t character_length(const char *p) {
        size_t n = 1;

        while (((unsigned char) p[n] & 0xc0) == 0x80)
                n++;

        return n;
}

/* Adds what fits into @columns of the line that ends at @end. */
static void add_cut(StrBuf *b, const char *line, const char *end, unsigned columns) {
        size_t room = columns;
        bool coloured = false;

        while (line < end) {
                size_t n = sequence_length(line), width;
                char character[16] = {};

                if (n > 0) {
                        strbuf_add_n(b, line, n);
                        coloured = true;
                        line += n;
                        continue;
                }

                n = MIN_OF(character_length(line), sizeof(character) - 1);
                memcpy(character, line, n);
                if ((unsigned char) character[0] < 0x20 || character[0] == 0x7f)
                        character[0] = '?';
                width = view_width(character);
                if (width > room)
                        break;

                strbuf_add_n(b, character, n);
                room -= width;
                line += n;
        }

        if (coloured)
                strbuf_add(b, "\033[0m");
}

int screen_draw(Screen *s, const char *text) {
        _cleanup_(strbuf_done) StrBuf b = {};
        _cleanup_(freep) char *frame = NULL;
        unsigned row = 0;
        int r;

        if (!s->is_terminal) {
                if (s->n_frames++ > 0)
                        putchar('\n');
                fputs(text, stdout);
                return fflush(stdout) == 0 ? 0 : -errno;
        }

        strbuf_add(&b, TO_TOP);
        while (*text && row < s->rows) {
                const char *end = strchrnul(text, '\n');

                if (row++ > 0)
                        strbuf_add(&b, "\r\n");
                add_cut(&b, text, end, s->columns);
                strbuf_add(&b, CLEAR_LINE_END);
                text = *end ? end + 1 : end;
        }
        strbuf_add(&b, CLEAR_BELOW);
        s->n_frames++;

        r = strbuf_finish(&b, &frame);
        return r < 0 ? r : write_full_fd(STDOUT_FILENO, frame, strlen(frame));
}

/* The key that the input begins with, which is taken off; KEY_NONE for what means nothing. */
static Key take_key(Screen *s) {
        static const struct {
                const char *bytes;
                Key key;
        } keys[] = {
                { "\033[A", KEY_UP },   { "\033OA", KEY_UP },   { "k", KEY_UP },      { "\033[B", KEY_DOWN },
                { "\033OB", KEY_DOWN }, { "j", KEY_DOWN },      { "\r", KEY_ENTER },  { "\n", KEY_ENTER },
                { "q", KEY_QUIT },      { "Q", KEY_QUIT },      { "\004", KEY_QUIT }, { "\003", KEY_QUIT },
                { "\033[D", KEY_BACK }, { "\033OD", KEY_BACK }, { "\x7f", KEY_BACK }, { "\b", KEY_BACK },
        };
        size_t n = 1;
        Key key = KEY_NONE;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                size_t length = strlen(keys[i].bytes);

                if (s->n_input >= length && memcmp(s->input, keys[i].bytes, length) == 0) {
                        n = length;
                        key = keys[i].key;
                }
        }

        if (key == KEY_NONE && s->input[0] == '\033') {
                /* Escape by itself, or a sequence that means nothing: all that came with it. */
                key = s->n_input == 1 ? KEY_BACK : KEY_NONE;
                n = s->n_input;
        }

        s->n_input -= n;
        memmove(s->input, s->input + n, s->n_input);
        return key;
}

static Key read_keys(Screen *s) {
        ssize_t n = read(STDIN_FILENO, s->input, sizeof(s->input));

        if (n <= 0)
                return n < 0 && (errno == EINTR || errno == EAGAIN) ? KEY_NONE : KEY_QUIT;

        s->n_input = (size_t) n;
        return take_key(s);
}

static Key read_signal(Screen *s) {
        struct signalfd_siginfo info;

        if (read(s->signal_fd, &info, sizeof(info)) != (ssize_t) sizeof(info))
                return KEY_NONE;
        if (info.ssi_signo != SIGWINCH)
                return KEY_QUIT;

        take_size(s);
        return KEY_RESIZE;
}

/* The bus has timeouts of its own, which shorten @usec. */
static struct pollfd bus_poll(sd_bus *bus, usec_t *usec) {
        int events = bus ? sd_bus_get_events(bus) : -EBADF;
        uint64_t until;

        if (events < 0)
                return (struct pollfd){ .fd = -EBADF };

        if (sd_bus_get_timeout(bus, &until) > 0 && until != UINT64_MAX) {
                usec_t now = ctl_now();

                *usec = MIN_OF(*usec, until > now ? until - now : 0);
        }

        return (struct pollfd){ .fd = sd_bus_get_fd(bus), .events = (short) events };
}

int screen_wait(Screen *s, sd_bus *bus, usec_t usec, Key *ret_key) {
        struct pollfd fds[] = {
                { .fd = s->signal_fd, .events = POLLIN },
                { .fd = s->has_keys ? STDIN_FILENO : -EBADF, .events = POLLIN },
                bus_poll(bus, &usec),
        };
        struct timespec timeout = { .tv_sec = (time_t) (usec / USEC_PER_SEC),
                                    .tv_nsec = (long) (usec % USEC_PER_SEC * NSEC_PER_USEC) };

        *ret_key = KEY_NONE;
        if (s->n_input > 0) {
                *ret_key = take_key(s);
                return 0;
        }

        if (ppoll(fds, ELEMENTSOF(fds), usec == USEC_INFINITY ? NULL : &timeout, NULL) < 0)
                return errno == EINTR ? 0 : -errno;

        if (fds[0].revents)
                *ret_key = read_signal(s);
        else if (fds[1].revents)
                *ret_key = read_keys(s);

        return 0;
}
