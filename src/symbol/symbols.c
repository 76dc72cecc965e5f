/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/symbols.h"

#include "basic/strbuf.h"
#include "basic/utf8.h"
#include "symbol/demangle.h"

#include <string.h>

#define NO_NAME UINT32_MAX

/* Both tables are open-addressed with linear probing, at most half
 * full, and have a power of two of slots. */
typedef struct FrameSlot {
        Frame frame;
        uint32_t name; /* index, or NO_NAME */
        bool used;
} FrameSlot;

typedef struct Name {
        uint32_t display, system; /* offsets in the text */
        bool known;
} Name;

typedef struct ModuleFacts {
        SymbolSource source;
        char build_id[BUILD_ID_TEXT_MAX];
} ModuleFacts;

struct Symbols {
        FrameSlot *frames; /* owned */
        size_t n_frames, n_frame_slots;
        uint64_t n_known;

        Name *names; /* owned */
        size_t n_names, n_names_allocated;
        uint32_t *name_slots; /* owned; index + 1 in @names, 0 = free */
        size_t n_name_slots;
        StrBuf text;

        ModuleFacts *modules; /* owned */
        unsigned n_modules;
};

int symbols_new(unsigned n_modules, Symbols **ret_symbols) {
        _cleanup_(symbols_freep) Symbols *s = NULL;

        assert(ret_symbols);

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;

        s->modules = calloc(n_modules > 0 ? n_modules : 1, sizeof(s->modules[0]));
        if (!s->modules)
                return -ENOMEM;
        s->n_modules = n_modules;

        *ret_symbols = TAKE_PTR(s);
        return 0;
}

Symbols *symbols_free(Symbols *s) {
        if (!s)
                return NULL;

        free(s->frames);
        free(s->names);
        free(s->name_slots);
        strbuf_done(&s->text);
        free(s->modules);
        free(s);
        return NULL;
}

/* The slot of @frame, or the free one where it belongs. */
static FrameSlot *frame_slot(FrameSlot *slots, size_t n_slots, Frame frame) {
        size_t i = hash_u64(0, frame) & (n_slots - 1);

        while (slots[i].used && slots[i].frame != frame)
                i = (i + 1) & (n_slots - 1);
        return &slots[i];
}

static int grow_frames(Symbols *s) {
        size_t n = s->n_frame_slots > 0 ? s->n_frame_slots * 2 : 1024;
        FrameSlot *slots;

        if (2 * (s->n_frames + 1) <= s->n_frame_slots)
                return 0;

        slots = calloc(n, sizeof(*slots));
        if (!slots)
                return -ENOMEM;

        for (size_t i = 0; i < s->n_frame_slots; i++)
                if (s->frames[i].used)
                        *frame_slot(slots, n, s->frames[i].frame) = s->frames[i];

        free(s->frames);
        s->frames = slots;
        s->n_frame_slots = n;
        return 0;
}

int symbols_add_frame(Symbols *s, Frame frame) {
        FrameSlot *slot;
        int r;

        assert(s);

        if (frame_module(frame) >= s->n_modules)
                return -ERANGE;

        r = grow_frames(s);
        if (r < 0)
                return r;

        slot = frame_slot(s->frames, s->n_frame_slots, frame);
        if (slot->used)
                return 0;
        if (s->n_frames >= SYMBOLS_FRAMES_MAX)
                return -E2BIG;

        *slot = (FrameSlot){ .frame = frame, .name = NO_NAME, .used = true };
        s->n_frames++;
        return 1;
}

static int compare_frames(const void *a, const void *b) {
        Frame x = *(const Frame *) a, y = *(const Frame *) b;

        return x < y ? -1 : x > y;
}

int symbols_list_frames(const Symbols *s, Frame **ret_frames, size_t *ret_n) {
        Frame *frames;
        size_t n = 0;

        assert(s);
        assert(ret_frames);
        assert(ret_n);

        frames = calloc(s->n_frames > 0 ? s->n_frames : 1, sizeof(*frames));
        if (!frames)
                return -ENOMEM;

        for (size_t i = 0; i < s->n_frame_slots; i++)
                if (s->frames[i].used)
                        frames[n++] = s->frames[i].frame;
        qsort(frames, n, sizeof(*frames), compare_frames);

        *ret_frames = frames;
        *ret_n = n;
        return 0;
}

static uint64_t hash_text(const char *text) {
        uint64_t h = 0;

        for (; *text; text++)
                h = hash_u64(h, (unsigned char) *text);
        return h;
}

/* The slot of that name, or the free one where it belongs. */
static uint32_t *name_slot(const Symbols *s, uint32_t *slots, size_t n_slots, const char *text, bool known) {
        size_t i = hash_text(text) & (n_slots - 1);

        for (; slots[i] > 0; i = (i + 1) & (n_slots - 1)) {
                const Name *n = &s->names[slots[i] - 1];

                if (n->known == known && strcmp(s->text.text + n->system, text) == 0)
                        break;
        }
        return &slots[i];
}

static int grow_names(Symbols *s) {
        size_t n = s->n_name_slots > 0 ? s->n_name_slots * 2 : 1024;
        uint32_t *slots;
        Name *names;

        if (2 * (s->n_names + 1) <= s->n_name_slots)
                return 0;

        names = realloc(s->names, n / 2 * sizeof(*names));
        if (!names)
                return -ENOMEM;
        s->names = names;

        slots = calloc(n, sizeof(*slots));
        if (!slots)
                return -ENOMEM;

        for (size_t i = 0; i < s->n_names; i++)
                *name_slot(s, slots, n, s->text.text + s->names[i].system, s->names[i].known) =
                                (uint32_t) i + 1;

        free(s->name_slots);
        s->name_slots = slots;
        s->n_name_slots = n;
        return 0;
}

static int add_text(Symbols *s, const char *text, uint32_t *ret_offset) {
        size_t offset = s->text.length, size = strlen(text) + 1;

        if (size > SYMBOLS_TEXT_MAX - offset)
                return -E2BIG;

        strbuf_add_n(&s->text, text, size);
        if (s->text.error < 0)
                return s->text.error;

        *ret_offset = (uint32_t) offset;
        return 0;
}

static int add_demangled(Symbols *s, const char *name, uint32_t *ret_offset) {
        _cleanup_(freep) char *demangled = NULL, *clean = NULL;
        int r;

        r = symbol_demangle(name, &demangled);
        if (r <= 0)
                return r;

        clean = utf8_sanitize(demangled, strlen(demangled));
        if (!clean)
                return -ENOMEM;

        return add_text(s, clean, ret_offset);
}

/* Index of that name, which is added if it is new. @text is clean. */
static int intern_name(Symbols *s, const char *text, bool known, uint32_t *ret_index) {
        Name name = { .known = known };
        uint32_t *slot;
        int r;

        r = grow_names(s);
        if (r < 0)
                return r;

        slot = name_slot(s, s->name_slots, s->n_name_slots, text, known);
        if (*slot > 0) {
                *ret_index = *slot - 1;
                return 0;
        }

        r = add_text(s, text, &name.system);
        if (r < 0)
                return r;

        name.display = name.system;
        if (known) {
                r = add_demangled(s, text, &name.display);
                if (r < 0)
                        return r;
        }

        s->names[s->n_names] = name;
        *ret_index = (uint32_t) s->n_names;
        *slot = (uint32_t) ++s->n_names;
        return 0;
}

int symbols_set_name(Symbols *s, Frame frame, const char *name, bool known) {
        _cleanup_(freep) char *clean = NULL;
        FrameSlot *slot;
        int r;

        assert(s);
        assert(name);
        assert(s->n_frame_slots > 0);

        slot = frame_slot(s->frames, s->n_frame_slots, frame);
        assert(slot->used && slot->name == NO_NAME);

        clean = utf8_sanitize(name, strlen(name));
        if (!clean)
                return -ENOMEM;

        r = intern_name(s, clean, known, &slot->name);
        if (r < 0)
                return r;

        s->n_known += known;
        return 0;
}

void symbols_set_module(Symbols *s, unsigned module_index, SymbolSource source, const char *build_id) {
        assert(s);
        assert(module_index < s->n_modules);

        s->modules[module_index].source = source;
        (void) snprintf(s->modules[module_index].build_id, BUILD_ID_TEXT_MAX, "%s", build_id);
}

SymbolName symbols_name(const Symbols *s, Frame frame) {
        static const SymbolName unknown = { SYMBOLS_UNKNOWN_NAME, SYMBOLS_UNKNOWN_NAME, false };
        const FrameSlot *slot;
        const Name *name;

        assert(s);

        if (s->n_frame_slots == 0)
                return unknown;

        slot = frame_slot(s->frames, s->n_frame_slots, frame);
        if (!slot->used || slot->name == NO_NAME)
                return unknown;

        name = &s->names[slot->name];
        return (SymbolName){
                .name = s->text.text + name->display,
                .system_name = s->text.text + name->system,
                .known = name->known,
        };
}

const char *symbols_build_id(const Symbols *s, unsigned module_index) {
        assert(s);

        if (module_index >= s->n_modules || s->modules[module_index].build_id[0] == '\0')
                return NULL;
        return s->modules[module_index].build_id;
}

const char *symbols_source(const Symbols *s, unsigned module_index) {
        assert(s);

        return symbol_source_to_string(
                        module_index < s->n_modules ? s->modules[module_index].source : SYMBOL_SOURCE_NONE);
}

uint64_t symbols_n_frames(const Symbols *s) {
        return s->n_frames;
}

uint64_t symbols_n_known(const Symbols *s) {
        return s->n_known;
}
