/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cprof-abi.h"

#include <stdio.h>

#define ROW_TEXT_MAX 64

/* What a row says, to be compared and read: "rsp+16 rbp@-16". */
static inline const char *row_text(const struct cprof_unwind_row *row, char text[static ROW_TEXT_MAX]) {
        int n = 0;

        switch (row->rule) {
        case CPROF_RULE_NONE:
                return "none";
        case CPROF_RULE_SIGNAL:
                return "signal";
        case CPROF_RULE_END:
                return "end";
        case CPROF_RULE_UNSUPPORTED:
                return "unsupported";
        case CPROF_RULE_RSP:
                n = snprintf(text, ROW_TEXT_MAX, "rsp%+d", row->cfa * 8);
                break;
        case CPROF_RULE_RBP:
                n = snprintf(text, ROW_TEXT_MAX, "rbp%+d", row->cfa * 8);
                break;
        case CPROF_RULE_PLT:
                n = snprintf(text, ROW_TEXT_MAX, "plt");
                break;
        case CPROF_RULE_DEREF_RBP:
        case CPROF_RULE_DEREF_RSP:
                n = snprintf(text,
                             ROW_TEXT_MAX,
                             "*(%s%+d)%+d",
                             row->rule == CPROF_RULE_DEREF_RBP ? "rbp" : "rsp",
                             (row->cfa >> 4) * 8,
                             (row->cfa & 15) * 8);
                break;
        case CPROF_RULE_DEREF_INDEX:
                n = snprintf(text, ROW_TEXT_MAX, "*(rsp+8*r%d%+d)+8", row->cfa & 15, (row->cfa >> 4) * 8);
                break;
        default:
                n = snprintf(text, ROW_TEXT_MAX, "r%d%+d", row->rule - CPROF_RULE_REGISTER, row->cfa * 8);
        }

        if (row->rbp == CPROF_RBP_AT_RBP)
                (void) snprintf(text + n, (size_t) (ROW_TEXT_MAX - n), " rbp@rbp");
        else if (row->rbp != CPROF_RBP_SAME)
                (void) snprintf(text + n, (size_t) (ROW_TEXT_MAX - n), " rbp@%+d", row->rbp * 8);
        return text;
}
