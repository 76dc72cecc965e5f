/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "config.h"

/* Setters of [OAP], as in ConfigSetting. */
int config_set_oap_address(const char *value, Config *c);
int config_set_oap_ebpf_address(const char *value, Config *c);
int config_set_oap_tls(const char *value, Config *c);
int config_set_oap_ca_file(const char *value, Config *c);
int config_set_oap_certificate_file(const char *value, Config *c);
int config_set_oap_key_file(const char *value, Config *c);
int config_set_oap_server_name(const char *value, Config *c);
int config_set_oap_token_file(const char *value, Config *c);
int config_set_oap_meter_interval(const char *value, Config *c);
int config_set_oap_spool_bytes(const char *value, Config *c);
int config_set_oap_spool_age(const char *value, Config *c);

/* What is set and does nothing as the settings stand together: why, NULL: it does what it says. */
const char *config_oap_useless(const Config *c, const char *key);
