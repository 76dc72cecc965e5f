/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#define CPROF_BUS_NAME "org.skywalking.ContinuousProfiling1"
#define CPROF_BUS_PATH "/org/skywalking/ContinuousProfiling1"
#define CPROF_BUS_INTERFACE "org.skywalking.ContinuousProfiling1"

#define CPROF_BUS_ERROR_NO_SUCH_POLICY CPROF_BUS_INTERFACE ".NoSuchPolicy"
#define CPROF_BUS_ERROR_BAD_POLICY CPROF_BUS_INTERFACE ".BadPolicy"
#define CPROF_BUS_ERROR_POLICY_READ_ONLY CPROF_BUS_INTERFACE ".PolicyReadOnly"
#define CPROF_BUS_ERROR_POLICY_EXISTS CPROF_BUS_INTERFACE ".PolicyExists"
#define CPROF_BUS_ERROR_NO_SUCH_UNIT CPROF_BUS_INTERFACE ".NoSuchUnit"
#define CPROF_BUS_ERROR_NO_SUCH_PROCESS CPROF_BUS_INTERFACE ".NoSuchProcess"
#define CPROF_BUS_ERROR_NO_SUCH_TASK CPROF_BUS_INTERFACE ".NoSuchTask"
#define CPROF_BUS_ERROR_TASK_EXISTS CPROF_BUS_INTERFACE ".TaskExists"
#define CPROF_BUS_ERROR_TASK_RUNNING CPROF_BUS_INTERFACE ".TaskRunning"
#define CPROF_BUS_ERROR_NO_PROFILE CPROF_BUS_INTERFACE ".NoProfile"
#define CPROF_BUS_ERROR_NOT_SUPPORTED CPROF_BUS_INTERFACE ".NotSupported"
#define CPROF_BUS_ERROR_BUSY CPROF_BUS_INTERFACE ".Busy"

/* Signatures of structured results, so that server and client cannot disagree; fields in the XML under
 * dbus/. */
#define CPROF_BUS_POLICY_SIGNATURE "(sssssasasasassttu)"
#define CPROF_BUS_UNIT_SIGNATURE "(sssuuduss)"
#define CPROF_BUS_WINDOW_SIGNATURE "(ssussdsuuuadtsss)"
#define CPROF_BUS_TASK_SIGNATURE "(ssssussssttttt)"
#define CPROF_BUS_FEATURE_SIGNATURE "(sbs)"
#define CPROF_BUS_HTTP_RULE_SIGNATURE "(sussu(tttdddd)(tttdddd)(tttdddd))"
#define CPROF_BUS_HTTP_PROCESS_SIGNATURE "(susssbsa{st})"
#define CPROF_BUS_FUNCTION_SIGNATURE "(stt)"
#define CPROF_BUS_SERVICE_SIGNATURE "(ssssusssssa{ss})"
#define CPROF_BUS_OAP_POLICY_SIGNATURE "(ssuu)"
#define CPROF_BUS_OAP_RUN_SIGNATURE "(sssssstt)"
