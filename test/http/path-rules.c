/* SPDX-License-Identifier: Apache-2.0 */
#include "http/path-rules.h"

#include <assert.h>
#include <string.h>

#define NODES_MAX 512U
#define NO_NODE UINT32_MAX

static bool ends_path(unsigned char c) {
        return c <= ' ' || c == '?' || c == '#' || c == 0x7f;
}

static bool rule_has(const PathRule *r, const char *path, size_t length) {
        size_t n;

        if (!r->path)
                return true;
        n = strlen(r->path);
        return length >= n && memcmp(path, r->path, n) == 0 && (r->is_prefix || length == n);
}

uint64_t path_rules_find(const PathRule *rules, unsigned n, const char *target, size_t length) {
        uint64_t found = 0;
        size_t end = 0;

        while (end < length && end < CPROF_HTTP_URI_MAX && !ends_path(target[end]))
                end++;
        for (unsigned i = 0; i < n; i++)
                if (rule_has(&rules[i], target, end))
                        found |= 1ULL << i;
        return found;
}

/* A trie of the rules' paths. After a byte that no rule goes on with, what remains is a set of prefixes that
 * were passed: a node without ways out of its own for each such set. */
typedef struct Trie {
        uint32_t children[NODES_MAX][256];
        uint64_t passed[NODES_MAX], exact[NODES_MAX];
        bool is_dead[NODES_MAX];
        uint32_t n;
} Trie;

static uint32_t trie_node(Trie *t, uint64_t passed, bool is_dead) {
        assert(t->n < NODES_MAX);
        t->passed[t->n] = passed;
        t->is_dead[t->n] = is_dead;
        memset(t->children[t->n], 0xff, sizeof(t->children[0]));
        return t->n++;
}

static void trie_add(Trie *t, const PathRule *r, unsigned number) {
        uint32_t node = 0;

        for (const unsigned char *p = (const unsigned char *) r->path; *p; p++) {
                if (t->children[node][*p] == NO_NODE)
                        t->children[node][*p] = trie_node(t, 0, /* is_dead= */ false);
                node = t->children[node][*p];
        }
        if (r->is_prefix)
                t->passed[node] |= 1ULL << number;
        else
                t->exact[node] |= 1ULL << number;
}

static void trie_pass_down(Trie *t, uint32_t node) {
        for (unsigned c = 0; c < 256; c++) {
                uint32_t child = t->children[node][c];

                if (child == NO_NODE)
                        continue;
                t->passed[child] |= t->passed[node];
                trie_pass_down(t, child);
        }
}

static uint32_t trie_dead(Trie *t, uint64_t passed) {
        for (uint32_t i = 0; i < t->n; i++)
                if (t->is_dead[i] && t->passed[i] == passed)
                        return i;
        return trie_node(t, passed, /* is_dead= */ true);
}

/* Class 0 ends a path, class 1 is all bytes that no rule has. */
static void classes_fill(const PathRule *rules, unsigned n, HttpAutomaton *a) {
        for (unsigned c = 0; c < 256; c++)
                a->classes[c] = ends_path(c) ? 0 : 1;
        a->n_classes = 2;
        for (unsigned i = 0; i < n; i++)
                for (const unsigned char *p = (const unsigned char *) rules[i].path; p && *p; p++)
                        if (a->classes[*p] == 1)
                                a->classes[*p] = a->n_classes++;
}

static uint32_t state_of(const Trie *t, const HttpAutomaton *a, uint32_t node) {
        return node * a->n_classes | (t->is_dead[node] ? CPROF_HTTP_ABSORBING : 0);
}

static void automaton_fill(Trie *t, HttpAutomaton *a) {
        uint32_t n_live = t->n;

        for (uint32_t i = 0; i < n_live; i++)
                (void) trie_dead(t, t->passed[i]);
        a->n_states = a->n_accepts = t->n;
        a->next = calloc(a->n_states, a->n_classes * sizeof(a->next[0]));
        a->accepts = calloc(a->n_accepts, sizeof(a->accepts[0]));
        assert(a->next && a->accepts);

        for (uint32_t i = 0; i < t->n; i++) {
                uint32_t *row = a->next + i * a->n_classes;
                uint32_t dead = trie_dead(t, t->passed[i]);

                row[0] = i;
                a->accepts[i] = t->passed[i] | t->exact[i];
                for (unsigned c = 1; c < a->n_classes; c++)
                        row[c] = state_of(t, a, dead);
                for (unsigned c = 0; c < 256; c++)
                        if (t->children[i][c] != NO_NODE)
                                row[a->classes[c]] = state_of(t, a, t->children[i][c]);
        }
        a->start = state_of(t, a, 0);
}

HttpRules *path_rules_compile(const PathRule *rules, unsigned n, unsigned n_groups) {
        HttpRules *r = calloc(1, sizeof(*r));

        assert(r && n_groups <= CPROF_HTTP_GROUPS_MAX);
        r->n_rules = n;
        r->n_groups = n_groups;
        for (unsigned i = 0; i < n; i++)
                if (!rules[i].path)
                        r->all |= 1ULL << i;

        for (unsigned g = 0; g < n_groups; g++) {
                Trie *t = calloc(1, sizeof(*t));

                assert(t);
                (void) trie_node(t, 0, /* is_dead= */ false);
                for (unsigned i = g; i < n; i += n_groups)
                        if (rules[i].path)
                                trie_add(t, &rules[i], i);
                trie_pass_down(t, 0);
                classes_fill(rules, n, &r->groups[g]);
                automaton_fill(t, &r->groups[g]);
                free(t);
        }
        return r;
}

HttpRules *path_rules_free(HttpRules *r) {
        if (!r)
                return NULL;

        for (unsigned g = 0; g < r->n_groups; g++) {
                free(r->groups[g].next);
                free(r->groups[g].accepts);
        }
        free(r);
        return NULL;
}
