/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

typedef struct Folded Folded;

/* The flame graph as one HTML file that needs nothing else: no network, no other file. */
typedef struct FlamegraphInfo {
        const char *title;
        const char *subtitle;
        const char *unit_label;    /* what is counted, in the plural: "samples" */
        double seconds_per_sample; /* 0: unknown, no seconds are shown */
} FlamegraphInfo;

/* Writes the page for @f; equal stacks and info give equal bytes. Texts may hold anything, they are made
 * harmless; NULL is an empty text. Returns -errno of write(2), -ENOMEM. */
int flamegraph_write_html(const Folded *f, const FlamegraphInfo *info, int out_fd);
