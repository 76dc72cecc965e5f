/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "config.h"

#define CONFIG_SETTINGS_N 28U

typedef struct ConfigSetting {
        const char *section, *key;
        int (*set)(const char *value, Config *c); /* < 0: not what is expected; nothing is changed */
        const char *expected;
} ConfigSetting;

extern const ConfigSetting config_settings[CONFIG_SETTINGS_N];
