/* SPDX-License-Identifier: Apache-2.0 */
/* A text with specifiers, then names of unit, program, process and user's slice, with NULs between them:
 * whatever they are, what comes of them can be sent, and no two have the same. */
#include "basic/utf8.h"
#include "target/identity-claim.h"
#include "target/identity-name.h"
#include "target/identity.h"

#include <stdint.h>
#include <string.h>

#define FIELDS 5U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t utf16_units(const char *text) {
        size_t n = 0;

        for (; *text; text++)
                n += ((unsigned char) *text & 0xc0) == 0x80 ? 0 : (unsigned char) *text >= 0xf0 ? 2 : 1;

        return n;
}

static void must(bool condition) {
        if (!condition)
                abort();
}

/* The same wish of three processes, two of them in one unit. */
static void claim_thrice(const char *name, const char *unit) {
        ClaimRequest r = {
                .service = "s", .instance = "i", .process = name, .unit = unit, .unit_label = unit
        };
        const char *who[] = { "a", "b", "c" };
        Claim *claims[3] = {};
        Claims c = {};

        for (size_t i = 0; i < ELEMENTSOF(claims); i++) {
                r.who = who[i];
                r.ordinal = (unsigned) i;
                if (i == 2)
                        r.unit = "other";
                must(claims_take(&c, &r, claims + i) == 0);
                must(claim_is_of(claims[i], &r));
                must(utf8_is_valid(claims[i]->process, strlen(claims[i]->process)));
                must(strlen(claims[i]->process) <= IDENTITY_PROCESS_BYTES_MAX);
                for (size_t k = 0; k < i; k++)
                        must(strcmp(claims[k]->process, claims[i]->process) != 0);
        }

        claims_release(&c, claims[0]);
        r.who = who[0];
        r.unit = unit;
        must(claims_take(&c, &r, claims) == 0);
        must(strcmp(claims[0]->process, name) == 0);
        claims_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(freep) char *copy = NULL, *text = NULL, *label = NULL;
        _cleanup_(user_names_freep) UserNames *users = NULL;
        char *fields[FIELDS];

        if (size > 8192)
                return 0;

        copy = calloc(size + FIELDS, 1);
        must(copy && user_names_new(&users) == 0);
        memcpy(copy, data, size);
        fields[0] = copy;
        for (size_t i = 1; i < FIELDS; i++)
                fields[i] = MIN_OF(strchr(fields[i - 1], '\0') + 1, copy + size + FIELDS - 1);

        Unit slice = { .name = fields[4] }, unit = { .name = fields[1], .slice = &slice };
        Process p = { .unit = &unit, .exe = fields[2], .comm = fields[3], .name = fields[3] };
        const NameSource source = {
                .host = "h", .machine_id = "m", .unit = &unit, .process = &p, .users = users
        };

        (void) identity_template_is_valid(fields[0], NULL);
        must(identity_expand(fields[0], &source, &text) == 0);
        must(utf8_is_valid(text, strlen(text)));
        must(text[strcspn(text, "\n\t\033")] == '\0');
        must(*text != ' ' && (*text == '\0' || text[strlen(text) - 1] != ' '));

        identity_cut(text, IDENTITY_PROCESS_BYTES_MAX, IDENTITY_PROCESS_BYTES_MAX);
        must(strlen(text) <= IDENTITY_PROCESS_BYTES_MAX);
        must(identity_unit_label(fields[1], &label) == 0);
        claim_thrice(text, "unit");

        identity_cut(text, IDENTITY_NAME_UNITS_MAX, IDENTITY_PROCESS_BYTES_MAX);
        must(utf16_units(text) <= IDENTITY_NAME_UNITS_MAX);
        must(utf8_is_valid(text, strlen(text)));
        return 0;
}
