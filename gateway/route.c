/*
 * Whom is a request for, and may it be passed on at all? Targets in, names and the rest out, all lent.
 *
 * Nothing is decoded: "/openai%2Fv1" is nobody's path. This file knows no upstream; it only knows what a name looks like.
 */
#include "route.h"

static bool is_lower(uint8_t byte)
{
    return byte >= 'a' && byte <= 'z';
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

bool rn_route_name_is_legal(struct rn_bytes name)
{
    if (name.len < 2 || name.len > 32 || !is_lower(name.data[0])) {
        return false;
    }
    for (size_t i = 1; i < name.len; i++) {
        uint8_t byte = name.data[i];
        if (!is_lower(byte) && !is_digit(byte) && byte != '-') {
            return false;
        }
    }
    return true;
}

bool rn_route_alias_is_legal(struct rn_bytes alias)
{
    if (alias.len < 1 || alias.len > 64) {
        return false;
    }
    for (size_t i = 0; i < alias.len; i++) {
        uint8_t byte = alias.data[i];
        if (!is_lower(rn_byte_lower(byte)) && !is_digit(byte) && byte != '.' && byte != '_' &&
            byte != '-') {
            return false;
        }
    }
    return true;
}

/* What follows the authority of an absolute-form target ("http://127.0.0.1:4711/v1"); other targets as they are. */
static struct rn_bytes path_of(struct rn_bytes target)
{
    if (target.len == 0 || target.data[0] == '/') {
        return target;
    }
    size_t scheme = rn_bytes_find(target, RN_LIT("://"));
    if (scheme == RN_NPOS) {
        return target;
    }
    struct rn_bytes rest = rn_bytes_from(target, scheme + 3);
    size_t slash = 0;
    while (slash < rest.len && rest.data[slash] != '/' && rest.data[slash] != '?') {
        slash++;
    }
    return slash == rest.len ? RN_LIT("/") : rn_bytes_from(rest, slash);
}

/* Takes "/segment" off the front of `path`; the segment ends before the next '/', '?' or the end. */
static bool take_segment(struct rn_bytes *path, struct rn_bytes *segment)
{
    if (path->len == 0 || path->data[0] != '/') {
        return false;
    }
    size_t end = 1;
    while (end < path->len && path->data[end] != '/' && path->data[end] != '?') {
        end++;
    }
    *segment = rn_bytes_sub(*path, 1, end - 1);
    *path = rn_bytes_from(*path, end);
    return true;
}

static struct rn_route route_with_our_paths(struct rn_bytes target)
{
    const struct rn_route nobody = {.kind = RN_ROUTE_NONE, .target = target};
    struct rn_route route = {.kind = RN_ROUTE_UPSTREAM};
    struct rn_bytes rest = target;
    struct rn_bytes segment;
    if (!take_segment(&rest, &segment)) {
        return nobody;
    }
    if (rn_bytes_equal(segment, RN_LIT("_reenact"))) {
        return (struct rn_route){.kind = RN_ROUTE_OWN, .target = target};
    }
    if (rn_bytes_equal(segment, RN_LIT("t"))) {
        if (!take_segment(&rest, &route.trace) || !rn_route_alias_is_legal(route.trace) ||
            !take_segment(&rest, &segment)) {
            return nobody;
        }
    }
    if (!rn_route_name_is_legal(segment)) {
        return nobody;
    }
    route.upstream = segment;
    route.target = rest.len == 0 ? RN_LIT("/") : rest;
    return route.target.data[0] == '/' ? route : nobody;
}

struct rn_route rn_route_of(struct rn_bytes target, const char *port_upstream)
{
    struct rn_bytes path = path_of(target);
    if (port_upstream == NULL) {
        return route_with_our_paths(path);
    }
    bool usable = path.len > 0 && (path.data[0] == '/' || rn_bytes_equal(path, RN_LIT("*")));
    return (struct rn_route){.kind = usable ? RN_ROUTE_UPSTREAM : RN_ROUTE_NONE,
                             .upstream = rn_bytes_text(port_upstream),
                             .target = path};
}

/* --- what we do not pass on ------------------------------------------------------------------ */

/* Whether the query of `target` has a parameter of that name, any case. */
static bool query_has(struct rn_bytes target, struct rn_bytes name)
{
    size_t mark = rn_bytes_find_byte(target, '?');
    while (mark != RN_NPOS) {
        target = rn_bytes_from(target, mark + 1);
        struct rn_bytes key = rn_bytes_sub(target, 0, name.len);
        if (rn_bytes_equal_nocase(key, name) && target.len > name.len &&
            target.data[name.len] == '=') {
            return true;
        }
        mark = rn_bytes_find_byte(target, '&');
    }
    return false;
}

static bool is_signed(const struct rn_http_head *head)
{
    for (unsigned i = 0; i < head->field_count; i++) {
        const struct rn_http_field *field = &head->fields[i];
        if (rn_bytes_equal_nocase(field->name, RN_LIT("x-amz-signature")) ||
            (rn_bytes_equal_nocase(field->name, RN_LIT("authorization")) &&
             rn_bytes_starts_with(field->value, RN_LIT("AWS4-")))) {
            return true;
        }
    }
    return query_has(head->target, RN_LIT("X-Amz-Signature"));
}

/* h2c may be ignored (RFC 9113 3.1) and is offered by Java's client with every request; nothing else is harmless. */
static bool wants_upgrade(const struct rn_http_head *head)
{
    for (unsigned i = 0; head->upgrade && i < head->field_count; i++) {
        const struct rn_http_field *field = &head->fields[i];
        if (rn_bytes_equal_nocase(field->name, RN_LIT("upgrade")) &&
            !rn_bytes_equal_nocase(field->value, RN_LIT("h2c"))) {
            return true;
        }
    }
    return false;
}

const char *rn_route_refusal(const struct rn_http_head *head)
{
    if (wants_upgrade(head)) {
        return "reenact does not pass on protocol upgrades (WebSocket) yet; use plain HTTP or "
               "server-sent events";
    }
    if (is_signed(head)) {
        return "the request is signed with AWS SigV4, which covers host and path and would not "
               "hold "
               "behind reenact; use a bearer key";
    }
    return NULL;
}
