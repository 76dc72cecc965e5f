/* SPDX-License-Identifier: Apache-2.0 */
#include "http/conversation.h"
#include "http/exchange.h"

#define EXCHANGES_MAX 24U

const PathRule conversation_rules[CONVERSATION_RULES] = {
        { NULL },
        { "/api", .is_prefix = true },
        { "/health", .is_prefix = false },
        { "/", .is_prefix = false },
        { "/v1/items", .is_prefix = true },
        { "/users/12/orders", .is_prefix = false },
        { "/qq", .is_prefix = true },
};

typedef enum Split {
        SPLIT_NONE,
        SPLIT_RANDOM,
        SPLIT_BYTES,
        SPLIT_FIRST_BYTE,
        _SPLIT_MAX,
} Split;

typedef struct Talk {
        Random *r;
        Transcript *t;
        Split splits[2];
} Talk;

/* Mostly microseconds, now and then seconds. */
static uint64_t pause_ns(Random *r) {
        return random_below(r, 1U << random_below(r, 20)) * (random_percent(r, 2) ? 10000ULL : 1ULL);
}

static size_t piece_length(Talk *talk, Split split, size_t n, bool is_first) {
        static const size_t sizes[] = { 1, 2, 3, 7, 20, 100, 1000, 1300, 2100, 5000 };
        size_t length = n;

        if (split == SPLIT_RANDOM)
                length = RANDOM_OF(talk->r, sizes);
        else if (split == SPLIT_BYTES || (split == SPLIT_FIRST_BYTE && is_first))
                length = 1;
        return length < n ? length : n;
}

static void say(Talk *talk, unsigned direction, const Text *text) {
        Split split = talk->splits[direction];
        bool is_first = true;

        /* a byte each is not for the long ones */
        if (split == SPLIT_BYTES && text->n > 1500)
                split = SPLIT_RANDOM;
        for (size_t at = 0; at < text->n; is_first = false) {
                size_t n = piece_length(talk, split, text->n - at, is_first);

                transcript_add(talk->t, direction, text->data + at, n, pause_ns(talk->r));
                if (!is_first && random_percent(talk->r, 10))
                        talk->t->steps[talk->t->n_steps - 1].is_continued = true;
                at += n;
        }
}

static void say_words(Talk *talk, unsigned direction, const char *words) {
        static Text text;

        text.n = 0;
        text_add(&text, words);
        say(talk, direction, &text);
}

/* As sendfile() does it: bytes that nobody sees. */
static void say_unseen(Talk *talk, unsigned direction, const Text *text) {
        if (text->n > 0)
                transcript_add_skipped(talk->t, direction, text->data, text->n, pause_ns(talk->r));
}

static void say_tunnel(Talk *talk) {
        for (unsigned i = random_below(talk->r, 6); i > 0; i--) {
                say_words(talk, BED_IN, "GET /api/inside HTTP/1.1\r\nHost: x\r\n\r\n");
                say_words(talk, BED_OUT, "HTTP/1.1 500 Inside\r\nContent-Length: 0\r\n\r\n");
        }
}

static void say_answer(Talk *talk, const Exchange *e) {
        static Text both;

        if (random_percent(talk->r, 3))
                say_words(talk, BED_OUT, "HTTP/1.1 103 Early Hints\r\nLink: x\r\nContent-Length: 5\r\n\r\n");

        if (random_percent(talk->r, 50)) {
                both.n = 0;
                text_add_bytes(&both, e->answer.data, e->answer.n);
                text_add_bytes(&both, e->answer_body.data, e->answer_body.n);
                say(talk, BED_OUT, &both);
                return;
        }

        say(talk, BED_OUT, &e->answer);
        if (e->is_counted && random_percent(talk->r, 50))
                say_unseen(talk, BED_OUT, &e->answer_body);
        else
                say(talk, BED_OUT, &e->answer_body);
}

static void say_one(Talk *talk, const Exchange *e) {
        bool is_early = !e->is_upgrade && random_percent(talk->r, 10);

        say(talk, BED_IN, &e->request);
        if (e->awaits_100)
                say_words(talk, BED_OUT, "HTTP/1.1 100 Continue\r\n\r\n");
        if (!is_early)
                say(talk, BED_IN, &e->request_body);
        say_answer(talk, e);
        if (is_early)
                say(talk, BED_IN, &e->request_body);
}

/* Requests one after another, then their answers; each side may be one run of bytes. */
static void say_pipelined(Talk *talk, const Exchange *exchanges, unsigned n) {
        static Text run;

        run.n = 0;
        for (unsigned i = 0; i < n; i++) {
                if (run.n + exchanges[i].request.n + exchanges[i].request_body.n > sizeof(run.data)) {
                        say(talk, BED_IN, &run);
                        run.n = 0;
                }
                text_add_bytes(&run, exchanges[i].request.data, exchanges[i].request.n);
                text_add_bytes(&run, exchanges[i].request_body.data, exchanges[i].request_body.n);
        }
        say(talk, BED_IN, &run);
        for (unsigned i = 0; i < n; i++)
                say_answer(talk, &exchanges[i]);
}

/* Some connections end before they should. Not with an answer to come that the last bytes may have ended. */
static void cut_short(Talk *talk) {
        Transcript *t = talk->t;
        size_t keep = random_below(talk->r, t->n_steps + 1);

        while (t->n_steps > keep) {
                TranscriptStep *s = &t->steps[--t->n_steps];

                t->n_bytes[s->direction] -= s->length;
        }
        if (t->n_steps > 0)
                t->now_ns = t->steps[t->n_steps - 1].at_ns;
}

void conversation_random(Random *r, Transcript *t) {
        static Exchange exchanges[EXCHANGES_MAX];
        Talk talk = { .r = r,
                      .t = t,
                      .splits = { random_below(r, _SPLIT_MAX), random_below(r, _SPLIT_MAX) } };
        unsigned n = 1 + random_below(r, 12), depth = 1;
        uint64_t start_ns = t->now_ns;

        if (random_percent(r, 25))
                depth = 2 + random_below(r, random_percent(r, 20) ? EXCHANGES_MAX - 2 : 7);
        if (random_percent(r, 3)) /* its request was read before we looked */
                say_words(&talk, BED_OUT, "HTTP/1.1 404 Not\r\nContent-Length: 3\r\n\r\nabc");

        for (unsigned done = 0; done < n;) {
                unsigned group = depth < n - done ? depth : n - done, made = 0;

                do
                        exchange_random(r, done + made + 1 == n, random_percent(r, 20), &exchanges[made]);
                while (!exchanges[made++].is_last && made < group);
                if (group == 1)
                        say_one(&talk, &exchanges[0]);
                else
                        say_pipelined(&talk, exchanges, made);
                done += made;
                if (exchanges[made - 1].is_upgrade)
                        say_tunnel(&talk);
        }

        if (random_percent(r, 10)) {
                t->now_ns = start_ns;
                cut_short(&talk);
        }
        transcript_add_end(t, pause_ns(r));
}
