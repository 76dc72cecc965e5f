/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "http/path-rules.h"
#include "http/transcript.h"

/* What has to be counted of a connection, found in another way than the parser's: all bytes of a direction
 * lie in memory, messages are cut out one after another, headers are unfolded and taken apart as text, and
 * requests and answers are brought together by time afterwards. It knows HTTP/1.x (RFC 9112) and the rules
 * of counting (cprof-http.h), no look at the parser was taken. Connections after a loss are not its
 * business: a transcript ends in a direction with a message whose end cannot be found. */
void reference_count(const Transcript *t, const PathRule *rules, unsigned n_rules, BedSums *ret_sums);
