/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/sha256.h"

#include "basic/cleanup.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(sha256, .timeout = 10);

static void expect_hex(const uint8_t *digest, const char *hex) {
        char text[2 * SHA256_BYTES + 1];

        for (size_t i = 0; i < SHA256_BYTES; i++)
                (void) snprintf(text + 2 * i, 3, "%02x", digest[i]);

        cr_expect_str_eq(text, hex);
}

/* NIST, "Secure Hash Standard": examples. */
Test(sha256, examples_of_the_standard) {
        static const struct {
                const char *text, *hex;
        } rows[] = {
                { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
                { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
                { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint8_t digest[SHA256_BYTES];
                Sha256 s;

                sha256_init(&s);
                sha256_add(&s, rows[i].text, strlen(rows[i].text));
                sha256_finish(&s, digest);
                expect_hex(digest, rows[i].hex);
        }
}

Test(sha256, a_million_letters_in_pieces_of_any_size) {
        uint8_t digest[SHA256_BYTES];
        char letters[151];
        size_t left = 1000000, n = 1;
        Sha256 s;

        memset(letters, 'a', sizeof(letters));
        sha256_init(&s);
        for (; left > 0; left -= MIN_OF(n, left), n = n % 150 + 1)
                sha256_add(&s, letters, MIN_OF(n, left));

        sha256_finish(&s, digest);
        expect_hex(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* RFC 4231, test cases 1 and 2. */
Test(sha256, keyed) {
        uint8_t key[20], digest[SHA256_BYTES];

        memset(key, 0x0b, sizeof(key));
        sha256_hmac(key, sizeof(key), "Hi There", 8, digest);
        expect_hex(digest, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");

        sha256_hmac("Jefe", 4, "what do ya want for nothing?", 28, digest);
        expect_hex(digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}
