/* SPDX-License-Identifier: Apache-2.0 */
#include "task/recorder-source.h"

static void unit_put(RecorderSources *s, RecorderUnit *u) {
        while (u && --u->n_ref == 0) {
                RecorderUnit *above = u->above;

                HASH_DEL(s->units, u);
                s->bytes -= sizeof(*u) + strlen(u->name) + 1;
                free(u->name);
                free(u);
                u = above;
        }
}

/* Takes the reference @above over on success. */
static int unit_add(RecorderSources *s, const char *name, RecorderUnit *above, RecorderUnit **ret_unit) {
        RecorderUnit *u = calloc(1, sizeof(*u));

        if (!u)
                return -ENOMEM;

        u->name = strdup(name);
        if (u->name)
                HASH_ADD_KEYPTR(hh, s->units, u->name, strlen(u->name), u);
        if (!u->name || !HASH_ADDED(u)) {
                free(u->name);
                free(u);
                return -ENOMEM;
        }

        u->above = above;
        u->n_ref = 1;
        s->bytes += sizeof(*u) + strlen(name) + 1;
        *ret_unit = u;
        return 0;
}

static int unit_get(RecorderSources *s, const Unit *unit, RecorderUnit **ret_unit) {
        RecorderUnit *u, *above = NULL;
        int r;

        HASH_FIND(hh, s->units, unit->name, strlen(unit->name), u);
        if (u) {
                u->n_ref++;
                *ret_unit = u;
                return 0;
        }

        if (unit->slice) {
                r = unit_get(s, unit->slice, &above);
                if (r < 0)
                        return r;
        }

        r = unit_add(s, unit->name, above, ret_unit);
        if (r < 0)
                unit_put(s, above);

        return r;
}

static void process_put(RecorderSources *s, RecorderProcess *p) {
        if (--p->n_ref > 0)
                return;

        HASH_DEL(s->processes, p);
        s->bytes -= sizeof(*p);
        unit_put(s, p->key.unit);
        free(p);
}

static int
process_get(RecorderSources *s, ProcessKey process, const Unit *unit, RecorderProcess **ret_process) {
        RecorderProcess wanted = { .key = { .pid = process.pid, .start_ticks = process.start_ticks } };
        RecorderProcess *p;
        int r;

        r = unit_get(s, unit, &wanted.key.unit);
        if (r < 0)
                return r;

        HASH_FIND(hh, s->processes, &wanted.key, sizeof(wanted.key), p);
        if (p) {
                unit_put(s, wanted.key.unit); /* it has its own reference */
                p->n_ref++;
                *ret_process = p;
                return 0;
        }

        p = calloc(1, sizeof(*p));
        if (p) {
                p->key = wanted.key;
                HASH_ADD(hh, s->processes, key, sizeof(p->key), p);
        }
        if (!p || !HASH_ADDED(p)) {
                unit_put(s, wanted.key.unit);
                free(p);
                return -ENOMEM;
        }

        p->n_ref = 1;
        s->bytes += sizeof(*p);
        *ret_process = p;
        return 0;
}

int recorder_source_get(
                RecorderSources *s,
                ProcessKey process,
                const Unit *unit,
                const char *name,
                RecorderThread **ret_thread) {
        RecorderThread wanted = {};
        RecorderThread *t;
        int r;

        assert(s);
        assert(unit);
        assert(name);
        assert(ret_thread);

        r = process_get(s, process, unit, &wanted.key.process);
        if (r < 0)
                return r;

        memcpy(wanted.key.name, name, strnlen(name, sizeof(wanted.key.name)));
        HASH_FIND(hh, s->threads, &wanted.key, sizeof(wanted.key), t);
        if (t) {
                process_put(s, wanted.key.process); /* it has its own reference */
                t->n_ref++;
                *ret_thread = t;
                return 0;
        }

        t = calloc(1, sizeof(*t));
        if (t) {
                t->key = wanted.key;
                HASH_ADD(hh, s->threads, key, sizeof(t->key), t);
        }
        if (!t || !HASH_ADDED(t)) {
                process_put(s, wanted.key.process);
                free(t);
                return -ENOMEM;
        }

        t->n_ref = 1;
        s->bytes += sizeof(*t);
        *ret_thread = t;
        return 0;
}

void recorder_source_put(RecorderSources *s, RecorderThread *t) {
        assert(t->n_ref > 0);

        if (--t->n_ref > 0)
                return;

        HASH_DEL(s->threads, t);
        s->bytes -= sizeof(*t);
        process_put(s, t->key.process);
        free(t);
}

bool recorder_unit_is_in(const RecorderUnit *u, const char *name) {
        for (; u; u = u->above)
                if (strcmp(u->name, name) == 0)
                        return true;

        return false;
}
