/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/profile-bed.h"

#include "symbol/symbols.h"

#include <criterion/criterion.h>
#include <string.h>

#define KERNEL_BASE UINT64_C(0xffff81000000)

static ModuleTable *modules;
static Module files[PROFILE_BED_FILES];

void profile_bed_init(void) {
        cr_assert_eq(module_table_new(&modules), 0);
        for (unsigned i = 0; i < PROFILE_BED_FILES; i++)
                files[i] = (Module){ .type = MODULE_ANON, .n_ref = 1 };
}

void profile_bed_done(void) {
        module_table_free(modules);
}

Profile *profile_bed_profile(void) {
        Profile *p = NULL;

        cr_assert_eq(profile_new(modules, 10101010, &p), 0);
        for (unsigned i = 0; i < PROFILE_BED_FILES; i++)
                (void) profile_module_index(p, files + i);

        return p;
}

OapProfile *profile_bed_told(OapTarget target, const Profile *p) {
        OapProfile *o = NULL;

        cr_assert_eq(oap_profile_new(target, p, &o), 0);
        return o;
}

Frame profile_bed_user(unsigned file, unsigned number) {
        return FRAME(PROFILE_MODULE_UNKNOWN + 1 + file, number * PROFILE_BED_FUNCTION_BYTES);
}

Frame profile_bed_kernel(unsigned number) {
        return FRAME(PROFILE_MODULE_KERNEL, KERNEL_BASE + number * PROFILE_BED_FUNCTION_BYTES);
}

static void set_name(Symbols *s, Frame frame) {
        unsigned number = (unsigned) (frame_offset(frame) % KERNEL_BASE / PROFILE_BED_FUNCTION_BYTES);
        bool is_kernel = frame_module(frame) == PROFILE_MODULE_KERNEL;
        char name[64];

        (void) snprintf(name, sizeof(name), "%c%u", is_kernel ? 'k' : 'f', number);
        if (frame_module(frame) == PROFILE_MODULE_UNKNOWN)
                strcpy(name, frame == PROFILE_FRAME_NO_STACK ? SYMBOLS_NO_STACK_NAME : SYMBOLS_UNKNOWN_NAME);
        cr_assert_eq(symbols_set_name(s, frame, name, true), 0);
}

Symbols *profile_bed_symbols(const Profile *p) {
        ProfileStack *stack, *next;
        Symbols *s = NULL;

        cr_assert_eq(symbols_new(profile_n_modules(p), &s), 0);
        HASH_ITER(hh, profile_stacks(p), stack, next)
        for (unsigned i = 0; i < stack->n_frames; i++)
                if (symbols_add_frame(s, stack->frames[i]) > 0)
                        set_name(s, stack->frames[i]);

        return s;
}

size_t profile_bed_flush(
                OapProfile *o,
                const Profile *p,
                const Symbols *symbols,
                bool last,
                OapTarget target,
                Analysis *a) {
        _cleanup_(oap_messages_done) OapMessages messages = {};

        cr_assert_eq(oap_profile_flush(o, p, symbols, last, &messages), 0);
        analysis_add(a, target, &messages);
        return messages.n;
}

size_t profile_bed_flush_named(OapProfile *o, const Profile *p, OapTarget target, Analysis *a) {
        _cleanup_(symbols_freep) Symbols *symbols = profile_bed_symbols(p);

        return profile_bed_flush(o, p, symbols, false, target, a);
}
