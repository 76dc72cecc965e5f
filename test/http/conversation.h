/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "http/path-rules.h"
#include "http/random-text.h"
#include "http/transcript.h"

/* The rules that random conversations ask for. */
#define CONVERSATION_RULES 7U
extern const PathRule conversation_rules[CONVERSATION_RULES];

/* Appends one connection: requests and answers of all shapes that have a defined meaning, in pieces of all
 * sizes. */
void conversation_random(Random *r, Transcript *t);
