/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/folded.h"

#include "basic/parse.h"
#include "basic/utf8.h"
#include "ctl/folded-builder.h"

#include <limits.h>
#include <string.h>

#define READ_CHUNK_BYTES ((size_t) 1024 * 1024)

struct Folded {
        char *pool;        /* all names, each with its NUL */
        uint32_t *names;   /* name -> offset in pool */
        FoldedNode *nodes; /* preorder */
        size_t n_names, n_nodes;
        uint64_t total;
};

/* Unread input: lines that came, and the start of one that has not ended. */
typedef struct LineReader {
        char *data;
        size_t length, allocated;
        unsigned n_lines;
} LineReader;

static void line_reader_done(LineReader *l) {
        free(l->data);
}

Folded *folded_free(Folded *f) {
        if (!f)
                return NULL;

        free(f->pool);
        free(f->names);
        free(f->nodes);
        free(f);
        return NULL;
}

/* "thread;outermost;…;innermost COUNT": the last blank ends the stack, names may have blanks. */
static int add_line(FoldedBuilder *b, const char *line, size_t length, uint64_t *total) {
        const char *end = line + length, *stack_end, *p;
        uint64_t count;
        int r;

        if (length == 0)
                return 0;

        stack_end = memrchr(line, ' ', length);
        if (!stack_end || memchr(line, '\0', length))
                return -EBADMSG;

        p = stack_end + 1;
        if (parse_field(&p, end, 10, &count) < 0 || p != end)
                return -EBADMSG;
        if (count > FOLDED_TOTAL_MAX - *total)
                return -EBADMSG;
        if (count == 0)
                return 0;

        r = folded_builder_add(b, line, (size_t) (stack_end - line), count);
        if (r < 0)
                return r;

        *total += count;
        return 0;
}

/* Adds what is complete of @l and keeps the rest; at the end of the input the rest is a line too. */
static int add_lines(FoldedBuilder *b, LineReader *l, size_t n_scanned, bool at_end, uint64_t *total) {
        char *line = l->data, *end = l->data + l->length, *scan = l->data + n_scanned;
        int r;

        while (line < end) {
                char *line_end = memchr(scan, '\n', (size_t) (end - scan));

                if (!line_end && !at_end)
                        break;
                if (!line_end)
                        line_end = end;

                l->n_lines++;
                r = add_line(b, line, (size_t) (line_end - line), total);
                if (r < 0)
                        return r;

                line = scan = line_end < end ? line_end + 1 : end;
        }

        l->length = (size_t) (end - line);
        memmove(l->data, line, l->length);
        return 0;
}

static int line_reader_fill(LineReader *l, int fd) {
        ssize_t n;

        if (l->allocated - l->length < READ_CHUNK_BYTES) {
                size_t size = l->allocated * 2 + READ_CHUNK_BYTES;
                char *larger = realloc(l->data, size);

                if (!larger)
                        return -ENOMEM;

                l->data = larger;
                l->allocated = size;
        }

        do
                n = read(fd, l->data + l->length, READ_CHUNK_BYTES);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;

        l->length += (size_t) n;
        return (int) n;
}

static int read_stacks(FoldedBuilder *b, int fd, uint64_t *ret_total, unsigned *reterr_line) {
        _cleanup_(line_reader_done) LineReader l = {};
        uint64_t n_bytes = 0, total = 0;
        int n, r;

        do {
                size_t n_scanned = l.length;

                n = line_reader_fill(&l, fd);
                if (n < 0)
                        return n;

                n_bytes += (uint64_t) n;
                if (n_bytes > FOLDED_BYTES_MAX)
                        return -EFBIG;

                r = add_lines(b, &l, n_scanned, n == 0, &total);
                if (r == -EBADMSG)
                        *reterr_line = l.n_lines;
                if (r < 0)
                        return r;
        } while (n > 0);

        *ret_total = total;
        return 0;
}

static int compare_names(const void *a, const void *b, void *userdata) {
        const FoldedBuilder *builder = userdata;

        return strcmp(builder->pool + builder->names[*(const uint32_t *) a].offset,
                      builder->pool + builder->names[*(const uint32_t *) b].offset);
}

/* Replaces what is no clean text byte by byte: lengths and offsets stay. */
static int sanitize_name(char *name, size_t length) {
        _cleanup_(freep) char *clean = NULL;

        clean = utf8_sanitize(name, length);
        if (!clean)
                return -ENOMEM;

        memcpy(name, clean, length);
        return 0;
}

/* Numbers the names in their order and takes the pool over. *@ret_ranks has the new number of each old one.
 */
static int take_names(Folded *f, FoldedBuilder *b, uint32_t **ret_ranks) {
        _cleanup_(freep) uint32_t *order = NULL, *ranks = NULL;
        int r;

        order = calloc(b->n_names + 1, sizeof(*order));
        ranks = calloc(b->n_names + 1, sizeof(*ranks));
        f->names = calloc(b->n_names + 1, sizeof(*f->names));
        if (!order || !ranks || !f->names)
                return -ENOMEM;

        for (size_t i = 0; i < b->n_names; i++)
                order[i] = (uint32_t) i;
        qsort_r(order, b->n_names, sizeof(*order), compare_names, b);

        for (size_t i = 0; i < b->n_names; i++) {
                const FoldedBuilderName *name = b->names + order[i];

                r = sanitize_name(b->pool + name->offset, name->length);
                if (r < 0)
                        return r;

                ranks[order[i]] = (uint32_t) i;
                f->names[i] = name->offset;
        }

        f->n_names = b->n_names;
        f->pool = TAKE_PTR(b->pool);
        *ret_ranks = TAKE_PTR(ranks);
        return 0;
}

/* Links of the builder's nodes, with the children in order. 0, the root, is nobody's child: it ends a list.
 */
typedef struct Links {
        uint32_t *first_child, *next;
} Links;

static void links_done(Links *l) {
        free(l->first_child);
        free(l->next);
}

/* Sorts all nodes by name at once, by counting, then puts each in front of its siblings, largest name first.
 */
static int link_children(const FoldedBuilder *b, const uint32_t *ranks, Links *l) {
        _cleanup_(freep) uint32_t *starts = NULL, *order = NULL;

        starts = calloc(b->n_names + 1, sizeof(*starts));
        order = calloc(b->n_nodes, sizeof(*order));
        l->first_child = calloc(b->n_nodes, sizeof(*l->first_child));
        l->next = calloc(b->n_nodes, sizeof(*l->next));
        if (!starts || !order || !l->first_child || !l->next)
                return -ENOMEM;

        for (size_t i = 1; i < b->n_nodes; i++)
                starts[ranks[b->nodes[i].name] + 1]++;
        for (size_t i = 1; i <= b->n_names; i++)
                starts[i] += starts[i - 1];
        for (size_t i = 1; i < b->n_nodes; i++)
                order[starts[ranks[b->nodes[i].name]]++] = (uint32_t) i;

        for (size_t i = b->n_nodes - 1; i-- > 0;) {
                uint32_t node = order[i], parent = b->nodes[node].parent;

                l->next[node] = l->first_child[parent];
                l->first_child[parent] = node;
        }

        return 0;
}

static void close_node(Folded *f, uint32_t node, uint32_t parent) {
        f->nodes[node].end = (uint32_t) f->n_nodes;
        if (parent != UINT32_MAX)
                f->nodes[parent].total += f->nodes[node].total;
}

/* Walks the linked tree. *@at is where each builder node went; the walk needs it on the way up only. */
static int emit_preorder(Folded *f, const FoldedBuilder *b, const uint32_t *ranks, const Links *l) {
        _cleanup_(freep) uint32_t *at = NULL;
        uint32_t node = l->first_child[FOLDED_ROOT], depth = 0;

        at = calloc(b->n_nodes, sizeof(*at));
        f->nodes = calloc(b->n_nodes, sizeof(*f->nodes));
        if (!at || !f->nodes)
                return -ENOMEM;

        at[FOLDED_ROOT] = UINT32_MAX;
        while (node != FOLDED_ROOT) {
                at[node] = (uint32_t) f->n_nodes;
                f->nodes[f->n_nodes++] = (FoldedNode){
                        .name = ranks[b->nodes[node].name],
                        .depth = depth,
                        .self = b->nodes[node].self,
                        .total = b->nodes[node].self,
                };

                if (l->first_child[node] != 0) {
                        node = l->first_child[node];
                        depth++;
                        continue;
                }

                /* Up to the first ancestor that has a sibling left; the root has none. */
                for (; node != FOLDED_ROOT; node = b->nodes[node].parent, depth--) {
                        close_node(f, at[node], at[b->nodes[node].parent]);
                        if (l->next[node] != 0) {
                                node = l->next[node];
                                break;
                        }
                }
        }

        return 0;
}

static int folded_fill(Folded *f, int fd, unsigned *reterr_line) {
        _cleanup_(folded_builder_done) FoldedBuilder b = {};
        _cleanup_(links_done) Links links = {};
        _cleanup_(freep) uint32_t *ranks = NULL;
        int r;

        r = folded_builder_init(&b);
        if (r < 0)
                return r;

        r = read_stacks(&b, fd, &f->total, reterr_line);
        if (r < 0)
                return r;

        r = take_names(f, &b, &ranks);
        if (r < 0)
                return r;

        r = link_children(&b, ranks, &links);
        if (r < 0)
                return r;

        return emit_preorder(f, &b, ranks, &links);
}

int folded_read(int fd, Folded **ret_folded, unsigned *reterr_line) {
        _cleanup_(folded_freep) Folded *f = NULL;
        unsigned line = 0;
        int r;

        assert(fd >= 0);
        assert(ret_folded);

        f = calloc(1, sizeof(*f));
        if (!f)
                return -ENOMEM;

        r = folded_fill(f, fd, &line);
        if (r < 0) {
                if (reterr_line)
                        *reterr_line = line;
                return r;
        }

        *ret_folded = TAKE_PTR(f);
        return 0;
}

uint64_t folded_total(const Folded *f) {
        assert(f);

        return f->total;
}

const FoldedNode *folded_nodes(const Folded *f, size_t *ret_n) {
        assert(f);
        assert(ret_n);

        *ret_n = f->n_nodes;
        return f->nodes;
}

size_t folded_n_names(const Folded *f) {
        assert(f);

        return f->n_names;
}

const char *folded_name(const Folded *f, uint32_t name) {
        assert(f);
        assert(name < f->n_names);

        return f->pool + f->names[name];
}
