/* SPDX-License-Identifier: Apache-2.0 */
/* A shared object that is no transport. */
extern const int nothing_of_ours;
const int nothing_of_ours = 1;
