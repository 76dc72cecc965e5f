/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ctl/options.h"

#include "basic/cleanup.h"

#include <stdio.h>
#include <systemd/sd-bus.h>

/* What every verb gets. */
typedef struct Ctl {
        Options options;
        sd_bus *bus; /* made by ctl_connect() */

        bool tty;         /* standard output, before a pager takes it */
        bool colour;      /* escape sequences may be written */
        bool utf8;        /* the locale shows more than ASCII */
        unsigned columns; /* of the terminal; 80 without one */
        pid_t pager_pid;  /* 0 = none */
} Ctl;

/* Exit statuses beside EXIT_SUCCESS and EXIT_FAILURE; the first is that of "systemctl status". */
#define EXIT_NOT_RUNNING 3
#define EXIT_INTERRUPTED 130

/* Verbs: @argv are the words behind the verb. They complain themselves and return a negative errno, or else
 * the exit status. */
typedef int (*VerbFn)(Ctl *c, int argc, char **argv);

int verb_status(Ctl *c, int argc, char **argv);
int verb_reload(Ctl *c, int argc, char **argv);
int verb_monitor(Ctl *c, int argc, char **argv);
int verb_http(Ctl *c, int argc, char **argv);
int verb_oap_services(Ctl *c, int argc, char **argv);
int verb_oap_status(Ctl *c, int argc, char **argv);
int verb_profile(Ctl *c, int argc, char **argv);
int verb_top(Ctl *c, int argc, char **argv);
int verb_unit_list(Ctl *c, int argc, char **argv);
int verb_unit_show(Ctl *c, int argc, char **argv);
int verb_unit_windows(Ctl *c, int argc, char **argv);
int verb_policy_add(Ctl *c, int argc, char **argv);
int verb_policy_check(Ctl *c, int argc, char **argv);
int verb_policy_edit(Ctl *c, int argc, char **argv);
int verb_policy_list(Ctl *c, int argc, char **argv);
int verb_policy_mask(Ctl *c, int argc, char **argv);
int verb_policy_remove(Ctl *c, int argc, char **argv);
int verb_policy_show(Ctl *c, int argc, char **argv);
int verb_policy_unmask(Ctl *c, int argc, char **argv);
int verb_task_delete(Ctl *c, int argc, char **argv);
int verb_task_diff(Ctl *c, int argc, char **argv);
int verb_task_export(Ctl *c, int argc, char **argv);
int verb_task_flamegraph(Ctl *c, int argc, char **argv);
int verb_task_info(Ctl *c, int argc, char **argv);
int verb_task_list(Ctl *c, int argc, char **argv);
int verb_task_stop(Ctl *c, int argc, char **argv);
int verb_task_wait(Ctl *c, int argc, char **argv);
