/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/unwind-rows.h"
#include "symbol/dwarf-reader.h"

/* Interpreter of call frame instructions (DWARF 5, section 6.4.2), reduced to what a row can say: where the
 * CFA, the return address and the caller's rbp are. x86-64. */

/* Numbers of x86-64 (System V ABI AMD64 supplement, figure 3.36). */
enum {
        CFA_RBP = 6,
        CFA_RSP = 7,
        CFA_RA = 16,
};

#define CFA_PLT_PUSH 11           /* where CPROF_RULE_PLT has the first push of a linkage table's entry */
#define CFA_STATES_MAX 16U        /* remembered at once; compilers need one or two */
#define CFA_PLT_ENTRIES_MAX 8192U /* of a procedure linkage table that needs rows of its own */

typedef enum CfaForm {
        CFA_UNKNOWN,  /* none yet, or one we can't hold */
        CFA_REGISTER, /* register + offset */
        CFA_SUM,      /* by expression: base + a */
        CFA_DEREF,    /* ditto: *(base + a) + b */
        CFA_INDEX,    /* ditto: *(rsp + 8 * base + a) + 8 */
        CFA_PLT,      /* ditto: rsp + 8, and 8 more from byte a of each 16 on */
} CfaForm;

typedef enum SavedForm {
        SAVED_SAME,
        SAVED_AT_CFA,      /* at CFA + offset */
        SAVED_AT_REGISTER, /* at register + offset */
        SAVED_UNDEFINED,
        SAVED_OTHER,
} SavedForm;

typedef struct CfaSaved {
        uint8_t form; /* SavedForm */
        uint8_t reg;
        int32_t offset;
} CfaSaved;

typedef struct CfaState {
        uint8_t form; /* CfaForm */
        uint8_t reg;
        uint8_t base; /* a register as well */
        int32_t offset;
        int32_t a, b;
        CfaSaved rbp, rsp, ra;
} CfaState;

/* What a CIE says to all its FDEs. */
typedef struct Cie {
        uint64_t code_align;
        int64_t data_align;
        uint8_t encoding; /* of addresses */
        bool augmented;   /* FDEs have augmentation data */
        bool signal_frame;
        CfaState initial;
} Cie;

typedef struct CfaRows {
        struct cprof_unwind_row *rows; /* owned */
        size_t n, n_allocated, n_max;
} CfaRows;

/* Runs the initial instructions of a CIE. @cie is filled in but for @initial. -EBADMSG. */
int cfa_run_initial(Cie *cie, DwarfReader program);

/* Adds the rows of the code from @start up to @end, both within 4 GiB from @base, neighbours different. What
 * was added is taken back on an error: -EBADMSG, -E2BIG, -ENOMEM. */
int cfa_run(const Cie *cie, DwarfReader program, uint64_t start, uint64_t end, uint64_t base, CfaRows *rows);
