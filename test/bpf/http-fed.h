/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* What http-fed.bpf.c is told: arguments of its tracepoint. */
#define HTTP_FED_ADDRESS 0
#define HTTP_FED_LENGTH 1
#define HTTP_FED_DIRECTION 2
#define HTTP_FED_CONTINUED 3
#define HTTP_FED_WHAT 4
#define HTTP_FED_ARGUMENTS 5

#define HTTP_FED_FEED 0
#define HTTP_FED_SKIP 1
#define HTTP_FED_END 2

#define HTTP_FED_EXCHANGES 50
