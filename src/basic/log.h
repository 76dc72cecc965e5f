/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <syslog.h>

/* Messages for the journal: on standard error with a <priority> prefix when systemd reads it (JOURNAL_STREAM
 * is set), plain otherwise. Structured events go through sink/sink-journal.h instead. */

/* LOG_ERR … LOG_DEBUG; what is less urgent is dropped. The default is LOG_INFO. */
void log_set_max_level(int level);
int log_get_max_level(void);
int log_level_from_string(const char *name);
const char *log_level_to_string(int level);

/* Logs with errno set to abs(@error), so that %m works. Returns -abs(@error), to be propagated. */
int log_full_errno(int level, int error, const char *format, ...) _printf_(3, 4);

#define log_full(level, ...) ((void) log_full_errno(level, 0, __VA_ARGS__))
#define log_error(...) log_full(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_full(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_full(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_full(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_full(LOG_DEBUG, __VA_ARGS__)
#define log_error_errno(error, ...) log_full_errno(LOG_ERR, error, __VA_ARGS__)
#define log_warning_errno(error, ...) log_full_errno(LOG_WARNING, error, __VA_ARGS__)
#define log_notice_errno(error, ...) log_full_errno(LOG_NOTICE, error, __VA_ARGS__)
#define log_info_errno(error, ...) log_full_errno(LOG_INFO, error, __VA_ARGS__)
#define log_debug_errno(error, ...) log_full_errno(LOG_DEBUG, error, __VA_ARGS__)
