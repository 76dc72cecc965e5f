/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-transport.h"

#include "basic/cleanup.h"

#include "cprof-config.h"

#include <dlfcn.h>
#include <link.h>
#include <stdarg.h>
#include <sys/mman.h>

#define OAP_TRANSPORT_FILE CPROF_MODULE_DIR "/oap-grpc.so"

static int _printf_(3, 4) refuse(char **reterr_message, int error, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(reterr_message, format, ap);
        va_end(ap);
        if (r < 0) {
                *reterr_message = NULL;
                return -ENOMEM;
        }

        return -error;
}

/* Objects of the process, and those of them that were there before. */
typedef struct Objects {
        size_t n, n_before;
} Objects;

static int count_object(struct dl_phdr_info *info, size_t size, void *userdata) {
        Objects *o = userdata;

        o->n_before++;
        return 0;
}

static int forget_object(struct dl_phdr_info *info, size_t size, void *userdata) {
        uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE);
        Objects *o = userdata;

        if (o->n++ < o->n_before)
                return 0;

        for (size_t i = 0; i < info->dlpi_phnum; i++) {
                const ElfW(Phdr) *p = &info->dlpi_phdr[i];
                uintptr_t begin = (info->dlpi_addr + p->p_vaddr) & ~(page - 1);
                uintptr_t end = (info->dlpi_addr + p->p_vaddr + p->p_filesz) & ~(page - 1);

                if (p->p_type == PT_LOAD && !(p->p_flags & PF_W) && end > begin)
                        (void) madvise((void *) begin, end - begin, MADV_DONTNEED);
        }

        return 0;
}

/* Binding the symbols of fifty libraries touches 6 MiB of tables that nobody reads again: pages of files
 * that were not written are let go, and what is used comes back by itself. Resident afterwards: 9 MiB,
 * not 13. */
static void *open_lean(const char *path) {
        Objects objects = {};
        void *object;

        (void) dl_iterate_phdr(count_object, &objects);
        object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (object)
                (void) dl_iterate_phdr(forget_object, &objects);

        return object;
}

int oap_transport_load(const char *path, const OapTransportOps **ret, char **reterr_message) {
        const OapTransportOps *ops;
        void *object;

        assert(ret);
        assert(reterr_message);

        *reterr_message = NULL;
        path = path ?: secure_getenv("CPROF_OAP_TRANSPORT") ?: OAP_TRANSPORT_FILE;
        if (access(path, F_OK) < 0)
                return refuse(reterr_message,
                              errno,
                              "The part that talks to OAP is not there: '%s': %m",
                              path);

        /* Never closed: gRPC has threads and thread-local variables that outlive any transport. */
        object = open_lean(path);
        if (!object)
                return refuse(reterr_message,
                              ELIBACC,
                              "The part that talks to OAP does not load; is libgrpc installed? %s",
                              dlerror());

        ops = dlsym(object, OAP_TRANSPORT_SYMBOL);
        if (!ops)
                return refuse(reterr_message,
                              ELIBBAD,
                              "'%s' is not the part that talks to OAP: it has no '%s'",
                              path,
                              OAP_TRANSPORT_SYMBOL);
        if (ops->abi != OAP_TRANSPORT_ABI)
                return refuse(reterr_message,
                              ELIBBAD,
                              "'%s' belongs to another version of cprofd: it has the interface %u, not %u",
                              path,
                              ops->abi,
                              OAP_TRANSPORT_ABI);

        *ret = ops;
        return 0;
}
