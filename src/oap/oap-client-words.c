/* SPDX-License-Identifier: Apache-2.0 */
/* What the end of a call means, and how it is said to whoever has to change something. */
#include "basic/strbuf.h"
#include "oap/oap-client-private.h"
#include "oap/oap-text.h"

#include <string.h>

#define REASON_MAX 300U

static bool has(const char *text, const char *part) {
        return strcasestr(text, part);
}

/* UNAVAILABLE has the reason in its text only. Those of TLS as OpenSSL and gRPC's tsi/ write them. */
static bool is_about_certificates(const char *message) {
        return has(message, "certificate") || has(message, "handshake failed") ||
                        has(message, "SSL routines");
}

Verdict verdict_of(int status, const char *message) {
        switch (status) {
        case OAP_STATUS_UNAVAILABLE:
                return is_about_certificates(message) ? VERDICT_CERTIFICATE : VERDICT_AWAY;
        case OAP_STATUS_DEADLINE_EXCEEDED:
                return VERDICT_SLOW;
        case OAP_STATUS_RESOURCE_EXHAUSTED:
                return VERDICT_BUSY;
        case OAP_STATUS_PERMISSION_DENIED:
        case OAP_STATUS_UNAUTHENTICATED:
                return VERDICT_TOKEN;
        case OAP_STATUS_UNIMPLEMENTED:
                return VERDICT_NO_METHOD;
        default:
                return VERDICT_ANSWERED;
        }
}

bool oap_status_is_of_connection(int status) {
        return status != OAP_STATUS_OK && verdict_of(status, "") != VERDICT_ANSWERED;
}

static const char *skip(const char *text, const char *prefix) {
        size_t n = strlen(prefix);

        return strncmp(text, prefix, n) == 0 ? text + n : text;
}

/* "ipv6:%5B::1%5D:11800" is an URI to gRPC. */
void peer_words(const char *peer, char *buf, size_t size) {
        char plain[256];
        size_t n = 0;

        peer = skip(skip(peer, "ipv4:"), "ipv6:");
        while (*peer && n < sizeof(plain) - 1) {
                bool left = strncasecmp(peer, "%5B", 3) == 0, right = strncasecmp(peer, "%5D", 3) == 0;

                plain[n++] = left ? '[' : right ? ']' : *peer;
                peer += left || right ? 3 : 1;
        }

        plain[n] = '\0';
        oap_text_copy(buf, size, plain);
}

/* "failed to connect to all addresses; last error: UNKNOWN: ipv4:10.0.0.1:11800: Failed to connect to remote
 * host: Connection refused": the address that was tried last, if there is one, and the reason alone. */
static const char *split_message(const char *message, char *ret_address, size_t size) {
        static const char last[] = "last error: ";
        const char *reason = strstr(message, last), *end;
        char peer[256];
        size_t n;

        reason = reason ? reason + sizeof(last) - 1 : message;
        reason = skip(skip(reason, "UNKNOWN: "), "UNAVAILABLE: ");
        if (strncmp(reason, "ipv4:", 5) == 0 || strncmp(reason, "ipv6:", 5) == 0 ||
            strncmp(reason, "unix:", 5) == 0) {
                end = strstr(reason, ": ");
                n = end ? (size_t) (end - reason) : strlen(reason);
                if (n < sizeof(peer)) {
                        memcpy(peer, reason, n);
                        peer[n] = '\0';
                        peer_words(peer, ret_address, size);
                }

                reason = end ? end + 2 : reason + n;
        }

        return skip(skip(reason, "Failed to connect to remote host: "), "connect: ");
}

/* "SSL_ERROR_SSL: error:0A000086:SSL routines::certificate verify failed", "C-ares status is not
 * ARES_SUCCESS … is_balancer=0: Domain name not found": people need the end of it. */
static const char *without_library(const char *reason) {
        const char *part = strstr(reason, "SSL routines:") ?: strstr(reason, "C-ares status");
        const char *end = part ? strrchr(part, ':') : NULL;

        return end && end[1] ? end + 1 + strspn(end + 1, " ") : reason;
}

/* "/skywalking.v3.EBPFProcessService/keepAlive": "EBPFProcessService". */
static int service_of(const char *method, const char **ret_service) {
        const char *slash = strrchr(method, '/'), *begin = slash;

        if (!slash) {
                *ret_service = method;
                return (int) strlen(method);
        }

        while (begin > method && begin[-1] != '.' && begin[-1] != '/')
                begin--;

        *ret_service = begin;
        return (int) (slash - begin);
}

static void certificate_words(StrBuf *b, const char *at, const char *reason) {
        if (has(reason, "wrong version number") || has(reason, "WRONG_VERSION_NUMBER"))
                strbuf_addf(b, "the OAP at %s does not speak TLS: set TLS=no, or the port that does", at);
        else if (has(reason, "alert") && has(reason, "expired"))
                strbuf_addf(b,
                            "our own certificate has expired, says the OAP at %s: renew CertificateFile=",
                            at);
        else if (has(reason, "alert") || has(reason, "certificate required"))
                strbuf_addf(b,
                            "the OAP at %s does not take our certificate: check CertificateFile= and KeyFile=",
                            at);
        else if (has(reason, "expired"))
                strbuf_addf(b, "the certificate of the OAP at %s has expired: renew it there", at);
        else if (has(reason, "hostname") || has(reason, "peer name"))
                strbuf_addf(b, "the certificate of the OAP at %s is for another name: set ServerName=", at);
        else if (has(reason, "verify") || has(reason, "certificate"))
                strbuf_addf(b,
                            "the certificate of the OAP at %s is not trusted: check that CAFile= has its CA, "
                            "that ServerName= is its name and that it has not expired",
                            at);
        else
                strbuf_addf(b, "no TLS connection to the OAP at %s", at);
}

static void away_words(StrBuf *b, const Failure *f, const char *at, const char *reason) {
        if (has(reason, "DNS resolution failed"))
                strbuf_addf(b, "the name in Address=, %s, is not known", at);
        else if (has(reason, "parsing HTTP"))
                strbuf_addf(b, "what answers at %s is no OAP: check the port of Address=", at);
        else if (has(reason, "Socket closed") && !f->was_connected)
                strbuf_addf(b,
                            "what answers at %s hangs up at once: it may expect TLS (TLS=yes), or a certificate of "
                            "ours (CertificateFile=)",
                            at);
        else
                strbuf_addf(b, "no OAP answers at %s", at);
}

static void method_words(StrBuf *b, const char *at, const char *method) {
        const char *service;
        int n = service_of(method, &service);

        strbuf_addf(b, "the OAP at %s has no %.*s: ", at, n, service);
        if (strncmp(service, "Meter", 5) == 0)
                strbuf_add(b, "switch its receiver-meter on (SW_RECEIVER_METER), or correct Address=");
        else
                strbuf_add(b,
                           "switch its receiver-ebpf on (SW_RECEIVER_EBPF), or set EbpfAddress= to the port "
                           "that has it (SW_EBPF_GRPC_PORT)");
}

static void add_words(StrBuf *b, const Failure *f, const char *at, const char *reason) {
        const char *name = strrchr(f->method, '/');

        name = name ? name + 1 : f->method;
        switch (f->verdict) {
        case VERDICT_AWAY:
                away_words(b, f, at, reason);
                break;
        case VERDICT_CERTIFICATE:
                certificate_words(b, at, reason);
                break;
        case VERDICT_SLOW:
                strbuf_addf(b,
                            "the OAP at %s did not answer %s in time%s",
                            at,
                            name,
                            f->was_connected ? "" : " (if it expects TLS: set TLS=yes)");
                break;
        case VERDICT_BUSY:
                strbuf_addf(b, "the OAP at %s is too busy for %s", at, name);
                break;
        case VERDICT_TOKEN:
                strbuf_addf(b,
                            "the token was refused by the OAP at %s: put the one of its SW_AUTHENTICATION into "
                            "the credential oap.token, or into the file of TokenFile=",
                            at);
                break;
        case VERDICT_NO_METHOD:
                method_words(b, at, f->method);
                break;
        case VERDICT_ANSWERED:
                strbuf_addf(b, "the OAP at %s refused %s (status %i)", at, name, f->status);
                break;
        }
}

void failure_words(const Failure *f, char *buf, size_t size) {
        _cleanup_(freep) char *text = NULL;
        char at[256], reason[REASON_MAX];
        StrBuf b = {};

        peer_words(f->address && *f->address ? f->address : "its address", at, sizeof(at));
        oap_text_copy(reason, sizeof(reason), split_message(f->message, at, sizeof(at)));

        add_words(&b, f, at, reason);
        if (*reason && f->verdict != VERDICT_SLOW && f->verdict != VERDICT_NO_METHOD)
                strbuf_addf(&b, ": %s", without_library(reason));

        if (strbuf_finish(&b, &text) < 0)
                text = NULL;

        oap_text_copy(buf, size, text ?: "out of memory");
}
