/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-messages.h"
#include "symbol/symbolizer.h"

/* A flame graph as a map from a path of symbols, "main;work;read_[k]", to what was counted in it and in all
 * that it called; and how OAP makes one of profile data, which is not as one would think. */
typedef struct Tree {
        char *path;
        uint64_t value;
        UT_hash_handle hh;
} Tree;

void tree_free(Tree **tree);
/* Counts @value for the path and all of its beginnings. */
void tree_add(Tree **tree, const char *path, uint64_t value);
uint64_t tree_get(const Tree *tree, const char *path);
/* Ends the test if they differ. */
void tree_expect_equal(const Tree *tree, const Tree *expected);

/* Of what is here: "count" is samples or switches. */
typedef struct ProfileTrees {
        Tree *count, *duration;
} ProfileTrees;
void profile_trees_done(ProfileTrees *t);
void profile_trees_add(ProfileTrees *t, const Profile *p, const Symbols *symbols, OapTarget target);

/* Folded stacks, without the thread. */
void tree_add_folded(Tree **tree, const char *folded);

/* What OAP has, flush by flush: ../shared/oap-contract.md, 7.3. */
typedef struct Analysis {
        Tree *count, *duration;
        Tree *lists; /* distinct lists of symbols; their values are those of counts */
        uint64_t n_count, n_duration;
} Analysis;
void analysis_done(Analysis *a);
/* All @messages have one time. Ends the test where they break conformance items 29, 31, 32. */
void analysis_add(Analysis *a, OapTarget target, const OapMessages *messages);
