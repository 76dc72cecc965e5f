/* SPDX-License-Identifier: Apache-2.0 */
/* What a process can put into its own /proc/PID/stat and cgroup: its name and the directories it delegates.
 */
#include "host/procfs-pid.h"
#include "host/procfs-system.h"
#include "target/target-set.h"

#include <string.h>

#define UNITS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_units(const char *path) {
        size_t lengths[UNITS_MAX], length = 0;
        char *names[UNITS_MAX];
        int n;

        n = cgroup_path_to_units(path, UNITS_MAX, names, lengths);
        if (n < 1 || n > UNITS_MAX)
                abort();

        for (int i = 0; i < n; i++) {
                if (lengths[i] < length || (i > 0 && lengths[i] > strlen(path)))
                        abort();
                length = lengths[i];
                free(names[i]);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(freep) char *text = strndup((const char *) data, size);
        double load;
        ProcStat st;

        if (!text)
                return 0;

        if (proc_stat_parse((const char *) data, size, &st) >= 0 &&
            (st.pid < 1 || strnlen(st.comm, sizeof(st.comm)) == sizeof(st.comm)))
                abort();
        (void) loadavg_parse(text, &load);

        for (CgroupLayout layout = 0; layout < _CGROUP_LAYOUT_MAX; layout++) {
                _cleanup_(freep) char *path = NULL;

                if (proc_cgroup_parse(text, layout, &path) >= 0)
                        check_units(path);
        }
        check_units(text);
        return 0;
}
