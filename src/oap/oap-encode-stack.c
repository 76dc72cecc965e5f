/* SPDX-License-Identifier: Apache-2.0 */
/* Profile data: one stack a message. No scratch memory but for names that are not clean: there are many. */
#include "oap/oap-encode.h"

#include "oap/oap-encode-private.h"

#include <string.h>

#define MISSING "[MISSING]" /* what Rover calls a frame without a name */
#define FRAMES_MAX 512U

typedef Skywalking__V3__EBPFProfilingStackMetadata StackMetadata;

static void
set_symbols(OapScratch *s,
            StackMetadata *m,
            Skywalking__V3__EBPFProfilingStackType type,
            int32_t id,
            const char *const *symbols,
            size_t n,
            char **texts) {
        skywalking__v3__ebpfprofiling_stack_metadata__init(m);
        m->stacktype = type;
        m->stackid = id;
        m->stacksymbols = texts;
        m->n_stacksymbols = MIN_OF(n, (size_t) FRAMES_MAX);

        for (size_t i = 0; i < m->n_stacksymbols; i++) {
                const char *text = symbols[i] && symbols[i][0] ? symbols[i] : MISSING;

                texts[i] = utf8_is_valid(text, strlen(text)) ? (char *) text : oap_scratch_text(s, text);
        }
}

static void set_task(OapScratch *s, Skywalking__V3__EBPFProfilingTaskMetadata *task, const OapTaskKey *key) {
        task->taskid = oap_scratch_text(s, key->task);
        task->processid = oap_scratch_text(s, key->process);
        task->profilingstarttime = key->start_ms;
        task->currenttime = key->now_ms;
}

int oap_encode_task_key(const OapTaskKey *key, OapBytes *ret) {
        _cleanup_(oap_scratch_done) OapScratch s = {};
        Skywalking__V3__EBPFProfilingTaskMetadata task = SKYWALKING__V3__EBPFPROFILING_TASK_METADATA__INIT;
        Skywalking__V3__EBPFProfilingData data = SKYWALKING__V3__EBPFPROFILING_DATA__INIT;

        assert(key);
        assert(ret);

        set_task(&s, &task, key);
        data.task = &task;
        return oap_scratch_pack(&s, &data.base, ret);
}

int oap_encode_stack(OapTarget target, const OapTaskKey *key, const OapStack *stack, OapBytes *ret) {
        _cleanup_(oap_scratch_done) OapScratch s = {};
        Skywalking__V3__EBPFProfilingTaskMetadata task = SKYWALKING__V3__EBPFPROFILING_TASK_METADATA__INIT;
        Skywalking__V3__EBPFOnCPUProfiling oncpu = SKYWALKING__V3__EBPFON_CPUPROFILING__INIT;
        Skywalking__V3__EBPFOffCPUProfiling offcpu = SKYWALKING__V3__EBPFOFF_CPUPROFILING__INIT;
        Skywalking__V3__EBPFProfilingData data = SKYWALKING__V3__EBPFPROFILING_DATA__INIT;
        char *texts[2][FRAMES_MAX];
        StackMetadata stacks[2], *list[2] = { stacks, stacks + 1 };
        size_t n = 0;

        assert(stack);
        assert(ret);

        if (stack->n_kernel > 0)
                set_symbols(&s,
                            stacks + n++,
                            SKYWALKING__V3__EBPFPROFILING_STACK_TYPE__PROCESS_KERNEL_SPACE,
                            stack->kernel_id,
                            stack->kernel,
                            stack->n_kernel,
                            texts[0]);
        if (stack->n_user > 0)
                set_symbols(&s,
                            stacks + n++,
                            SKYWALKING__V3__EBPFPROFILING_STACK_TYPE__PROCESS_USER_SPACE,
                            stack->user_id,
                            stack->user,
                            stack->n_user,
                            texts[1]);
        if (n == 0)
                return -EINVAL;

        if (target == OAP_TARGET_ON_CPU) {
                oncpu.n_stacks = n;
                oncpu.stacks = list;
                oncpu.dumpcount = stack->count;
                data.profiling_case = SKYWALKING__V3__EBPFPROFILING_DATA__PROFILING_ON_CPU;
                data.oncpu = &oncpu;
        } else if (target == OAP_TARGET_OFF_CPU) {
                offcpu.n_stacks = n;
                offcpu.stacks = list;
                offcpu.switchcount = stack->count;
                offcpu.duration = stack->duration_nsec;
                data.profiling_case = SKYWALKING__V3__EBPFPROFILING_DATA__PROFILING_OFF_CPU;
                data.offcpu = &offcpu;
        } else
                return -EINVAL;

        if (key) {
                set_task(&s, &task, key);
                data.task = &task;
        }

        return oap_scratch_pack(&s, &data.base, ret);
}
