/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/analysis.h"

#include "basic/strbuf.h"
#include "basic/utf8.h"
#include "skywalking.pb-c.h"
#include "symbol/symbols.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

#define MISSING "[MISSING]"

typedef Skywalking__V3__EBPFProfilingStackMetadata StackMetadata;

void tree_free(Tree **tree) {
        Tree *n, *next;

        HASH_ITER(hh, *tree, n, next) {
                HASH_DEL(*tree, n);
                free(n->path);
                free(n);
        }
}

static void add_node(Tree **tree, const char *path, size_t length, uint64_t value) {
        Tree *n;

        HASH_FIND(hh, *tree, path, length, n);
        if (!n) {
                n = calloc(1, sizeof(*n));
                cr_assert_not_null(n);
                n->path = strndup(path, length);
                HASH_ADD_KEYPTR(hh, *tree, n->path, length, n);
        }

        n->value += value;
}

void tree_add(Tree **tree, const char *path, uint64_t value) {
        for (const char *end = strchr(path, ';'); end; end = strchr(end + 1, ';'))
                add_node(tree, path, (size_t) (end - path), value);
        add_node(tree, path, strlen(path), value);
}

uint64_t tree_get(const Tree *tree, const char *path) {
        Tree *n;

        HASH_FIND_STR(tree, path, n);
        return n ? n->value : 0;
}

void tree_expect_equal(const Tree *tree, const Tree *expected) {
        for (const Tree *n = expected; n; n = n->hh.next)
                cr_assert_eq(tree_get(tree, n->path),
                             n->value,
                             "%s: %" PRIu64 ", not %" PRIu64,
                             n->path,
                             tree_get(tree, n->path),
                             n->value);
        for (const Tree *n = tree; n; n = n->hh.next)
                cr_assert(n->value == 0 || tree_get(expected, n->path) > 0, "%s is too much", n->path);
}

void profile_trees_done(ProfileTrees *t) {
        tree_free(&t->count);
        tree_free(&t->duration);
}

static void add_stack(ProfileTrees *t, const ProfileStack *s, const Symbols *symbols) {
        _cleanup_(strbuf_done) StrBuf path = {};

        for (unsigned i = s->n_frames; i > 0; i--) {
                const char *name = symbols_name(symbols, s->frames[i - 1]).name;

                strbuf_addf(&path,
                            "%s%s%s",
                            path.length > 0 ? ";" : "",
                            strcmp(name, SYMBOLS_UNKNOWN_NAME) == 0 ? MISSING : name,
                            i <= s->n_kernel ? "_[k]" : "");
        }

        tree_add(&t->count, path.text, s->n_samples + s->n_switches);
        tree_add(&t->duration, path.text, s->offcpu_nsec);
}

void profile_trees_add(ProfileTrees *t, const Profile *p, const Symbols *symbols, OapTarget target) {
        ProfileStack *s, *next;

        HASH_ITER(hh, profile_stacks(p), s, next) {
                if ((s->state == PROFILE_STATE_RUNNING) == (target == OAP_TARGET_ON_CPU))
                        add_stack(t, s, symbols);
        }
}

void tree_add_folded(Tree **tree, const char *folded) {
        for (const char *end; *folded; folded = end + 1) {
                _cleanup_(freep) char *line = NULL;
                char *path, *number;

                end = strchr(folded, '\n');
                cr_assert_not_null(end);
                line = strndup(folded, (size_t) (end - folded));
                path = strchr(line, ';');
                number = strrchr(line, ' ');
                cr_assert(path && number);
                *number = '\0';
                tree_add(tree, path + 1, strtoull(number + 1, NULL, 10));
        }
}

void analysis_done(Analysis *a) {
        tree_free(&a->count);
        tree_free(&a->duration);
        tree_free(&a->lists);
}

/* One record as OAP sees it. */
typedef struct Record {
        char *key; /* what tells it from others of its time: count and symbols */
        char *path;
        int64_t count, duration;
        UT_hash_handle hh;
} Record;

static void free_records(Record **records) {
        Record *r, *next;

        HASH_ITER(hh, *records, r, next) {
                HASH_DEL(*records, r);
                free(r->key);
                free(r->path);
                free(r);
        }
}

/* Kernel, then user, and reversed. */
static char *record_path(StackMetadata *const *stacks, size_t n) {
        _cleanup_(strbuf_done) StrBuf path = {};
        char *text;

        for (size_t i = n; i > 0; i--)
                for (size_t j = stacks[i - 1]->n_stacksymbols; j > 0; j--) {
                        bool is_kernel = stacks[i - 1]->stacktype ==
                                        SKYWALKING__V3__EBPFPROFILING_STACK_TYPE__PROCESS_KERNEL_SPACE;
                        const char *symbol = stacks[i - 1]->stacksymbols[j - 1];

                        cr_expect(utf8_is_valid(symbol, strlen(symbol)), "item 31");
                        cr_expect_neq(*symbol, '\0', "item 31: it would be a frame without a name");
                        strbuf_addf(&path,
                                    "%s%s%s",
                                    path.length > 0 ? ";" : "",
                                    symbol,
                                    is_kernel ? "_[k]" : "");
                }

        cr_assert_eq(strbuf_finish(&path, &text), 0);
        return text;
}

static void check_stacks(StackMetadata *const *stacks, size_t n, Tree **ids) {
        char id[64] = "";

        cr_assert(n == 1 || n == 2);
        if (n == 2)
                cr_assert_neq(stacks[0]->stacktype, stacks[1]->stacktype, "OAP keeps one of each type");

        for (size_t i = 0; i < n; i++) {
                cr_expect_gt(stacks[i]->stackid, 0);
                cr_expect_gt(stacks[i]->n_stacksymbols, 0, "OAP ignores it");
                (void) snprintf(id + strlen(id), 16, "%s%i", i > 0 ? "_" : "", stacks[i]->stackid);
        }

        cr_expect_eq(tree_get(*ids, id), 0, "item 32: %s is twice in the flush", id);
        tree_add(ids, id, 1);
}

static Record *read_record(OapTarget target, const OapBytes *bytes, Tree **ids) {
        Skywalking__V3__EBPFProfilingData *d =
                        skywalking__v3__ebpfprofiling_data__unpack(NULL, bytes->size, bytes->data);
        bool is_on = target == OAP_TARGET_ON_CPU;
        Record *r = calloc(1, sizeof(*r));
        StackMetadata **stacks;
        size_t n;

        cr_assert(r && d);
        cr_expect_lt(bytes->size, OAP_MESSAGE_MAX);
        cr_assert_eq(d->profiling_case,
                     is_on ? SKYWALKING__V3__EBPFPROFILING_DATA__PROFILING_ON_CPU
                           : SKYWALKING__V3__EBPFPROFILING_DATA__PROFILING_OFF_CPU,
                     "item 29");
        stacks = is_on ? d->oncpu->stacks : d->offcpu->stacks;
        n = is_on ? d->oncpu->n_stacks : d->offcpu->n_stacks;
        check_stacks(stacks, n, ids);

        r->count = is_on ? d->oncpu->dumpcount : d->offcpu->switchcount;
        r->duration = is_on ? 0 : d->offcpu->duration;
        r->path = record_path(stacks, n);
        cr_assert_geq(asprintf(&r->key, "%" PRIi64 " %s", r->count, r->path), 0);
        skywalking__v3__ebpfprofiling_data__free_unpacked(d, NULL);
        return r;
}

void analysis_add(Analysis *a, OapTarget target, const OapMessages *messages) {
        _cleanup_(free_records) Record *records = NULL;
        _cleanup_(tree_free) Tree *ids = NULL, *paths = NULL;
        size_t n_bytes = 0;
        Record *r, *next, *same;

        for (size_t i = 0; i < messages->n; i++) {
                r = read_record(target, messages->items + i, &ids);
                n_bytes += messages->items[i].size;
                HASH_FIND_STR(records, r->key, same);
                cr_expect_null(same, "item 32: OAP counts one of them: %s", r->key);
                if (!same)
                        HASH_ADD_KEYPTR(hh, records, r->key, strlen(r->key), r);
        }
        cr_expect_eq(n_bytes, messages->n_bytes);

        HASH_ITER(hh, records, r, next) {
                add_node(&paths, r->path, strlen(r->path), 1);
                cr_expect_eq(tree_get(paths, r->path), 1, "item 32: %s", r->path);
                add_node(&a->lists, r->path, strlen(r->path), (uint64_t) r->count);
                tree_add(&a->count, r->path, (uint64_t) r->count);
                tree_add(&a->duration, r->path, (uint64_t) r->duration);
                a->n_count += (uint64_t) r->count;
                a->n_duration += (uint64_t) r->duration;
        }
}
