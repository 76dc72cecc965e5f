/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-config.h"
#include "store/store.h"
#include "target/identity.h"
#include "task/task-manager.h"

#define CONFIG_URLS_MAX 1024U

/* Settings of /etc/cprof/cprofd.conf and its drop-ins in {/etc,/run,/usr/lib}/cprof/cprofd.conf.d. */
typedef struct Config {
        int log_level;          /* [Manager] LogLevel=info */
        unsigned oncpu_hz;      /* [Profile] OnCpuHz=99, 1…1000 */
        unsigned tasks_max;     /* [Profile] MaxTasks=16: running at once */
        unsigned processes_max; /* [Profile] MaxProcesses=4096: sampled at once */
        uint64_t unwind_bytes;  /* [Profile] UnwindTablesMax=16M: of the kernel's memory */
        bool java_attach;       /* [Profile] JavaAttach=yes: ask Java virtual machines for names */
        unsigned recorder_hz;   /* [Recorder] RecorderHz=19, 0 = off */
        unsigned recorder_sec;  /* [Recorder] RecorderSec=30, 0 = off */
        double budget_percent;  /* [Profile] Budget=1%: of the host, for recording */
        bool debuginfod;        /* [Symbols] Debuginfod=no */
        char debuginfod_urls[CONFIG_URLS_MAX]; /* [Symbols] DebuginfodUrls=, "" = $DEBUGINFOD_URLS */
        ProbeHttpHook http_hook;               /* [Http] HttpHook=auto */
        unsigned http_rules_max;               /* [Http] HttpRulesMax=2048: rules of all processes */
        bool http_tls;                         /* [Http] HttpTls=yes */
        StoreConfig store;                     /* [Store] MaxUse= KeepFree= MaxAge= */
        OapConfig oap;                         /* [OAP] */
        ServiceRules services;                 /* [Service] sections */
} Config;

#define CONFIG_PROBLEMS_MAX 64U
#define HTTP_RULES_MAX 16384U
#define UNWIND_BYTES_MIN (UINT64_C(1) << 20)
#define UNWIND_BYTES_MAX (UINT64_C(1) << 30)

void config_default(Config *c);
/* Frees what it owns. */
void config_done(Config *c);

/* For ProbeConfig and TaskManagerConfig; 0 = no flight recorder. */
unsigned config_recorder_every(const Config *c);

/* Reads @root's files ("" = the host's) over the defaults into *ret_config, for config_done(). What is wrong
 * is skipped, keeps its default and becomes one line (of a [Service] section: the whole section is skipped)
 * of the NULL-terminated *ret_problems, "path:line: Key=value: …", freed by strv_free(). Returns -ENOMEM
 * only. */
int config_load(const char *root, Config *ret_config, char ***ret_problems);
