/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "bpf/oracle.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Unwinds a recorded sample again with elfutils' libdw, which shares no code with us. */
typedef struct SecondOpinion SecondOpinion;

#define OPINION_FRAMES_MAX 512

typedef struct Opinion {
        uint64_t frames[OPINION_FRAMES_MAX];
        size_t n;
        bool short_of_stack; /* it wanted more of the stack than was copied */
} Opinion;

SecondOpinion *second_opinion_new(pid_t pid);
void second_opinion_free(SecondOpinion *s);
void second_opinion_ask(SecondOpinion *s, const struct oracle_record *record, Opinion *ret_opinion);
