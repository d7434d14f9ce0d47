/*
 * Who may ask: a browser page of a stranger may not.
 *
 * A web site can make a visitor's browser send requests to 127.0.0.1, and by DNS rebinding even read the answers. Such
 * requests name the stranger in Host or in Origin. In comes a head, out goes a reason to refuse it. The uid of the peer is
 * gateway.c's matter.
 */
#include <string.h>

#include "connection.h"

/* Host without a port, or with one of digits; false for what has neither form. */
static bool split_authority(struct rn_bytes authority, struct rn_bytes *host)
{
    size_t end = authority.len;
    size_t from = 0;
    if (authority.len > 0 && authority.data[0] == '[') {
        from = rn_bytes_find_byte(authority, ']');
        if (from == RN_NPOS) {
            return false;
        }
    }
    size_t colon = rn_bytes_find_byte(rn_bytes_from(authority, from), ':');
    if (colon != RN_NPOS) {
        end = from + colon;
        uint64_t port = 0;
        struct rn_bytes digits = rn_bytes_from(authority, end + 1);
        if (digits.len > 0 && (!rn_bytes_to_u64(digits, &port) || port > UINT16_MAX)) {
            return false;
        }
    }
    *host = rn_bytes_sub(authority, 0, end);
    return true;
}

/* 127.0.0.0/8 in its plain form: four decimal numbers. */
static bool is_loopback_number(struct rn_bytes host)
{
    for (unsigned part = 0; part < 4; part++) {
        size_t dot = rn_bytes_find_byte(host, '.');
        if ((dot == RN_NPOS) != (part == 3)) {
            return false;
        }
        struct rn_bytes digits = rn_bytes_sub(host, 0, dot);
        uint64_t number = 0;
        if (digits.len > 3 || !rn_bytes_to_u64(digits, &number) || number > 255 ||
            (part == 0 && number != 127)) {
            return false;
        }
        host = dot == RN_NPOS ? host : rn_bytes_from(host, dot + 1);
    }
    return true;
}

bool rn_admission_is_loopback(struct rn_bytes authority)
{
    struct rn_bytes host;
    if (!split_authority(authority, &host)) {
        return false;
    }
    return rn_bytes_equal_nocase(host, RN_LIT("localhost")) ||
           rn_bytes_equal(host, RN_LIT("[::1]")) || is_loopback_number(host);
}

static struct rn_bytes authority_of_url(struct rn_bytes url)
{
    size_t scheme = rn_bytes_find(url, RN_LIT("://"));
    if (scheme == RN_NPOS) {
        return RN_LIT(""); /* "null", or nothing a URL */
    }
    struct rn_bytes rest = rn_bytes_from(url, scheme + 3);
    size_t end = 0;
    while (end < rest.len && rest.data[end] != '/' && rest.data[end] != '?') {
        end++;
    }
    return rn_bytes_sub(rest, 0, end);
}

const char *rn_admission_refusal(const struct rn_http_head *head, unsigned *status)
{
    *status = 421;
    if (head->target.data[0] != '/' && !rn_bytes_equal(head->target, RN_LIT("*")) &&
        !rn_admission_is_loopback(authority_of_url(head->target))) {
        return "reenact is no forward proxy: the request names a host that is not this machine";
    }
    for (unsigned i = 0; i < head->field_count; i++) {
        const struct rn_http_field *field = &head->fields[i];
        if (field->name.len == 4 && rn_bytes_equal_nocase(field->name, RN_LIT("host")) &&
            !rn_admission_is_loopback(field->value)) {
            return "the Host of the request is not a loopback address; use http://127.0.0.1:PORT";
        }
        if (field->name.len == 6 && rn_bytes_equal_nocase(field->name, RN_LIT("origin")) &&
            !rn_admission_is_loopback(authority_of_url(field->value))) {
            *status = 403;
            return "the request comes from a web page of another origin";
        }
    }
    return NULL;
}
