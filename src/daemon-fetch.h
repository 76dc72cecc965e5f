/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "basic/time-util.h"

#include <stdbool.h>

/* Debug files that are fetched by children, a few at once; without waiting for them. Time is
 * CLOCK_MONOTONIC. */
typedef struct Fetcher Fetcher;

#define FETCHES_RUNNING_MAX 2U
#define FETCHES_MAX 64U                         /* waiting or running; what comes then is not asked for */
#define FETCH_PATIENCE_USEC (10 * USEC_PER_SEC) /* of a task for its files */

/* @urls: in place of those in the environment; "" = these. Below @directory, which is borrowed, files are
 * kept. */
int fetcher_new(const char *directory, const char *urls, Fetcher **ret_fetcher);
Fetcher *fetcher_free(Fetcher *f); /* ends the children */
DEFINE_CLEANUP(Fetcher *, fetcher_free)

/* Asks for the file of a build id unless it is there, was looked for within a day, or is too much. Returns
 * whether it will be fetched or is there. */
bool fetcher_ask(Fetcher *f, const char *build_id);
bool fetcher_has_file(const Fetcher *f, const char *build_id);
bool fetcher_is_busy(const Fetcher *f, const char *build_id); /* with that one */

/* Now and then: starts and ends children. */
void fetcher_step(Fetcher *f, usec_t now_usec);
