/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "basic/profile-kind.h"
#include "basic/time-util.h"

#include <stdbool.h>

/* Silence per (unit or process name within the unit, profile kind): the memory of "we have just recorded
 * this". Pure. */
typedef struct Cooldown Cooldown;

#define COOLDOWNS_MAX 65536U

int cooldown_new(Cooldown **ret);
Cooldown *cooldown_free(Cooldown *c);
DEFINE_CLEANUP(Cooldown *, cooldown_free)

/* @process is "" for the unit as a whole. Starting again extends, never shortens. -ENOMEM; -EUSERS when
 * full: forget the expired ones and try again. */
int cooldown_start(Cooldown *c, const char *unit, const char *process, ProfileKind kind, usec_t until_usec);
/* What is left of it, 0 for none. */
usec_t
cooldown_left(const Cooldown *c, const char *unit, const char *process, ProfileKind kind, usec_t now_usec);
void cooldown_forget_expired(Cooldown *c, usec_t now_usec);
