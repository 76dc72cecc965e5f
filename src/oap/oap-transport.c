/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-transport.h"

#include "basic/cleanup.h"

#include "cprof-config.h"

#include <dlfcn.h>
#include <stdarg.h>

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
        object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
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
