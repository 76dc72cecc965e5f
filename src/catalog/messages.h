/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* MESSAGE_ID of our structured journal entries; texts in cprofd.catalog. */
#define CPROF_MESSAGE_TASK_STARTED "5e0f0d4d6c1b4d0f9a3e6c0f1d7a2b31"
#define CPROF_MESSAGE_TASK_ENDED "9b7d2c3e8f504a61b2c4d5e6f7081932"
#define CPROF_MESSAGE_TASK_FAILED "c1a4e8b27d3f4955a6b8c9d0e1f2a344"
#define CPROF_MESSAGE_TASK_THINNED "7c2b90e4d1f64a3f8b5e06a9d3c71f58"
#define CPROF_MESSAGE_POLICY_BAD "3d5f7a91b2c44e6887a9cbed0f214365"
