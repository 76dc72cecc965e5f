/* SPDX-License-Identifier: Apache-2.0 */
#include "http/exchange.h"

static const char *const plain_targets[] = {
        "/",
        "/api",
        "/api/x?y=1",
        "/apix",
        "/health",
        "/health?",
        "/healthz",
        "/health#here",
        "/users/12/orders?x=/api",
        "/a/img/b",
        "*",
        "/%41pi",
        "/v1/items/17",
        "/v1/itemsandmore",
        "/v1",
};

static const char *const look_alikes[] = {
        "GET /api/evil HTTP/1.1\r\nHost: x\r\n\r\n",
        "HTTP/1.1 500 Evil\r\nContent-Length: 0\r\n\r\n",
        "POST /health HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        "\r\n\r\n0\r\n\r\n",
};

/* What headers may look like that say nothing about the body. */
static void add_noise(Random *r, Text *t, const char *nl) {
        static const char *const lines[] = {
                "Host: example.org",
                "User-Agent: random/1.0 (x; y)",
                "Accept: */*",
                "X-Content-Length: 77",
                "Content-Lengthy: 78",
                "Content-Type: text/plain",
                "Content-Lengt: 12",
                "Transfer-Encodings: chunked",
                "Transfer: chunked",
                "Connection: keep-alive",
                "Cache-Control: no-cache",
                "TE: trailers",
                "c:",
                "t",
        };
        static const unsigned lengths[] = { 1, 20, 200, 1200, 1300, 1500, 2040, 2050, 3000, 5000, 9000 };

        for (unsigned i = random_below(r, 6); i > 0; i--)
                text_addf(t, "%s%s", RANDOM_OF(r, lines), nl);
        if (random_percent(r, 6)) {
                text_add(t, random_percent(r, 50) ? "Cookie: " : "Set: ");
                text_fill(t, 'k', RANDOM_OF(r, lengths));
                text_add(t, nl);
        }
        if (random_percent(r, 5))
                text_addf(t, "X-Folded: one%s two%s\tContent-Length: 9%s", nl, nl, nl);
}

static void add_body(Random *r, Text *t, size_t n) {
        size_t end = t->n + n;

        if (random_percent(r, 30)) {
                const char *text = RANDOM_OF(r, look_alikes);

                while (t->n + strlen(text) <= end)
                        text_add(t, text);
        }
        text_fill(t, 'b', end - t->n);
}

static void add_chunks(Random *r, Text *t, const char *data, size_t n) {
        static const unsigned sizes[] = { 1, 2, 15, 16, 100, 1000, 4000 };
        const char *nl = random_percent(r, 95) ? "\r\n" : "\n";

        while (n > 0) {
                size_t size = RANDOM_OF(r, sizes);

                size = size < n ? size : n;
                text_addf(t, random_percent(r, 50) ? "%zx" : "%04zX", size);
                if (random_percent(r, 10))
                        text_add(t, random_percent(r, 50) ? ";name=\"value; 5\"" : " ; x");
                if (random_percent(r, 1))
                        text_fill(t, ';', 300);
                text_add(t, nl);
                text_add_bytes(t, data, size);
                text_add(t, nl);
                data += size;
                n -= size;
        }
        text_addf(t, random_percent(r, 80) ? "0%s" : "000;last%s", nl);
        if (random_percent(r, 15))
                text_addf(t,
                          "Trailer-One: 1%sContent-Length: 7%sTransfer-Encoding: x%s c%s",
                          nl,
                          nl,
                          nl,
                          nl);
        if (random_percent(r, 2)) {
                text_fill(t, 't', 3000);
                text_add(t, nl);
        }
        text_add(t, nl);
}

/* Small and large letters as they come. */
static void add_name(Random *r, Text *t, const char *name) {
        size_t from = t->n;

        text_add(t, name);
        for (size_t i = from; i < t->n; i++)
                if (t->data[i] >= 'a' && t->data[i] <= 'z' && random_percent(r, 20))
                        t->data[i] -= 'a' - 'A';
}

static void add_length(Random *r, Text *t, size_t n, const char *nl) {
        static const char *const forms[] = { ":%zu%s", ": %zu%s", ":  %zu \t%s", ": 00%zu%s" };
        char line[64];

        add_name(r, t, "Content-Length");
        switch (random_below(r, 30)) {
        case 0:
                text_addf(t, ": %zu, %zu%s", n, n, nl);
                return;
        case 1:
                text_addf(t, ": %zu%sContent-Length: %zu%s", n, nl, n, nl);
                return;
        case 2:
                text_addf(t, ": %zu%s  %s", n, nl, nl);
                return;
        default:
                (void) snprintf(line, sizeof(line), RANDOM_OF(r, forms), n, nl);
                text_add(t, line);
        }
}

static void add_coding(Random *r, Text *t, const char *nl) {
        static const char *const values[] = {
                ": chunked",         ":chunked",     ": Chunked \t",  ": gzip, chunked",
                ": gzip ,CHUNKED",   ": chunked,",   ": , chunked,,", ": chunked, chunked",
                ": gzip,\n chunked", ":\n\tchunked", ": chunked\n ",  ": gzip\nTransfer-Encoding: chunked",
        };

        add_name(r, t, "Transfer-Encoding");
        for (const char *p = RANDOM_OF(r, values); *p; p++)
                if (*p == '\n')
                        text_add(t, nl);
                else
                        text_add_bytes(t, p, 1);
        text_add(t, nl);
}

/* Framings that are refused, or known from the end of the connection only. */
static void add_faulty(Random *r, Text *t, const char *nl) {
        static const char *const lines[] = {
                "Content-Length: 5, 6",
                "Content-Length: 5\nContent-Length: 6",
                "Content-Length: 5x",
                "Content-Length: -1",
                "Content-Length: +1",
                "Content-Length: 5 5",
                "Content-Length:",
                "Content-Length: 99999999999999999999",
                "Content-Length: 18446744073709551621",
                "Content-Length: 5\n 5",
                "Content-Length: 5,",
                "Transfer-Encoding: chunked, gzip",
                "Transfer-Encoding: gzip\nContent-Length: 5",
                "Transfer-Encoding: chunke",
                "Transfer-Encoding: chunkedd",
                "Transfer-Encoding: chunked\n x",
                "Transfer-Encoding: chun\n ked",
                "Transfer-Encoding: chunked; q=1",
                "Transfer-Encoding:",
        };

        for (const char *p = RANDOM_OF(r, lines); *p; p++)
                if (*p == '\n')
                        text_add(t, nl);
                else
                        text_add_bytes(t, p, 1);
        text_add(t, nl);
}

/* Headers that frame @n bytes of body, and the body so framed. Returns whether that is by its length. */
static bool add_framed(Random *r, Text *head, Text *body, size_t n, bool is_ambiguous, const char *nl) {
        static Text plain;

        plain.n = 0;
        add_body(r, &plain, n);
        if (is_ambiguous || random_percent(r, 40)) {
                if (is_ambiguous && random_percent(r, 50))
                        add_length(r, head, random_below(r, 50), nl);
                add_coding(r, head, nl);
                if (is_ambiguous)
                        add_length(r, head, random_below(r, 50), nl);
                add_chunks(r, body, plain.data, plain.n);
                return false;
        }

        add_length(r, head, n, nl);
        text_add_bytes(body, plain.data, plain.n);
        return true;
}

static void add_target(Random *r, Text *t) {
        static const unsigned lengths[] = { 700, 1000, 1023, 1024, 1025, 1300, 2100, 5000 };
        unsigned kind = random_below(r, 100);

        if (kind < 94) {
                text_add(t, RANDOM_OF(r, plain_targets));
                return;
        }
        text_add(t, kind < 97 ? "/api/" : "/");
        if (random_percent(r, 20))
                text_add(t, "?");
        text_fill(t, 'q', RANDOM_OF(r, lengths));
}

static const char *add_request(Random *r, bool may_end, bool is_plain, Exchange *e) {
        static const char *const methods[] = { "GET",     "GET",   "GET",      "GET",     "GET",
                                               "POST",    "POST",  "DELETE",   "PUT",     "PATCH",
                                               "OPTIONS", "TRACE", "PROPFIND", "M-SEARCH" };
        static const unsigned sizes[] = { 0, 1, 10, 300, 2500, 5000 };
        const char *method = is_plain ? "GET" : random_percent(r, 8) ? "HEAD" : RANDOM_OF(r, methods);
        const char *nl = random_percent(r, 95) ? "\r\n" : "\n";
        bool is_old = random_percent(r, 8);

        if (may_end && random_percent(r, 2))
                method = "CONNECT";
        if (random_percent(r, 3))
                text_add(&e->request, nl);
        text_addf(&e->request, "%s ", method);
        add_target(r, &e->request);
        if (e->request.n > 1200) /* of a line that is cut off, the version may not be seen */
                is_old = false;
        text_addf(&e->request, " HTTP/1.%c%s", is_old ? '0' : '1', nl);
        add_noise(r, &e->request, nl);

        if (may_end && strcmp(method, "CONNECT") != 0 && random_percent(r, 4)) {
                add_faulty(r, &e->request, nl);
                e->is_faulty_request = e->is_last = true;
        } else if (strchr("P", method[0]) && strcmp(method, "PROPFIND") != 0) {
                (void) add_framed(
                                r,
                                &e->request,
                                &e->request_body,
                                RANDOM_OF(r, sizes),
                                random_percent(r, 4),
                                nl);
                e->awaits_100 = random_percent(r, 20);
        }
        add_noise(r, &e->request, nl);
        text_add(&e->request, nl);
        return method;
}

static unsigned add_status(Random *r, bool may_end, bool is_connect, Exchange *e) {
        static const unsigned codes[] = { 200, 200, 200, 200, 201, 204, 205, 302,
                                          304, 400, 404, 500, 502, 503, 599 };
        static const char *const reasons[] = { " OK", " ", "", " Some Longer Reason", " 200" };
        unsigned status = e->is_faulty_request ? 400 : RANDOM_OF(r, codes);

        if (may_end && !e->is_faulty_request && random_percent(r, 2))
                status = 101;
        e->is_upgrade = status == 101 || (is_connect && status < 300);
        e->is_last = e->is_last || e->is_upgrade;
        text_addf(&e->answer, "HTTP/1.%u %u%s", random_percent(r, 5) ? 0 : 1, status, RANDOM_OF(r, reasons));
        return status;
}

static void add_answer(Random *r, bool may_end, bool is_plain, const char *method, Exchange *e) {
        static const unsigned sizes[] = { 0, 5, 50, 700, 3000, 6000 };
        const char *nl = random_percent(r, 97) ? "\r\n" : "\n";
        unsigned status = is_plain ? 200 : add_status(r, may_end, strcmp(method, "CONNECT") == 0, e);
        bool is_without = strcmp(method, "HEAD") == 0 || status == 204 || status == 304;
        static Text nothing;

        if (is_plain)
                text_add(&e->answer, "HTTP/1.1 200 OK");
        text_add(&e->answer, nl);
        add_noise(r, &e->answer, nl);

        nothing.n = 0;
        if (is_plain)
                text_addf(&e->answer, "Content-Length: 0%s", nl);
        else if (is_without && random_percent(r, 70))
                (void) add_framed(r, &e->answer, &nothing, RANDOM_OF(r, sizes), false, nl);
        else if (e->is_upgrade)
                text_addf(&e->answer, "Upgrade: h2c%s", nl);
        else if (may_end && !is_without && random_percent(r, 6)) {
                if (random_percent(r, 50)) /* else: no framing at all */
                        add_faulty(r, &e->answer, nl);
                e->is_last = true;
                text_fill(&e->answer_body, 'e', RANDOM_OF(r, sizes));
        } else if (!is_without)
                e->is_counted =
                                add_framed(r,
                                           &e->answer,
                                           &e->answer_body,
                                           RANDOM_OF(r, sizes),
                                           random_percent(r, 2),
                                           nl);
        add_noise(r, &e->answer, nl);
        text_add(&e->answer, nl);
}

void exchange_random(Random *r, bool may_end, bool is_plain, Exchange *e) {
        const char *method;

        e->request.n = e->request_body.n = e->answer.n = e->answer_body.n = 0;
        e->is_last = e->is_upgrade = e->is_faulty_request = e->awaits_100 = e->is_counted = false;
        method = add_request(r, may_end, is_plain, e);
        add_answer(r, may_end, is_plain, method, e);
}
