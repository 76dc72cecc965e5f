/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-oap-texts.h"

#include "basic/utf8.h"

#include <string.h>

static bool text_is_valid(const char *text) {
        return !text || utf8_is_valid(text, strlen(text));
}

static bool value_is_valid(const ProtobufCFieldDescriptor *f, const void *value) {
        if (f->type == PROTOBUF_C_TYPE_STRING)
                return text_is_valid(*(const char *const *) value);
        if (f->type == PROTOBUF_C_TYPE_MESSAGE)
                return fake_texts_are_valid(*(const ProtobufCMessage *const *) value);

        return true;
}

static bool field_is_valid(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f) {
        const uint8_t *base = (const uint8_t *) m;
        void *const *values;
        size_t n;

        if (f->type != PROTOBUF_C_TYPE_STRING && f->type != PROTOBUF_C_TYPE_MESSAGE)
                return true;
        if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
            *(const uint32_t *) (const void *) (base + f->quantifier_offset) != f->id)
                return true;
        if (f->label != PROTOBUF_C_LABEL_REPEATED)
                return value_is_valid(f, base + f->offset);

        n = *(const size_t *) (const void *) (base + f->quantifier_offset);
        values = *(void *const *const *) (const void *) (base + f->offset);
        for (size_t i = 0; i < n; i++)
                if (!value_is_valid(f, &values[i]))
                        return false;

        return true;
}

bool fake_texts_are_valid(const ProtobufCMessage *m) {
        for (unsigned i = 0; m && i < m->descriptor->n_fields; i++)
                if (!field_is_valid(m, &m->descriptor->fields[i]))
                        return false;

        return true;
}
