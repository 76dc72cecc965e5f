/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

typedef struct Folded Folded;
typedef struct FoldedDiff FoldedDiff;

/* The flame graph as one HTML file that needs nothing else: no network, no other file. */
typedef struct FlamegraphInfo {
        const char *title;
        const char *subtitle;
        const char *unit_label;    /* what is counted, in the plural: "samples" */
        double seconds_per_sample; /* 0: unknown, no seconds are shown */
        bool counts_time;          /* counts are times and shown as such */

        const char *before_label, *after_label; /* of a difference: what its two profiles are */
} FlamegraphInfo;

/* Writes the page for @f; equal stacks and info give equal bytes. Texts may hold anything, they are made
 * harmless; NULL is an empty text. Returns -errno of write(2), -ENOMEM. */
int flamegraph_write_html(const Folded *f, const FlamegraphInfo *info, int out_fd);

/* The same of a difference: frames as wide as in the later profile, coloured by the change of their share.
 */
int flamegraph_write_diff_html(const FoldedDiff *d, const FlamegraphInfo *info, int out_fd);
