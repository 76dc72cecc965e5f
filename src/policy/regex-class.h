/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/regex-reader.h"

/* Reads "[…]" at its '['. Returns the node. */
int regex_read_class(RegexReader *p);
