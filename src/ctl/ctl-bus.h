/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ctl/ctl.h"

#include "basic/time-util.h"
#include "bus/bus-names.h"

/* Connects to the system bus, that of --host= if given. Complains itself. */
int ctl_connect(Ctl *c);

/* What to tell a person about a failed call: a static text for the errors where the raw one would not help,
 * else
 * @message. @name may be NULL. */
const char *bus_error_text(const char *name, const char *message);

/* Whether @name says that nobody owns the daemon's bus name. */
bool bus_error_is_not_running(const char *name);

/* Complains "Failed to WHAT: …" and returns @r. */
int bus_complain(int r, const sd_bus_error *error, const char *what, ...) _printf_(3, 4);

/* Connects if need be and calls @method of the daemon; @what completes the sentence "Failed to …". Complains
 * itself. *ret_reply may be NULL. */
int ctl_call(Ctl *c,
             const char *what,
             const char *method,
             sd_bus_message **ret_reply,
             const char *types,
             ...);

/* The same with the error left to the caller. */
int ctl_try_call(
                Ctl *c,
                sd_bus_error *reterr_error,
                const char *method,
                sd_bus_message **ret_reply,
                const char *types,
                ...);

/* Complains about a reply that is not of the form in the interface's description. */
int bus_complain_reply(int r);

/* Reads a reply of one string. */
int ctl_call_string(Ctl *c, const char *what, const char *method, const char *argument, char **ret_text);

/* Free a NULL-terminated list of strings. */
char **strings_free(char **list);
DEFINE_CLEANUP(char **, strings_free)
