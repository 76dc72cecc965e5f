/* SPDX-License-Identifier: Apache-2.0 */
/* The search for TLS functions: symbols, Go's table of functions, and the code where they say it is. */
#include "symbol/tls-functions.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const ElfImage *image, bool is_program) {
        _cleanup_(tls_search_freep) TlsSearch *s = NULL;
        const ProbeTls *found;

        if (tls_search_new(image, is_program, &s) < 0)
                return;
        while (tls_search_step(s) > 0)
                ;

        found = &tls_search_result(s)->tls;
        if (found->n_functions > PROBE_TLS_FUNCTIONS_MAX)
                abort();
        for (size_t i = 0; i < found->n_functions; i++)
                if (found->functions[i].offset >= image->size ||
                    found->functions[i].n_returns > PROBE_TLS_RETURNS_MAX)
                        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(elf_image_freep) ElfImage *image = NULL;

        if (size > 1U << 20 || elf_image_open_memory(data, size, &image) < 0)
                return 0;

        run(image, false);
        run(image, true);
        return 0;
}
