/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/file-io.h"
#include "symbol/perf-map.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define N_ADDRESSES 64U

static void check_name(const PerfMap *m, size_t i) {
        char name[PERF_MAP_NAME_MAX + 1];

        if (perf_map_name(m, i, name) >= 0 && strchr(name, '\n'))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(perf_map_freep) PerfMap *m = NULL;
        _cleanup_(closep) int fd = -EBADF;
        uint64_t addresses[N_ADDRESSES];
        int r;

        if (size > 1U << 20)
                return 0;

        /* The seeds have their code in these pages. */
        for (unsigned i = 0; i < N_ADDRESSES; i++)
                addresses[i] = i < N_ADDRESSES / 2 ? i * UINT64_C(16)
                                                   : UINT64_C(0x7f3c40000000) + i * UINT64_C(64);

        fd = memfd_create("fuzz-perf-map", MFD_CLOEXEC);
        if (fd < 0 || write_full_fd(fd, data, size) < 0 || perf_map_new(fd, addresses, N_ADDRESSES, &m) < 0)
                return 0;

        while ((r = perf_map_step(m)) > 0)
                ;
        if (r == 0)
                for (size_t i = 0; i < N_ADDRESSES; i++)
                        check_name(m, i);

        return 0;
}
