/* SPDX-License-Identifier: Apache-2.0 */
#include "http/reference.h"
#include "http/message.h"

#include <string.h>

#define MESSAGES_MAX 256U
#define WAITING_MAX 8U /* requests of a connection that are known until they are answered */

typedef struct Reference {
        const Transcript *t;
        const PathRule *rules;
        unsigned n_rules;
        BedSums *sums;

        Message requests[MESSAGES_MAX];
        size_t n_requests, next_request; /* next: not told to the ring yet */
        uint64_t ring[MESSAGES_MAX];     /* of the waiting: request number, or IN_EXCESS beside it */
        size_t head, tail;
} Reference;

#define IN_EXCESS (1ULL << 32)

/* The number of the step in which a byte passed. */
static size_t step_of(const Transcript *t, unsigned direction, size_t byte) {
        if (byte == MESSAGE_NEVER)
                return SIZE_MAX;

        for (size_t i = 0; i < t->n_steps; i++)
                if (!t->steps[i].is_end && t->steps[i].direction == direction && byte >= t->steps[i].from &&
                    byte < t->steps[i].from + t->steps[i].length)
                        return i;
        return SIZE_MAX;
}

static bool is_method(const Message *m, const char *name) {
        return m->method_length == strlen(name) && memcmp(m->method, name, m->method_length) == 0;
}

static size_t bucket_of(uint64_t ns) {
        size_t bucket = 0;

        for (size_t i = 0; i < CPROF_HTTP_BUCKETS; i++) {
                uint64_t octave_us = 32ULL << (i / 4);

                if (ns >= (octave_us + octave_us / 4 * (i % 4)) * 1000)
                        bucket = i;
        }
        return bucket;
}

/* @begin_ns: 0 = not known. @end_ns: 0 = its end was not seen. */
static void
count_answer(Reference *r, const Message *request, unsigned status, uint64_t begin_ns, uint64_t end_ns) {
        uint64_t found = request
                        ? path_rules_find(r->rules, r->n_rules, request->target, request->target_length)
                        : 0;

        r->sums->counters[CPROF_HTTP_SEEN_RESPONSES]++;
        for (unsigned i = 0; i < r->n_rules; i++) {
                struct cprof_http_cell *cell = &r->sums->cells[i];

                if (r->rules[i].path && !(found >> i & 1))
                        continue;
                cell->n_total++;
                cell->n_4xx += status >= 400 && status < 500;
                cell->n_5xx += status >= 500;
                if (begin_ns == 0 || end_ns == 0)
                        continue;
                cell->n_timed++;
                cell->sum_ns += end_ns - begin_ns;
                cell->buckets[bucket_of(end_ns - begin_ns)]++;
        }
}

static void count_request(Reference *r, size_t number) {
        const Message *m = &r->requests[number];
        size_t path = 0;
        bool is_excess;

        while (path < m->target_length && !strchr("?# ", m->target[path]))
                path++;
        r->sums->counters[CPROF_HTTP_SEEN_REQUESTS]++;
        r->sums->counters[CPROF_HTTP_LOSS_LONG_URI] += path > CPROF_HTTP_URI_MAX;

        /* once one has had no place, none has until those without were all answered */
        is_excess = r->tail > r->head &&
                        (r->ring[r->tail - 1] & IN_EXCESS || r->tail - r->head >= WAITING_MAX);
        r->sums->counters[CPROF_HTTP_LOSS_PENDING_FULL] += is_excess;
        r->ring[r->tail++] = number | (is_excess ? IN_EXCESS : 0);
}

/* A head whose last line has come says what follows. */
static void count_framing(Reference *r, const Message *m) {
        if (m->head_end == MESSAGE_NEVER)
                return;
        r->sums->counters[CPROF_HTTP_LOSS_AMBIGUOUS] += m->is_ambiguous;
        r->sums->counters[CPROF_HTTP_LOSS_FRAMING] += m->body == MESSAGE_BODY_FAULTY;
}

/* Requests whose line was complete before @step. */
static void read_until(Reference *r, size_t step) {
        for (; r->next_request < r->n_requests; r->next_request++) {
                const Message *m = &r->requests[r->next_request];
                size_t at = step_of(
                                r->t,
                                BED_IN,
                                m->line_end != MESSAGE_NEVER ? m->line_end : r->t->n_bytes[BED_IN] - 1);

                if (at > step)
                        return;
                count_request(r, r->next_request);
                if (step_of(r->t, BED_IN, m->head_end) <= step)
                        count_framing(r, m);
        }
}

static void find_requests(Reference *r) {
        const char *s = r->t->bytes[BED_IN];
        size_t n = r->t->n_bytes[BED_IN], from = 0;

        while (r->n_requests < MESSAGES_MAX && message_request(s, n, from, &r->requests[r->n_requests])) {
                from = r->requests[r->n_requests++].end;
                if (from++ == MESSAGE_NEVER)
                        break;
        }
}

static uint64_t last_written_ns(const Transcript *t) {
        uint64_t at_ns = 0;

        for (size_t i = 0; i < t->n_steps; i++)
                if (!t->steps[i].is_end && t->steps[i].direction == BED_OUT)
                        at_ns = t->steps[i].at_ns;
        return at_ns;
}

/* When an answer ended as its framing says, 0: it did not. */
static uint64_t ended_ns(Reference *r, const Message *m) {
        bool is_closed = r->t->steps[r->t->n_steps - 1].is_end;

        if (m->head_end == MESSAGE_NEVER || m->body == MESSAGE_BODY_FAULTY)
                return 0;
        if (m->body == MESSAGE_BODY_CLOSE)
                return is_closed ? last_written_ns(r->t) : 0;
        return m->end != MESSAGE_NEVER ? r->t->steps[step_of(r->t, BED_OUT, m->end)].at_ns : 0;
}

/* One final answer; false: nothing after it is HTTP. */
static bool count_final(Reference *r, Message *m) {
        const Transcript *t = r->t;
        const Message *request = NULL;
        uint64_t begin_ns = 0, end_ns;
        bool is_head = false, is_connect = false;

        read_until(r, step_of(t, BED_OUT, m->begin + strlen("HTTP/1.1 200")));
        if (r->head == r->tail) {
                r->sums
                                ->counters[r->tail == 0 ? CPROF_HTTP_LOSS_JOINED
                                                        : CPROF_HTTP_LOSS_UNPAIRED_RESPONSE]++;
        } else {
                uint64_t entry = r->ring[r->head++];

                request = &r->requests[entry & ~IN_EXCESS];
                is_head = is_method(request, "HEAD");
                is_connect = is_method(request, "CONNECT");
                begin_ns = t->steps[step_of(t, BED_IN, request->begin)].at_ns;
                if (entry & IN_EXCESS) {
                        begin_ns = 0;
                        request = NULL;
                }
        }

        message_answer_ends(t->bytes[BED_OUT], t->n_bytes[BED_OUT], is_head, is_connect, m);
        count_framing(r, m);
        end_ns = ended_ns(r, m);
        r->sums->counters[CPROF_HTTP_LOSS_TRUNCATED_RESPONSE] +=
                        end_ns == 0 && m->body != MESSAGE_BODY_FAULTY;
        count_answer(r, request, m->status, begin_ns, end_ns);
        if (m->head_end == MESSAGE_NEVER || (m->status != 101 && !(is_connect && m->status < 300)))
                return true;
        read_until(r, step_of(t, BED_OUT, m->head_end));
        r->sums->counters[CPROF_HTTP_SEEN_UPGRADED]++;
        return false;
}

void reference_count(const Transcript *t, const PathRule *rules, unsigned n_rules, BedSums *ret_sums) {
        Reference *r = calloc(1, sizeof(*r));
        size_t from = 0;
        bool is_http = true;
        Message m;

        assert(r);
        *ret_sums = (BedSums){};
        *r = (Reference){ .t = t, .rules = rules, .n_rules = n_rules, .sums = ret_sums };
        find_requests(r);

        while (is_http && message_answer(t->bytes[BED_OUT], t->n_bytes[BED_OUT], from, &m)) {
                if (m.status >= 200 || m.status == 101)
                        is_http = count_final(r, &m);
                else
                        message_answer_ends(t->bytes[BED_OUT], t->n_bytes[BED_OUT], false, false, &m);
                from = m.end;
                if (from++ == MESSAGE_NEVER)
                        break;
        }

        if (is_http) {
                read_until(r, t->n_steps);
                ret_sums->counters[CPROF_HTTP_LOSS_ABORTED_REQUEST] += r->tail - r->head;
        }
        free(r);
}
