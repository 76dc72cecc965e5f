/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

/* Whether all texts of a message are valid UTF-8: Java refuses the message otherwise, protobuf-c does not
 * care. */
bool fake_texts_are_valid(const ProtobufCMessage *m);
