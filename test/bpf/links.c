/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/links.h"

#include "basic/cleanup.h"

#include <bpf/bpf.h>
#include <string.h>

bool is_link_there(const char *program) {
        uint32_t id = 0;

        while (bpf_link_get_next_id(id, &id) == 0) {
                struct bpf_link_info link = {};
                struct bpf_prog_info info = {};
                uint32_t size = sizeof(link);
                int fd = bpf_link_get_fd_by_id(id), r = -1;

                if (fd < 0)
                        continue;
                if (bpf_obj_get_info_by_fd(fd, &link, &size) == 0) {
                        (void) close(fd);
                        fd = bpf_prog_get_fd_by_id(link.prog_id);
                        size = sizeof(info);
                        r = fd < 0 ? -1 : bpf_obj_get_info_by_fd(fd, &info, &size);
                }
                fd = safe_close(fd);
                if (r == 0 && strcmp(info.name, program) == 0)
                        return true;
        }

        return false;
}
