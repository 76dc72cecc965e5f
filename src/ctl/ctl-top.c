/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl.h"

int verb_top(Ctl *c, int argc, char **argv) {
        return -ENOSYS;
}
