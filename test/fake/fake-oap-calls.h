/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fake/fake-oap-shared.h"

#include <grpc/grpc.h>

/* Serves @server, whose calls come by @queue, until an event without a tag comes: it has shut down. */
void fake_calls_run(FakeShared *s, grpc_server *server, grpc_completion_queue *queue);
