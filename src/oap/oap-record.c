/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-record.h"

#include "task/task.h"

#include <string.h>
#include <zlib.h>

#define FLAG_OURS 1U
#define FLAG_DEFLATED 2U
#define N_TEXTS 5U
#define LEVEL 1 /* names repeat themselves: a tenth is left of them at any level */

typedef struct Head {
        uint32_t format, flags, body_size;
} Head;
_Static_assert(sizeof(Head) == 12, "a format on disk");

typedef struct Numbers {
        int32_t pid;
        uint32_t target;
        int64_t start_ms, now_ms;
} Numbers;
_Static_assert(sizeof(Numbers) == 24, "a format on disk");

static void list_texts(const OapRecord *r, const char *ret[static N_TEXTS]) {
        ret[0] = r->task ?: "";
        ret[1] = r->entity.layer ?: "";
        ret[2] = r->entity.service ?: "";
        ret[3] = r->entity.instance ?: "";
        ret[4] = r->entity.process ?: "";
}

size_t oap_record_message_size(const OapBytes *message) {
        return sizeof(uint32_t) + message->size;
}

size_t oap_record_head_size(const OapRecord *record) {
        size_t n = sizeof(Numbers) + (N_TEXTS + 1) * sizeof(uint32_t);
        const char *texts[N_TEXTS];

        list_texts(record, texts);
        for (size_t i = 0; i < N_TEXTS; i++)
                n += strlen(texts[i]) + 1;

        return n;
}

/* Whether a record of @kind can say that. */
static bool is_complete(OapSpoolKind kind, const OapRecord *r) {
        const char *texts[N_TEXTS];

        if (kind == OAP_SPOOL_METERS)
                return true;
        if (r->target != OAP_TARGET_ON_CPU && r->target != OAP_TARGET_OFF_CPU)
                return false;

        list_texts(r, texts);
        for (size_t i = 0; i < N_TEXTS; i++)
                if (texts[i][0] == '\0')
                        return false;

        return r->is_ours ? task_id_is_valid(r->task) : kind != OAP_SPOOL_REPORT;
}

static uint8_t *put(uint8_t *p, const void *data, size_t size) {
        if (size > 0)
                memcpy(p, data, size);

        return p + size;
}

static uint8_t *put_sized(uint8_t *p, const void *data, size_t size) {
        uint32_t n = (uint32_t) size;

        return put(put(p, &n, sizeof(n)), data, size);
}

static void write_body(uint8_t *p, const OapRecord *r, const OapBytes *messages, uint32_t n_messages) {
        Numbers numbers = { (int32_t) r->pid, (uint32_t) r->target, r->start_ms, r->now_ms };
        const char *texts[N_TEXTS];

        list_texts(r, texts);
        p = put(p, &numbers, sizeof(numbers));
        for (size_t i = 0; i < N_TEXTS; i++)
                p = put_sized(p, texts[i], strlen(texts[i]) + 1);

        p = put(p, &n_messages, sizeof(n_messages));
        for (size_t i = 0; i < n_messages; i++)
                p = put_sized(p, messages[i].data, messages[i].size);
}

/* -E2BIG, -EINVAL. */
static int
check(OapSpoolKind kind, const OapRecord *r, const OapBytes *messages, size_t n, size_t *ret_size) {
        const char *texts[N_TEXTS];
        size_t size = oap_record_head_size(r);

        if (n == 0 || (kind == OAP_SPOOL_REPORT && n != 1) || !is_complete(kind, r))
                return -EINVAL;
        if (n > OAP_RECORD_MESSAGES_MAX)
                return -E2BIG;

        list_texts(r, texts);
        for (size_t i = 0; i < N_TEXTS; i++)
                if (strlen(texts[i]) >= OAP_RECORD_TEXT_MAX)
                        return -E2BIG;

        for (size_t i = 0; i < n; i++) {
                if (messages[i].size > OAP_RECORD_BODY_MAX)
                        return -E2BIG;
                size += oap_record_message_size(messages + i);
        }
        if (size > OAP_RECORD_BODY_MAX)
                return -E2BIG;

        *ret_size = size;
        return 0;
}

/* Takes @plain over. What does not get smaller stays as it is. */
static int deflate_body(OapBytes *plain) {
        uLongf size = compressBound(plain->size - sizeof(Head));
        _cleanup_(freep) uint8_t *data = malloc(sizeof(Head) + size);
        Head head;

        if (!data)
                return -ENOMEM;

        if (compress2(data + sizeof(Head),
                      &size,
                      plain->data + sizeof(Head),
                      plain->size - sizeof(Head),
                      LEVEL) != Z_OK)
                return -ENOMEM;
        if (sizeof(Head) + size >= plain->size)
                return 0;

        memcpy(&head, plain->data, sizeof(head));
        head.flags |= FLAG_DEFLATED;
        memcpy(data, &head, sizeof(head));
        free(plain->data);
        *plain = (OapBytes){ .data = TAKE_PTR(data), .size = sizeof(Head) + size };
        return 0;
}

int oap_record_format(
                OapSpoolKind kind,
                const OapRecord *record,
                const OapBytes *messages,
                size_t n_messages,
                bool is_deflated,
                OapBytes *ret) {
        _cleanup_(oap_bytes_done) OapBytes b = {};
        size_t size = 0;
        Head head;
        int r;

        assert(record);
        assert(messages || n_messages == 0);
        assert(ret);

        r = check(kind, record, messages, n_messages, &size);
        if (r < 0)
                return r;

        b.size = sizeof(head) + size;
        b.data = malloc(b.size);
        if (!b.data)
                return -ENOMEM;

        head = (Head){ OAP_RECORD_FORMAT, record->is_ours ? FLAG_OURS : 0, (uint32_t) size };
        memcpy(b.data, &head, sizeof(head));
        write_body(b.data + sizeof(head), record, messages, (uint32_t) n_messages);
        if (is_deflated) {
                r = deflate_body(&b);
                if (r < 0)
                        return r;
        }

        *ret = b;
        b = (OapBytes){};
        return 0;
}

void oap_record_view_done(OapRecordView *v) {
        assert(v);

        free(v->messages);
        free(v->body);
        *v = (OapRecordView){};
}

typedef struct Reader {
        const uint8_t *p;
        size_t left;
} Reader;

static int take(Reader *r, void *ret, size_t size) {
        if (size > r->left)
                return -EBADMSG;

        memcpy(ret, r->p, size);
        r->p += size;
        r->left -= size;
        return 0;
}

static int take_sized(Reader *r, size_t max, OapSlice *ret) {
        uint32_t size;

        if (take(r, &size, sizeof(size)) < 0 || size > max || size > r->left)
                return -EBADMSG;

        *ret = (OapSlice){ r->p, size };
        r->p += size;
        r->left -= size;
        return 0;
}

static int take_text(Reader *r, const char **ret) {
        OapSlice s;

        if (take_sized(r, OAP_RECORD_TEXT_MAX, &s) < 0 || s.size == 0 ||
            strnlen((const char *) s.data, s.size) != s.size - 1)
                return -EBADMSG;

        *ret = (const char *) s.data;
        return 0;
}

static int take_record(Reader *r, OapRecord *ret) {
        const char **texts[N_TEXTS] = { &ret->task,
                                        &ret->entity.layer,
                                        &ret->entity.service,
                                        &ret->entity.instance,
                                        &ret->entity.process };
        Numbers numbers;

        if (take(r, &numbers, sizeof(numbers)) < 0 || numbers.target >= _OAP_TARGET_MAX)
                return -EBADMSG;

        ret->pid = numbers.pid;
        ret->target = (OapTarget) numbers.target;
        ret->start_ms = numbers.start_ms;
        ret->now_ms = numbers.now_ms;
        for (size_t i = 0; i < N_TEXTS; i++)
                if (take_text(r, texts[i]) < 0)
                        return -EBADMSG;

        return 0;
}

static int take_messages(Reader *r, OapRecordView *v) {
        uint32_t n;

        if (take(r, &n, sizeof(n)) < 0 || n == 0 || n > OAP_RECORD_MESSAGES_MAX ||
            n > r->left / sizeof(uint32_t))
                return -EBADMSG;

        v->messages = calloc(n, sizeof(v->messages[0]));
        if (!v->messages)
                return -ENOMEM;

        for (; v->n_messages < n; v->n_messages++)
                if (take_sized(r, OAP_RECORD_BODY_MAX, v->messages + v->n_messages) < 0)
                        return -EBADMSG;

        return r->left == 0 ? 0 : -EBADMSG;
}

/* The body as it was before it was deflated, to its last byte and no further. */
static int inflate_body(Reader *r, uint32_t size, uint8_t **ret) {
        _cleanup_(freep) uint8_t *body = malloc(size);
        uLongf n = size;

        if (!body)
                return -ENOMEM;
        if (uncompress(body, &n, r->p, r->left) != Z_OK || n != size)
                return -EBADMSG;

        *r = (Reader){ body, size };
        *ret = TAKE_PTR(body);
        return 0;
}

static int open_body(Reader *r, OapRecordView *v) {
        Head head;

        if (take(r, &head, sizeof(head)) < 0 || head.format != OAP_RECORD_FORMAT ||
            (head.flags & ~(FLAG_OURS | FLAG_DEFLATED)) != 0 || head.body_size == 0 ||
            head.body_size > OAP_RECORD_BODY_MAX)
                return -EBADMSG;

        v->record.is_ours = head.flags & FLAG_OURS;
        if (head.flags & FLAG_DEFLATED)
                return inflate_body(r, head.body_size, &v->body);

        return r->left == head.body_size ? 0 : -EBADMSG;
}

int oap_record_parse(OapSpoolKind kind, const uint8_t *data, size_t size, OapRecordView *ret) {
        _cleanup_(oap_record_view_done) OapRecordView v = {};
        Reader reader = { data, size };
        int r;

        assert(data || size == 0);
        assert(ret);

        r = open_body(&reader, &v);
        if (r >= 0)
                r = take_record(&reader, &v.record);
        if (r >= 0)
                r = take_messages(&reader, &v);
        if (r < 0)
                return r;
        if (!is_complete(kind, &v.record) || (kind == OAP_SPOOL_REPORT && v.n_messages != 1))
                return -EBADMSG;

        *ret = v;
        v = (OapRecordView){};
        return 0;
}
