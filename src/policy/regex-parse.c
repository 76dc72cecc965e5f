/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/regex-parse.h"

#include "basic/utf8.h"
#include "policy/policy-message.h"
#include "policy/regex-class.h"
#include "policy/regex-escape.h"
#include "policy/regex-group.h"
#include "policy/regex-reader.h"

#include <string.h>

/* Things one after another, while they are read. */
typedef struct Sequence {
        int node;      /* REGEX_CONCAT */
        bool repeated; /* the last read is a repetition: it cannot be repeated */
} Sequence;

static int read_alternatives(RegexReader *p);

static int add_place(RegexReader *p, RegexPlace place, size_t length) {
        int node;

        node = regex_tree_add(p->tree, REGEX_ASSERT, regex_column(p, p->at));
        if (node < 0)
                return node;

        p->tree->nodes[node].place = place;
        p->at += length;
        return node;
}

/* The character that was read from @start on. */
static int add_character(RegexReader *p, uint32_t c, size_t start) {
        CharSet set = {};
        int r;

        r = p->flags & REGEX_FOLD ? char_set_add_folded(&set, c, c) : char_set_add(&set, c, c);
        if (r == -EOPNOTSUPP)
                r = regex_refuse_folding(p, start, p->at - start);
        if (r >= 0)
                r = regex_tree_add_chars(p->tree, &set, regex_column(p, start));

        char_set_done(&set);
        return r;
}

static int read_dot(RegexReader *p) {
        CharSet set = {};
        int r;

        r = p->flags & REGEX_DOT_ALL ? 0 : char_set_add(&set, '\n', '\n');
        if (r >= 0)
                r = char_set_negate(&set);
        if (r >= 0)
                r = regex_tree_add_chars(p->tree, &set, regex_column(p, p->at));

        char_set_done(&set);
        p->at++;
        return r;
}

static int read_backslash(RegexReader *p) {
        size_t start = p->at;
        CharSet set = {};
        uint32_t c;
        int r;

        switch (regex_peek(p, 1)) {
        case 'A':
                return add_place(p, REGEX_PLACE_BEGIN, 2);
        case 'z':
                return add_place(p, REGEX_PLACE_END, 2);
        case 'b':
                return add_place(p, REGEX_PLACE_WORD, 2);
        case 'B':
                return add_place(p, REGEX_PLACE_NOT_WORD, 2);
        case 'C':
                p->at += 2;
                return regex_tree_add(p->tree, REGEX_BYTE, regex_column(p, start));
        }

        r = regex_read_escaped_class(p, &set);
        if (r > 0)
                r = regex_tree_add_chars(p->tree, &set, regex_column(p, start));
        else if (r == 0) {
                r = regex_read_escape(p, &c);
                if (r >= 0)
                        r = add_character(p, c, start);
        }

        char_set_done(&set);
        return r;
}

/* Flags are no node: nothing that could be repeated. */
static int read_group(RegexReader *p, bool *ret_flags_only) {
        size_t open = p->at;
        unsigned flags = p->flags;
        int node, r;

        r = regex_read_group_open(p);
        if (r < 0)
                return r;
        *ret_flags_only = r == 0;
        if (r == 0)
                return 0;

        if (p->depth >= REGEX_DEPTH_MAX)
                return regex_refuse(p, open, 1, "is inside of %u others, too many", REGEX_DEPTH_MAX);

        p->depth++;
        node = read_alternatives(p);
        p->depth--;
        if (node < 0)
                return node;
        if (regex_at_end(p))
                return regex_refuse(p, open, 1, "has no ')'");

        p->at++;
        p->flags = flags;
        return node;
}

/* "12": 0 if there is no number as RE2 has it, without zeros in front. */
static size_t read_number(const RegexReader *p, size_t ahead, unsigned *ret_number) {
        unsigned number = 0;
        size_t n = 0;

        for (; regex_peek(p, ahead + n) >= '0' && regex_peek(p, ahead + n) <= '9'; n++)
                number = MIN_OF(number * 10 + (unsigned) (regex_peek(p, ahead + n) - '0'), 1000000U);
        if (n > 1 && regex_peek(p, ahead) == '0')
                return 0;

        *ret_number = number;
        return n;
}

/* "{m}", "{m,}" and "{m,n}". Returns its length, 0 if it is none of them: then '{' is a character. */
static size_t looking_at_bounds(const RegexReader *p, unsigned *ret_min, unsigned *ret_max) {
        size_t at = 1, n;

        n = read_number(p, at, ret_min);
        if (n == 0)
                return 0;
        at += n;

        *ret_max = *ret_min;
        if (regex_peek(p, at) == ',') {
                at++;
                *ret_max = REGEX_UNBOUNDED;
                if (regex_peek(p, at) != '}') {
                        n = read_number(p, at, ret_max);
                        if (n == 0)
                                return 0;
                        at += n;
                }
        }

        return regex_peek(p, at) == '}' ? at + 1 : 0;
}

/* The length of the operator; 0: there is none. */
static size_t looking_at_repeat(const RegexReader *p, unsigned *ret_min, unsigned *ret_max) {
        *ret_max = REGEX_UNBOUNDED;
        *ret_min = 0;

        switch (regex_peek(p, 0)) {
        case '*':
                return 1;
        case '+':
                *ret_min = 1;
                return 1;
        case '?':
                *ret_max = 1;
                return 1;
        case '{':
                return looking_at_bounds(p, ret_min, ret_max);
        default:
                return 0;
        }
}

static bool is_more_than_max(unsigned copies, unsigned times) {
        return times > REGEX_REPEAT_MAX || copies * times > REGEX_REPEAT_MAX;
}

/* Puts a node that repeats it in the place of the last thing of @s. */
static int repeat(RegexReader *p, Sequence *s, size_t length, unsigned min, unsigned max) {
        unsigned times = max == REGEX_UNBOUNDED ? min : max;
        int what = p->tree->nodes[s->node].last, node;
        RegexNode *n;

        if (what == REGEX_NONE)
                return regex_refuse(p, p->at, length, "has nothing to repeat");
        if (s->repeated)
                return regex_refuse(p, p->at, length, "repeats a repetition");
        if (max < min)
                return regex_refuse(p, p->at, length, "ends before it starts");
        if (times > 1 && is_more_than_max(p->tree->nodes[what].copies, times))
                return regex_refuse(p, p->at, length, "makes more than %u repetitions", REGEX_REPEAT_MAX);

        node = regex_tree_add(p->tree, REGEX_REPEAT, regex_column(p, p->at));
        if (node < 0)
                return node;

        n = &p->tree->nodes[node];
        p->tree->nodes[s->node].last = p->tree->nodes[what].previous;
        p->tree->nodes[what].previous = REGEX_NONE;
        regex_tree_append(p->tree, node, what);
        n->repeat.min = min;
        n->repeat.max = max;
        n->copies *= MAX_OF(times, 1U);
        regex_tree_append(p->tree, s->node, node);

        p->at += length;
        if (regex_peek(p, 0) == '?') /* the shortest first: the same matches */
                p->at++;
        s->repeated = true;
        return 0;
}

/* \Q…\E, the \E may be missing. */
static int read_quoted(RegexReader *p, Sequence *s) {
        p->at += strlen("\\Q");

        while (!regex_at_end(p)) {
                size_t start = p->at;
                int node;

                if (regex_looking_at(p, "\\E")) {
                        p->at += strlen("\\E");
                        break;
                }

                node = add_character(p, regex_next(p), start);
                if (node < 0)
                        return node;
                regex_tree_append(p->tree, s->node, node);
        }

        return 0;
}

static int read_one(RegexReader *p, bool *ret_flags_only) {
        size_t start = p->at;

        switch (regex_peek(p, 0)) {
        case '(':
                return read_group(p, ret_flags_only);
        case '[':
                return regex_read_class(p);
        case '\\':
                return read_backslash(p);
        case '.':
                return read_dot(p);
        case '^':
                return add_place(p, REGEX_PLACE_BEGIN, 1);
        case '$':
                return add_place(p, REGEX_PLACE_END, 1);
        default:
                return add_character(p, regex_next(p), start);
        }
}

static int read_into(RegexReader *p, Sequence *s) {
        bool flags_only = false;
        unsigned min, max;
        size_t length;
        int node;

        length = looking_at_repeat(p, &min, &max);
        if (length > 0)
                return repeat(p, s, length, min, max);

        s->repeated = false;
        if (regex_looking_at(p, "\\Q"))
                return read_quoted(p, s);

        node = read_one(p, &flags_only);
        if (node < 0)
                return node;
        if (!flags_only)
                regex_tree_append(p->tree, s->node, node);

        return 0;
}

/* Up to '|', ')' or the end. Returns the node. */
static int read_sequence(RegexReader *p) {
        Sequence s = {};
        int r;

        s.node = regex_tree_add(p->tree, REGEX_CONCAT, regex_column(p, p->at));
        if (s.node < 0)
                return s.node;

        while (!regex_at_end(p) && regex_peek(p, 0) != '|' && regex_peek(p, 0) != ')') {
                r = read_into(p, &s);
                if (r < 0)
                        return r;
        }

        return s.node;
}

static int read_alternatives(RegexReader *p) {
        int node, sequence;

        node = regex_tree_add(p->tree, REGEX_ALTERNATE, regex_column(p, p->at));
        if (node < 0)
                return node;

        for (;;) {
                sequence = read_sequence(p);
                if (sequence < 0)
                        return sequence;
                regex_tree_append(p->tree, node, sequence);

                if (regex_peek(p, 0) != '|')
                        return node;
                p->at++;
        }
}

static int check_text(const RegexReader *p) {
        for (size_t i = 0; i < p->length; i += regex_character_length(p, i))
                if (!utf8_is_valid(p->text + i, regex_character_length(p, i)))
                        return policy_refuse(
                                        -EINVAL,
                                        p->reterr_message,
                                        "column %u: byte %02x is not UTF-8",
                                        regex_column(p, i),
                                        (unsigned char) p->text[i]);

        return 0;
}

int regex_parse(const char *text, RegexTree **ret_tree, char **reterr_message) {
        RegexReader p = { .text = text, .length = strlen(text), .reterr_message = reterr_message };
        _cleanup_(regex_tree_freep) RegexTree *tree = NULL;
        int r;

        r = check_text(&p);
        if (r < 0)
                return r;

        p.tree = tree = calloc(1, sizeof(*tree));
        if (!tree)
                return -ENOMEM;

        tree->root = read_alternatives(&p);
        if (tree->root < 0)
                return tree->root;
        if (!regex_at_end(&p))
                return regex_refuse(&p, p.at, 1, "has no '('");

        *ret_tree = TAKE_PTR(tree);
        return 0;
}
