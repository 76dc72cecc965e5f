/* SPDX-License-Identifier: Apache-2.0 */
/* From a refused system call to a sentence that names the missing capability or kernel option. */
#include "probe/probe-bpf.h"

#include "basic/file-io.h"
#include "basic/strbuf.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>

static const struct {
        unsigned number;
        const char *name;
} capabilities[] = {
        { CAP_BPF, "CAP_BPF" },
        { CAP_PERFMON, "CAP_PERFMON" },
        { CAP_SYS_ADMIN, "CAP_SYS_ADMIN" },
};

static bool has_capability(unsigned number) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2] = {};

        if (syscall(SYS_capget, &header, data) < 0)
                return false;

        return data[number / 32].effective & (1U << (number % 32));
}

/* Debian's kernels know level 3: perf events for CAP_SYS_ADMIN only. */
static int perf_event_paranoid(void) {
        char text[16];

        if (read_small_file_at(AT_FDCWD, "/proc/sys/kernel/perf_event_paranoid", text, sizeof(text)) <= 0)
                return 0;

        return text[0] == '-' ? -1 : text[0] - '0';
}

static void add_missing_capabilities(StrBuf *b) {
        const char *separator = "missing ";

        for (size_t i = 0; i < ELEMENTSOF(capabilities); i++) {
                bool needed = capabilities[i].number != CAP_SYS_ADMIN || perf_event_paranoid() >= 3;

                if (!needed || has_capability(capabilities[i].number))
                        continue;

                strbuf_addf(b, "%s%s", separator, capabilities[i].name);
                separator = ", ";
        }

        if (strcmp(separator, "missing ") == 0)
                strbuf_add(b, "refused by the kernel or a sandbox, though the capabilities are there");
}

const char *probe_failure_text(const char *step, int error, char *buf, size_t size) {
        _cleanup_(strbuf_done) StrBuf b = {};

        strbuf_addf(&b, "%s failed: ", step ?: "loading");

        if (access("/sys/kernel/btf/vmlinux", F_OK) < 0)
                strbuf_add(&b, "the kernel has no type information (CONFIG_DEBUG_INFO_BTF)");
        else if (error == -EPERM || error == -EACCES)
                add_missing_capabilities(&b);
        else
                strbuf_addf(&b, "%s", strerror(-error));

        (void) snprintf(buf, size, "%s", b.text ?: "out of memory");
        return buf;
}
