/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Where in a function of x86-64 a probe is cheap. The kernel emulates a few instructions under a probe (half
 * a microsecond); any other it copies away and single-steps, which takes two exceptions and in a virtual
 * machine 15 us and more. All read decoded code only, of which nothing is believed but that it is code. */

#define PROBE_POINT_CODE_MAX (16U * 1024) /* bytes of one function that are decoded */

typedef struct Code {
        const uint8_t *bytes;
        size_t size;
        uint64_t address; /* of the first byte, in the file's own terms */
} Code;

typedef enum ProbePointUse {
        PROBE_POINT_ENTRY,  /* arguments are read */
        PROBE_POINT_RETURN, /* and the return is to be seen: must be reached once for each call */
        PROBE_POINT_GO,     /* arguments in Go's registers are read */
} ProbePointUse;

/* The first instruction from the start of @code on that is cheap to probe, with the arguments and the stack
 * pointer still as the caller left them: its distance from the start. -ENOENT: there is none. */
int probe_point_cheap(Code code, ProbePointUse use, size_t *ret_at);

/* The function that a wrapper hands its first @n_arguments (up to 5) over to as they are, before it does
 * anything else. -ENOENT: it is no such wrapper. */
int probe_point_wrapped(Code code, unsigned n_arguments, uint64_t *ret_address);

/* Whether @code calls or jumps to @address; @code ends with what is no instruction, or its size. */
int probe_point_calls(Code code, uint64_t address);

/* Distances of all return instructions. -EBADMSG: not decodable, -E2BIG: more than @max. */
int probe_point_returns(Code code, uint64_t *ret_at, unsigned max, unsigned *ret_n);
