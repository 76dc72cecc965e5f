/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-meters.h"

#include "basic/strbuf.h"
#include "policy/watch.h"

#include <math.h>
#include <string.h>

#define METERS_PER_MESSAGE 256U /* of 2 KiB at most: names of OAP's, and a URI rule */
#define REGEX_MARK "~ "         /* as nginx writes them */

typedef struct Series {
        Metric metric;
        UriRule uri; /* text owned */
        double sum;
        unsigned n; /* seconds that had a value */
        struct Series *next;
} Series;

/* What one process of SkyWalking's had in this interval; it may be gone by now. */
typedef struct Entity {
        char *service, *instance, *process, *layer; /* all in one piece: @service is freed */
        size_t key_size;
        Series *series;
        UT_hash_handle hh; /* by that piece */
} Entity;

struct OapMeters {
        Entity *entities;
        size_t n_series;
        uint64_t n_over_cap;
        StrBuf key; /* reused */
};

/* The meters of one message while it is made. */
typedef struct Batch {
        const Entity *of; /* one of its service and instance */
        int64_t at_ms;
        OapMeter meters[METERS_PER_MESSAGE];
        UriRule uris[METERS_PER_MESSAGE];
        char *texts[METERS_PER_MESSAGE]; /* owned */
        size_t n;
        OapMessages messages;
} Batch;

int oap_meters_new(OapMeters **ret_meters) {
        assert(ret_meters);

        *ret_meters = calloc(1, sizeof(**ret_meters));
        return *ret_meters ? 0 : -ENOMEM;
}

static Series *series_free(Series *s) {
        free(s->uri.text);
        free(s);
        return NULL;
}

static void forget_all(OapMeters *m) {
        Entity *e, *next;

        HASH_ITER(hh, m->entities, e, next) {
                HASH_DEL(m->entities, e);
                for (Series *s = e->series, *after; s; s = after) {
                        after = s->next;
                        series_free(s);
                }
                free(e->service);
                free(e);
        }

        m->n_series = 0;
}

OapMeters *oap_meters_free(OapMeters *m) {
        if (!m)
                return NULL;

        forget_all(m);
        strbuf_done(&m->key);
        free(m);
        return NULL;
}

static int entity_new(OapMeters *m, const char *key, size_t key_size, Entity **ret) {
        Entity *e = calloc(1, sizeof(*e));
        char *piece = malloc(key_size);

        if (!e || !piece) {
                free(e);
                free(piece);
                return -ENOMEM;
        }

        e->key_size = key_size;
        e->service = memcpy(piece, key, key_size);
        e->instance = strchr(e->service, '\0') + 1;
        e->process = strchr(e->instance, '\0') + 1;
        e->layer = strchr(e->process, '\0') + 1;

        HASH_ADD_KEYPTR(hh, m->entities, e->service, key_size, e);
        if (!HASH_ADDED(e)) {
                free(piece);
                free(e);
                return -ENOMEM;
        }

        *ret = e;
        return 0;
}

static int find_entity(OapMeters *m, const Identity *i, Entity **ret) {
        const char *const texts[] = { i->service, i->instance, i->process, i->layer };
        Entity *e;

        m->key.length = 0; /* the memory is used again */
        for (size_t k = 0; k < ELEMENTSOF(texts); k++)
                strbuf_add_n(&m->key, texts[k], strlen(texts[k]) + 1);
        if (m->key.error < 0) {
                strbuf_done(&m->key);
                return -ENOMEM;
        }

        HASH_FIND(hh, m->entities, m->key.text, m->key.length, e);
        if (!e)
                return entity_new(m, m->key.text, m->key.length, ret);

        *ret = e;
        return 0;
}

static int series_new(OapMeters *m, Entity *e, Metric metric, const UriRule *uri, Series **ret) {
        Series *s;

        if (m->n_series >= OAP_METER_SERIES_MAX)
                return -E2BIG;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;

        s->metric = metric;
        s->uri.kind = uri ? uri->kind : URI_RULE_ALL;
        if (uri && uri->text) {
                s->uri.text = strdup(uri->text);
                if (!s->uri.text) {
                        series_free(s);
                        return -ENOMEM;
                }
        }

        s->next = e->series;
        e->series = s;
        m->n_series++;
        *ret = s;
        return 0;
}

static int find_series(OapMeters *m, const Identity *i, Metric metric, const UriRule *uri, Series **ret) {
        const UriRule wanted = uri ? *uri : (UriRule){ .kind = URI_RULE_ALL };
        Entity *e;
        int r;

        r = find_entity(m, i, &e);
        if (r < 0)
                return r;

        for (Series *s = e->series; s; s = s->next)
                if (s->metric == metric && uri_rule_equal(&s->uri, &wanted)) {
                        *ret = s;
                        return 0;
                }

        return series_new(m, e, metric, uri, ret);
}

int oap_meters_add(OapMeters *m, const Identity *i, Metric metric, const UriRule *uri, double value) {
        Series *s;
        int r;

        assert(m);
        assert(i);

        if (!oap_metric_is_known(metric))
                return 0;

        /* Also without a value: what a rule is called depends on what others there are. */
        r = find_series(m, i, metric, uri, &s);
        if (r < 0) {
                m->n_over_cap++;
                return r;
        }

        if (isfinite(value)) {
                s->sum += value;
                s->n++;
        }

        return 0;
}

static void read_windows(OapMeters *m, const Identity *i, usec_t slot_usec) {
        const Watch *w = i->target_unit     ? i->target_unit->watch
                        : i->target_process ? i->target_process->watch
                                            : NULL;

        for (size_t k = 0; w && k < w->n_windows; k++) {
                const WatchWindow *window = w->windows + k;
                double value;

                window_values(window->window, slot_usec, 1, &value);
                (void) oap_meters_add(m, i, window->metric, window->uri, value); /* counted */
        }
}

void oap_meters_tick(OapMeters *m, IdentitySet *identities, usec_t now_usec) {
        usec_t slot_usec = now_usec - now_usec % USEC_PER_SEC;

        assert(m);
        assert(identities);

        slot_usec = slot_usec > 0 ? slot_usec - 1 : 0;
        for (const Identity *i = identity_set_first(identities); i; i = i->hh.next)
                read_windows(m, i, slot_usec);
}

static int compare_entities(const Entity *a, const Entity *b) {
        int r = strcmp(a->service, b->service);

        return r != 0 ? r : strcmp(a->instance, b->instance);
}

static void batch_clear(Batch *b) {
        for (size_t i = 0; i < b->n; i++)
                free(TAKE_PTR(b->texts[i]));
        b->n = 0;
}

static void batch_done(Batch *b) {
        batch_clear(b);
        oap_messages_done(&b->messages);
}

static int batch_end(Batch *b) {
        _cleanup_(oap_bytes_done) OapBytes bytes = {};
        int r;

        if (b->n == 0)
                return 0;

        r = oap_encode_meters(b->of->service, b->of->instance, b->at_ms, b->meters, b->n, &bytes);
        if (r < 0)
                return r;

        batch_clear(b);
        return oap_messages_push(&b->messages, &bytes);
}

/* Whether another rule of that metric is shown as @text, which OAP would take for the same. */
static bool label_is_taken(const Entity *e, const Series *by, const char *text) {
        for (const Series *s = e->series; s; s = s->next) {
                const char *label = s->uri.kind == URI_RULE_ALL ? OAP_URI_LABEL_ALL : s->uri.text;

                if (s != by && s->metric == by->metric && strcmp(label, text) == 0)
                        return true;
        }

        return false;
}

/* What a rule is shown as: its text, with a mark if a path has the same. */
static int make_label(const Entity *e, const Series *s, char **ret_text) {
        _cleanup_(freep) char *text = strdup(s->uri.text);

        if (!text)
                return -ENOMEM;

        while (label_is_taken(e, s, text)) {
                char *marked;

                if (asprintf(&marked, REGEX_MARK "%s", text) < 0)
                        return -ENOMEM;

                free(text);
                text = marked;
        }

        *ret_text = TAKE_PTR(text);
        return 0;
}

static int batch_add(Batch *b, const Entity *e, const Series *s) {
        const UriRule *uri = &s->uri;
        int r;

        if (s->uri.kind == URI_RULE_REGEX) {
                r = make_label(e, s, b->texts + b->n);
                if (r < 0)
                        return r;

                b->uris[b->n] = (UriRule){ URI_RULE_REGEX, b->texts[b->n] };
                uri = b->uris + b->n;
        }

        b->meters[b->n++] = (OapMeter){
                .metric = s->metric,
                .process = e->process,
                .layer = e->layer,
                .uri = uri,
                .value = s->sum / s->n,
        };
        return b->n == ELEMENTSOF(b->meters) ? batch_end(b) : 0;
}

static int batch_add_entity(Batch *b, const Entity *e) {
        int r;

        if (b->of && compare_entities(b->of, e) != 0) {
                r = batch_end(b);
                if (r < 0)
                        return r;
        }

        b->of = e;
        for (const Series *s = e->series; s; s = s->next) {
                r = s->n > 0 ? batch_add(b, e, s) : 0;
                if (r < 0)
                        return r;
        }

        return 0;
}

int oap_meters_take(OapMeters *m, int64_t at_ms, OapMessages *ret) {
        _cleanup_(freep) Batch *b = NULL;
        int r = 0;

        assert(m);
        assert(ret);

        b = calloc(1, sizeof(*b)); /* large */
        if (!b)
                return -ENOMEM;

        b->at_ms = at_ms;
        HASH_SORT(m->entities, compare_entities);
        for (const Entity *e = m->entities; e && r >= 0; e = e->hh.next)
                r = batch_add_entity(b, e);
        if (r >= 0)
                r = batch_end(b);
        if (r < 0) {
                batch_done(b);
                return r;
        }

        forget_all(m);
        *ret = b->messages;
        return 0;
}

uint64_t oap_meters_n_over_cap(const OapMeters *m) {
        assert(m);

        return m->n_over_cap;
}
