/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/policy-use.h"
#include "policy/watch-array.h"
#include "policy/watch-set.h"
#include "target/user-names.h"

/* Shared by the files of the watch set only. */

struct WatchSet {
        Monitor *monitor; /* borrowed, outlives us */
        WatchValueFn value;
        void *userdata;

        UserNames *user_names;
        PolicyUses policies;
        WatchArray array;
        size_t n_rules;
        uint64_t n_dropped;

        WatchHttpFn http_changed; /* may be NULL */
        void *http_userdata;
};
