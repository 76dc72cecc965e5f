/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* Reader of systemd.syntax(7): sections, Key=Value, '#' and ';' comments at the start of a line, '\' at the
 * end of a line continues it (joined by a blank; comment lines inside a continuation are skipped). Pure and
 * bounded. */

#define INI_FILE_SIZE_MAX (256U * 1024U)
#define INI_LINE_LENGTH_MAX (16U * 1024U)

/* Called for each section header (@key and @value NULL) and each assignment. @line is the first line of the
 * assignment, from 1. Blanks around key and value are gone. A negative return stops and is passed on; the
 * callback has then filled its own message. */
typedef int (*IniFn)(unsigned line, const char *section, const char *key, const char *value, void *userdata);

/* Returns 0, the callback's error, -EINVAL (syntax, NUL byte or no UTF-8), -EFBIG (file or line too long),
 * -ENOMEM. On these *@reterr_line is the line (0 = the whole file) and *@reterr_message, if not NULL after
 * the call, is a text to be freed by the caller; it stays NULL for the callback's errors. Both may be NULL.
 */
int ini_parse(const char *text,
              size_t length,
              IniFn fn,
              void *userdata,
              unsigned *reterr_line,
              char **reterr_message);
