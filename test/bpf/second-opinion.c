/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/second-opinion.h"

#include "basic/cleanup.h"

#include <criterion/criterion.h>
#include <elfutils/libdwfl.h>
#include <string.h>
#include <sys/uio.h>

#define STACK_SPAN                                                                              \
        (8U * 1024 * 1024) /* above the stack pointer: what may be stack, and has changed since \
                            */

struct SecondOpinion {
        Dwfl *dwfl;
        pid_t pid;

        /* while asked */
        const struct oracle_record *record;
        Opinion *opinion;
};

static pid_t next_thread(Dwfl *dwfl, void *userdata, void **thread) {
        SecondOpinion *s = userdata;

        if (*thread)
                return 0;

        *thread = userdata;
        return s->pid;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *userdata, void **thread) {
        *thread = userdata;
        return true;
}

static bool read_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret, void *userdata) {
        SecondOpinion *s = userdata;
        const struct iovec to = { ret, sizeof(*ret) }, from = { (void *) address, sizeof(*ret) };
        const uint64_t bottom = s->record->registers[7] - ORACLE_RED_ZONE;
        const size_t n = ORACLE_RED_ZONE + s->record->n_copied;

        if (address >= bottom && address + sizeof(*ret) <= bottom + n) {
                memcpy(ret, s->record->red_zone + (address - bottom), sizeof(*ret));
                return true;
        }

        if (address >= bottom && address < bottom + STACK_SPAN) {
                s->opinion->short_of_stack |= s->record->n_copied == ORACLE_STACK_MAX;
                return false;
        }

        return process_vm_readv(s->pid, &to, 1, &from, 1, 0) == sizeof(*ret);
}

static bool set_registers(Dwfl_Thread *thread, void *userdata) {
        SecondOpinion *s = userdata;
        Dwarf_Word words[ORACLE_REGISTERS];

        for (size_t i = 0; i < ORACLE_REGISTERS; i++)
                words[i] = s->record->registers[i];

        dwfl_thread_state_register_pc(thread, words[ORACLE_REGISTERS - 1]);
        return dwfl_thread_state_registers(thread, 0, ORACLE_REGISTERS, words);
}

/* No separate debug files: they would only name things. */
static int
no_debug_file(Dwfl_Module *module,
              void **userdata,
              const char *name,
              Dwarf_Addr base,
              const char *file,
              const char *link,
              GElf_Word crc,
              char **ret_file) {
        return -1;
}

static int on_frame(Dwfl_Frame *frame, void *userdata) {
        Opinion *o = userdata;
        Dwarf_Addr pc;

        if (!dwfl_frame_pc(frame, &pc, NULL) || o->n >= OPINION_FRAMES_MAX)
                return DWARF_CB_ABORT;

        o->frames[o->n++] = pc;
        return DWARF_CB_OK;
}

SecondOpinion *second_opinion_new(pid_t pid) {
        static const Dwfl_Callbacks callbacks = {
                .find_elf = dwfl_linux_proc_find_elf,
                .find_debuginfo = no_debug_file,
        };
        static const Dwfl_Thread_Callbacks thread_callbacks = {
                .next_thread = next_thread,
                .get_thread = get_thread,
                .memory_read = read_memory,
                .set_initial_registers = set_registers,
        };
        SecondOpinion *s = calloc(1, sizeof(*s));

        cr_assert_not_null(s);
        s->pid = pid;
        s->dwfl = dwfl_begin(&callbacks);
        cr_assert_not_null(s->dwfl);
        cr_assert_eq(dwfl_linux_proc_report(s->dwfl, pid), 0);
        cr_assert_eq(dwfl_report_end(s->dwfl, NULL, NULL), 0);
        cr_assert(dwfl_attach_state(s->dwfl, NULL, pid, &thread_callbacks, s), "%s", dwfl_errmsg(-1));
        return s;
}

void second_opinion_free(SecondOpinion *s) {
        dwfl_end(s->dwfl);
        free(s);
}

void second_opinion_ask(SecondOpinion *s, const struct oracle_record *record, Opinion *ret_opinion) {
        *ret_opinion = (Opinion){};
        s->record = record;
        s->opinion = ret_opinion;
        (void) dwfl_getthread_frames(s->dwfl, s->pid, on_frame, ret_opinion);
}
