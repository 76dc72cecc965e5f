/* SPDX-License-Identifier: Apache-2.0 */
/* Ids that are made, not given: OAP's of a process, ours of this host. */
#include "oap/oap-registry.h"

#include "basic/file-io.h"
#include "basic/sha256.h"

#include <string.h>
#include <sys/random.h>

#define ID_BYTES 16U

/* Names our use of the machine ID, which itself is not to leave the host: machine-id(5). */
static const uint8_t app_id[ID_BYTES] = { 0x5c, 0x8e, 0x1d, 0x27, 0xb4, 0x0a, 0x4f, 0x3e,
                                          0x9d, 0x61, 0x2a, 0xf7, 0xc3, 0x58, 0x90, 0x1b };

static void add_text(Sha256 *s, const char *text) {
        sha256_add(s, text, strlen(text));
}

/* OAP's Const.BLANK_ENTITY_NAME. */
static const char *or_blank(const char *name) {
        return name[strspn(name, " \t\n\v\f\r")] ? name : "_blank";
}

/* RFC 4648, section 4, with padding. */
static void add_base64(Sha256 *s, const char *text) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const uint8_t *p = (const uint8_t *) text;

        for (size_t left = strlen(text); left > 0;) {
                size_t n = MIN_OF(left, (size_t) 3);
                uint32_t v = (uint32_t) p[0] << 16 | (uint32_t) (n > 1 ? p[1] : 0) << 8 | (n > 2 ? p[2] : 0);
                char four[4] = {
                        digits[v >> 18], digits[v >> 12 & 63], digits[v >> 6 & 63], digits[v & 63]
                };

                memset(four + n + 1, '=', 3 - n);
                sha256_add(s, four, sizeof(four));
                p += n;
                left -= n;
        }
}

static void to_hex(const uint8_t *bytes, size_t n, char *ret) {
        for (size_t i = 0; i < n; i++)
                (void) snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}

void oap_process_id(const char *service, const char *instance, const char *process, char ret[static 65]) {
        uint8_t digest[SHA256_BYTES];
        Sha256 s;

        assert(service);
        assert(instance);
        assert(process);

        sha256_init(&s);
        add_text(&s, or_blank(process));
        add_text(&s, "_");
        add_base64(&s, or_blank(service));
        add_text(&s, ".1_");
        add_base64(&s, or_blank(instance));
        sha256_finish(&s, digest);
        to_hex(digest, sizeof(digest), ret);
}

static int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';

        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -EINVAL;
}

/* "32 hex digits\n"; "uninitialized" until the first boot is over. */
static int read_machine_id(const Host *host, const char *path, uint8_t ret[static ID_BYTES]) {
        char text[64];
        uint8_t any = 0;
        ssize_t n;

        n = read_small_file_at(host->proc_fd, path, text, sizeof(text));
        if (n < 0)
                return (int) n;
        if ((n != 2 * ID_BYTES && n != 2 * ID_BYTES + 1) || (n > 2 * ID_BYTES && text[2 * ID_BYTES] != '\n'))
                return -ENOMEDIUM;

        for (size_t i = 0; i < ID_BYTES; i++) {
                int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

                if (high < 0 || low < 0)
                        return -ENOMEDIUM;

                ret[i] = (uint8_t) (high << 4 | low);
                any |= ret[i];
        }

        return any ? 0 : -ENOMEDIUM;
}

static void format_uuid(uint8_t bytes[static ID_BYTES], char ret[static 37]) {
        char hex[2 * ID_BYTES + 1];

        /* RFC 9562, version 4, as sd_id128_get_machine_app_specific() */
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        to_hex(bytes, ID_BYTES, hex);
        (void) snprintf(ret, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

int oap_agent_id(const Host *host, char ret[static 37]) {
        uint8_t machine[ID_BYTES], digest[SHA256_BYTES];
        int r;

        assert(host);

        /* The host's, also when we live in a container that sees all of its processes. */
        r = read_machine_id(host, "1/root/etc/machine-id", machine);
        if (r < 0 && r != -ENOMEDIUM)
                r = read_machine_id(host, "self/root/etc/machine-id", machine);
        if (r < 0) {
                if (getrandom(digest, ID_BYTES, 0) != ID_BYTES)
                        memset(digest, 0, sizeof(digest));
        } else
                sha256_hmac(machine, sizeof(machine), app_id, sizeof(app_id), digest);

        format_uuid(digest, ret);
        return r;
}
