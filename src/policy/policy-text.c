/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a policy as its files have it. */
#include "basic/file-io.h"
#include "basic/strbuf.h"
#include "policy/policy-load.h"
#include "policy/policy-store.h"

#include <fcntl.h>
#include <string.h>

static int add_file(StrBuf *b, const char *path, bool with_path) {
        _cleanup_(freep) char *text = NULL;
        size_t length;
        int r;

        r = read_full_file_at(AT_FDCWD, path, POLICY_FILE_SIZE_MAX, &text, &length);
        if (r < 0)
                return r;

        if (b->length > 0 && b->text[b->length - 1] != '\n')
                strbuf_add(b, "\n");
        if (with_path)
                strbuf_addf(b, "%s# %s\n", b->length > 0 ? "\n" : "", path);
        strbuf_add_n(b, text, length);
        return 0;
}

int policy_store_get_text(PolicyStore *s, const char *name, char **ret_text, char **ret_path) {
        _cleanup_(strbuf_done) StrBuf b = {};
        _cleanup_(freep) char *path = NULL;
        const PolicyEntry *e;
        int r;

        assert(s);
        assert(name);
        assert(ret_text);

        e = policy_store_find(s, name);
        if (!e)
                return -ENOENT;

        path = strdup(e->path);
        if (!path)
                return -ENOMEM;

        if (e->state != POLICY_STATE_MASKED) {
                r = add_file(&b, e->path, false);
                if (r < 0)
                        return r;

                for (size_t i = 1; e->pieces && i < e->pieces->n; i++) {
                        r = add_file(&b, e->pieces->items[i].path, true);
                        if (r < 0)
                                return r;
                }
        }

        r = strbuf_finish(&b, ret_text);
        if (r < 0)
                return r;

        if (ret_path)
                *ret_path = TAKE_PTR(path);
        return 0;
}
