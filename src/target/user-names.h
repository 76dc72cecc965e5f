/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <sys/types.h>

/* Names of user IDs, remembered: asking the user database can mean asking a server. */
typedef struct UserNames UserNames;

#define USER_NAMES_MAX 1024U /* more than that at once and all are forgotten */

int user_names_new(UserNames **ret);
UserNames *user_names_free(UserNames *n);
DEFINE_CLEANUP(UserNames *, user_names_free)

/* "" for a user without a name. Borrowed, valid until the next call. */
const char *user_names_get(UserNames *n, uid_t uid);
/* So that renamed and new users are seen. */
void user_names_forget(UserNames *n);
