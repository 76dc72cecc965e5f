/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon-python.h"

#include "basic/hash.h"
#include "basic/log.h"
#include "symbol/python-code.h"
#include "symbol/python-image.h"
#include "symbol/python-lines.h"

#include <fcntl.h>

typedef struct Code {
        uint64_t address; /* the key */
        PythonCode code;
        uint32_t function;
        int error;           /* -errno: not readable when last looked at */
        usec_t checked_usec; /* the drain that looked at it last */
        UT_hash_handle hh;
} Code;

typedef struct Interpreter {
        pid_t pid; /* the key */
        uint64_t start_ticks;
        int memory_fd; /* of the program that ran when it was opened */
        PythonLayout layout;
        uint64_t runtime, code_type;
        Code *codes;
        UT_hash_handle hh;
} Interpreter;

struct DaemonPython {
        const Host *host; /* borrowed, as the next */
        Probe *probe;
        PythonSource source;

        Interpreter *interpreters;
        uint64_t n_unreadable;
};

static void codes_clear(Interpreter *in) {
        Code *c, *next;

        HASH_ITER(hh, in->codes, c, next) {
                HASH_DEL(in->codes, c);
                python_code_done(&c->code);
                free(c);
        }
}

static void interpreter_drop(DaemonPython *p, Interpreter *in) {
        (void) probe_python_set(p->probe, in->pid, NULL, 0);
        codes_clear(in);
        (void) safe_close(in->memory_fd);
        HASH_DEL(p->interpreters, in);
        free(in);
}

DaemonPython *daemon_python_free(DaemonPython *p) {
        Interpreter *in, *next;

        if (!p)
                return NULL;

        HASH_ITER(hh, p->interpreters, in, next)
        interpreter_drop(p, in);

        free(p);
        return NULL;
}

/* From an offset of code in the file to its address there. */
static int code_shift(const ElfImage *e, uint64_t offset, uint64_t *ret_shift) {
        uint64_t address;
        int r;

        r = elf_image_address(e, offset, &address);
        if (r < 0)
                return r;

        *ret_shift = address - offset;
        return 0;
}

static void inspect(Module *m, void *userdata) {
        _cleanup_(elf_image_freep) ElfImage *e = NULL;
        ModulePython *to = &m->python;
        PythonImage image;
        PythonEval eval;
        uint64_t shift;

        to->checked = true;
        if (m->fd < 0 || !python_image_is_candidate(m->path, strlen(m->path)))
                return;
        if (elf_image_open_fd(m->fd, &e) < 0 || python_image_find(e, &image, &eval) < 0 ||
            eval.n_parts == 0 || code_shift(e, eval.parts[0].start, &shift) < 0)
                return;

        to->version = image.version;
        to->runtime = image.runtime;
        to->code_type = image.code_type;
        to->code_shift = shift;
        to->n_eval = MIN_OF(eval.n_parts, MODULE_PYTHON_EVAL_MAX);
        for (unsigned i = 0; i < to->n_eval; i++) {
                to->eval[i].start = eval.parts[i].start;
                to->eval[i].end = eval.parts[i].end;
        }
}

/* An interpreter's file in a process. */
typedef struct Found {
        const ModulePython *python; /* NULL: none */
        uint64_t bias;              /* from addresses of the file to those of the process */
} Found;

static int on_mapping(const ProcessMapping *l, void *userdata) {
        Module *m = l->module;
        Found *f = userdata;
        uint64_t start;

        if (m->type != MODULE_FILE)
                return 0;
        if (!m->python.checked)
                inspect(m, NULL);
        if (m->python.version == 0)
                return 0;

        start = m->python.eval[0].start;
        if (start < l->offset || start - l->offset >= l->end - l->start)
                return 0;

        *f = (Found){ .python = &m->python, .bias = l->start - l->offset - m->python.code_shift };
        return 1;
}

static int open_memory(const Host *h, pid_t pid) {
        char path[32];
        int fd;

        (void) snprintf(path, sizeof(path), "%i/mem", (int) pid);
        fd = openat(h->proc_fd, path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static int read_memory(uint64_t address, void *buffer, size_t size, void *userdata) {
        const Interpreter *in = userdata;
        ssize_t n;

        if (address > INT64_MAX)
                return -EFAULT;

        n = pread(in->memory_fd, buffer, size, (off_t) address);
        if (n < 0)
                return -errno;

        return (size_t) n == size ? 0 : -EFAULT; /* 0: ran exec or ended */
}

/* 3.13 tells its layout itself. */
static int read_layout(Interpreter *in, unsigned version) {
        uint8_t data[PYTHON_DEBUG_OFFSETS_SIZE];
        int r;

        r = python_layout_for_version(version, &in->layout);
        if (r != -EAGAIN)
                return r;

        r = read_memory(in->runtime, data, sizeof(data), in);
        if (r < 0)
                return r;

        return python_layout_parse(data, sizeof(data), &in->layout);
}

static int interpreter_begin(DaemonPython *p, Interpreter *in, const Found *f) {
        int r;

        in->runtime = f->python->runtime + f->bias;
        in->code_type = f->python->code_type != 0 ? f->python->code_type + f->bias : 0;

        /* the old descriptor is that of the program before an exec */
        (void) safe_close(in->memory_fd);
        in->memory_fd = open_memory(p->host, in->pid);
        if (in->memory_fd < 0)
                return in->memory_fd;

        r = read_layout(in, f->python->version);
        if (r < 0)
                return r;

        return probe_python_set(p->probe, in->pid, &in->layout.walk, in->runtime);
}

static Interpreter *interpreter_find(const DaemonPython *p, pid_t pid) {
        Interpreter *in;

        HASH_FIND_INT(p->interpreters, &pid, in);
        return in;
}

static Interpreter *interpreter_get(DaemonPython *p, ProcessKey key) {
        Interpreter *in;

        in = interpreter_find(p, key.pid);
        if (in && in->start_ticks != key.start_ticks) {
                interpreter_drop(p, in);
                in = NULL;
        }
        if (in || HASH_COUNT(p->interpreters) >= PYTHON_PROCESSES_MAX)
                return in;

        in = calloc(1, sizeof(*in));
        if (!in)
                return NULL;

        *in = (Interpreter){ .pid = key.pid, .start_ticks = key.start_ticks, .memory_fd = -EBADF };
        HASH_ADD_INT(p->interpreters, pid, in);
        if (!HASH_ADDED(in)) {
                free(in);
                return NULL;
        }

        return in;
}

static void detect(ProcessKey key, const ProcessMaps *maps, void *userdata) {
        DaemonPython *p = userdata;
        Interpreter *in;
        Found f = {};
        int r;

        (void) process_maps_for_each(maps, on_mapping, &f);

        in = f.python ? interpreter_get(p, key) : interpreter_find(p, key.pid);
        if (!in)
                return;

        r = f.python ? interpreter_begin(p, in, &f) : -ENOENT;
        if (r < 0) {
                log_debug_errno(r, "No Python frames of process %i: %m", (int) key.pid);
                interpreter_drop(p, in);
        }
}

static void forget(ProcessKey key, void *userdata) {
        DaemonPython *p = userdata;
        Interpreter *in = interpreter_find(p, key.pid);

        if (in && in->start_ticks == key.start_ticks)
                interpreter_drop(p, in);
}

/* Reads the code object anew, if it is another one now. */
static int code_update(Interpreter *in, Code *c, FunctionTable *functions) {
        const PythonReader reader = {
                .layout = &in->layout, .code_type = in->code_type, .fn = read_memory, .userdata = in
        };
        PythonCodeId id;
        int r;

        r = python_code_identify(&reader, c->address, &id);
        if (r < 0)
                return r;
        if (c->code.name && python_code_id_equal(&id, &c->code.id))
                return 0;

        python_code_done(&c->code);
        r = python_code_read(&reader, c->address, &c->code);
        if (r < 0)
                return r;

        r = function_table_add(functions, c->code.name, c->code.file, c->code.id.first_line, &c->function);
        if (r < 0)
                python_code_done(&c->code);

        return r;
}

static Code *code_get(Interpreter *in, uint64_t address) {
        Code *c;

        HASH_FIND(hh, in->codes, &address, sizeof(address), c);
        if (c)
                return c;

        /* programs that keep making functions: begin anew, names are in the table of functions */
        if (HASH_COUNT(in->codes) >= PYTHON_CODES_MAX)
                codes_clear(in);

        c = calloc(1, sizeof(*c));
        if (!c)
                return NULL;

        c->address = address;
        HASH_ADD(hh, in->codes, address, sizeof(c->address), c);
        if (!HASH_ADDED(c)) {
                free(c);
                return NULL;
        }

        return c;
}

static int
resolve(ProcessKey key,
        const struct cprof_python_frame *frame,
        usec_t now_usec,
        FunctionTable *functions,
        uint64_t *ret_offset,
        void *userdata) {
        DaemonPython *p = userdata;
        Interpreter *in = interpreter_find(p, key.pid);
        uint32_t line = 0;
        Code *c;

        if (!in || in->start_ticks != key.start_ticks)
                return -ESRCH;

        c = code_get(in, frame->code);
        if (!c)
                return -ENOMEM;

        if (c->checked_usec != now_usec) {
                c->error = code_update(in, c, functions);
                c->checked_usec = now_usec;
        }
        if (c->error < 0) {
                p->n_unreadable++;
                return c->error;
        }

        if (python_line_find(
                            c->code.lines,
                            c->code.n_lines,
                            c->code.id.first_line,
                            frame->instruction,
                            &line) < 0)
                line = c->code.id.first_line;

        *ret_offset = function_offset(c->function, line);
        return 0;
}

int daemon_python_new(const Host *host, Probe *probe, DaemonPython **ret) {
        DaemonPython *p;

        assert(host);
        assert(probe);
        assert(ret);

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;

        *p = (DaemonPython){
                .host = host,
                .probe = probe,
                .source = {
                        .detect = detect,
                        .inspect = inspect,
                        .resolve = resolve,
                        .forget = forget,
                        .userdata = p,
                },
        };

        *ret = p;
        return 0;
}

const PythonSource *daemon_python_source(const DaemonPython *p) {
        return &p->source;
}

unsigned daemon_python_n_processes(const DaemonPython *p) {
        return HASH_COUNT(p->interpreters);
}

uint64_t daemon_python_n_unreadable(const DaemonPython *p) {
        return p->n_unreadable;
}
