/*
 * Named upstreams: which names there are and what their URLs mean.
 *
 * In come NAME=URL pairs; out come entries in order of name, each split into what curl connects to, what is put in front of
 * a target, and an Authorization line when the URL held credentials. It declines to know how a request gets there.
 */
#include "upstream.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "route.h"
#include "upstream_internal.h"

struct url_parts {
    struct rn_bytes scheme;
    struct rn_bytes userinfo;  /* data is NULL when there is none */
    struct rn_bytes authority; /* host and port */
    struct rn_bytes path;      /* without blank end: "" or "/v1" */
};

/* DESIGN 5.1. Origins only: a client of such an upstream sees the paths it would see live. */
static const char *const builtin[][2] = {
    {"anthropic", "https://api.anthropic.com"},
    {"brave", "https://api.search.brave.com"},
    {"cohere", "https://api.cohere.com"},
    {"deepseek", "https://api.deepseek.com"},
    {"exa", "https://api.exa.ai"},
    {"fireworks", "https://api.fireworks.ai"},
    {"gemini", "https://generativelanguage.googleapis.com"},
    {"groq", "https://api.groq.com"},
    {"jina", "https://api.jina.ai"},
    {"mistral", "https://api.mistral.ai"},
    {"ollama", "http://127.0.0.1:11434"},
    {"openai", "https://api.openai.com"},
    {"openrouter", "https://openrouter.ai"},
    {"tavily", "https://api.tavily.com"},
    {"together", "https://api.together.xyz"},
    {"voyage", "https://api.voyageai.com"},
    {"xai", "https://api.x.ai"},
};

/* --- reading a URL --------------------------------------------------------------------------- */

static bool is_host_byte(uint8_t byte)
{
    uint8_t lower = rn_byte_lower(byte);
    return (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
           byte == '.' || byte == '_';
}

static bool is_host(struct rn_bytes host)
{
    if (host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']') {
        for (size_t i = 1; i + 1 < host.len; i++) {
            if (!is_host_byte(host.data[i]) && host.data[i] != ':' && host.data[i] != '%') {
                return false;
            }
        }
        return true;
    }
    for (size_t i = 0; i < host.len; i++) {
        if (!is_host_byte(host.data[i])) {
            return false;
        }
    }
    return host.len > 0;
}

static bool is_port(struct rn_bytes text)
{
    uint64_t port;
    return rn_bytes_to_u64(text, &port) && port >= 1 && port <= 65535;
}

/* The colon before the port, or RN_NPOS; colons inside [] belong to the host. */
static size_t port_colon(struct rn_bytes authority)
{
    for (size_t i = authority.len; i > 0; i--) {
        if (authority.data[i - 1] == ':') {
            return i - 1;
        }
        if (authority.data[i - 1] == ']') {
            break;
        }
    }
    return RN_NPOS;
}

static const char *check_authority(struct rn_bytes authority)
{
    size_t colon = port_colon(authority);
    if (colon != RN_NPOS && !is_port(rn_bytes_from(authority, colon + 1))) {
        return "its port is no number from 1 to 65535";
    }
    if (!is_host(rn_bytes_sub(authority, 0, colon))) {
        return "its host is missing or has characters no host name has";
    }
    return NULL;
}

static const char *check_bytes(struct rn_bytes url)
{
    for (size_t i = 0; i < url.len; i++) {
        if (url.data[i] <= ' ' || url.data[i] >= 0x7f) {
            return "it holds a blank, a control character or no ASCII";
        }
        if (url.data[i] == '?' || url.data[i] == '#') {
            return "an upstream has no query and no fragment";
        }
    }
    return NULL;
}

/* NULL, or the clause that says what is wrong. */
static const char *split_url(struct rn_bytes url, struct url_parts *parts)
{
    size_t colon = rn_bytes_find(url, RN_LIT("://"));
    parts->scheme = rn_bytes_sub(url, 0, colon == RN_NPOS ? 0 : colon);
    if (!rn_bytes_equal_nocase(parts->scheme, RN_LIT("http")) &&
        !rn_bytes_equal_nocase(parts->scheme, RN_LIT("https"))) {
        return "it does not begin with http:// or https://";
    }
    const char *wrong = check_bytes(url);
    if (wrong != NULL) {
        return wrong;
    }
    struct rn_bytes rest = rn_bytes_from(url, colon + 3);
    size_t slash = rn_bytes_find_byte(rest, '/');
    parts->path = slash == RN_NPOS ? rn_bytes_of("", 0) : rn_bytes_from(rest, slash);
    while (rn_bytes_ends_with(parts->path, RN_LIT("/"))) {
        parts->path.len--;
    }
    parts->authority = rn_bytes_sub(rest, 0, slash == RN_NPOS ? rest.len : slash);
    parts->userinfo = (struct rn_bytes){0};
    for (size_t i = parts->authority.len; i > 0; i--) {
        if (parts->authority.data[i - 1] == '@') {
            parts->userinfo = rn_bytes_sub(parts->authority, 0, i - 1);
            parts->authority = rn_bytes_from(parts->authority, i);
            break;
        }
    }
    return check_authority(parts->authority);
}

/* --- credentials ----------------------------------------------------------------------------- */

static enum rn_status add_percent_decoded(struct rn_buffer *out, struct rn_bytes text)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; i < text.len && status == RN_OK; i++) {
        unsigned value;
        char digits[3] = {0};
        if (text.data[i] == '%' && i + 2 < text.len) {
            memcpy(digits, text.data + i + 1, 2);
            if (strspn(digits, "0123456789abcdefABCDEF") == 2 &&
                sscanf(digits, "%x", &value) == 1) {
                status = rn_buffer_add_byte(out, (uint8_t)value);
                i += 2;
                continue;
            }
        }
        status = rn_buffer_add_byte(out, text.data[i]);
    }
    return status;
}

static enum rn_status add_base64(struct rn_buffer *out, struct rn_bytes in)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    enum rn_status status = RN_OK;
    for (size_t i = 0; i < in.len && status == RN_OK; i += 3) {
        size_t left = in.len - i;
        uint32_t group = (uint32_t)in.data[i] << 16;
        group |= left > 1 ? (uint32_t)in.data[i + 1] << 8 : 0;
        group |= left > 2 ? (uint32_t)in.data[i + 2] : 0;
        char four[4] = {digits[group >> 18], digits[group >> 12 & 63], digits[group >> 6 & 63],
                        digits[group & 63]};
        if (left < 3) {
            four[3] = '=';
        }
        if (left < 2) {
            four[2] = '=';
        }
        status = rn_buffer_append(out, four, sizeof four);
    }
    return status;
}

/* "Authorization: Basic ..." for `userinfo`, to be freed; NULL when memory ran out. A password may be missing. */
static char *authorization_line(struct rn_bytes userinfo)
{
    struct rn_buffer clear = {0};
    struct rn_buffer line = {0};
    char *out = NULL;
    if (add_percent_decoded(&clear, userinfo) == RN_OK &&
        (rn_bytes_find_byte(userinfo, ':') != RN_NPOS ||
         rn_buffer_add_byte(&clear, ':') == RN_OK) &&
        rn_buffer_add(&line, RN_LIT("Authorization: Basic ")) == RN_OK &&
        add_base64(&line, rn_buffer_bytes(&clear)) == RN_OK) {
        out = rn_dup(line.data, line.len);
    }
    rn_buffer_free(&line);
    rn_buffer_free(&clear);
    return out;
}

/* --- entries --------------------------------------------------------------------------------- */

static void entry_clear(struct rn_upstream *entry)
{
    rn_free(entry->name);
    rn_free(entry->url);
    rn_free(entry->origin);
    rn_free(entry->path);
    rn_free(entry->authorization);
    curl_url_cleanup(entry->parsed);
}

static CURLU *parse_origin(const char *origin)
{
    CURLU *parsed = origin == NULL ? NULL : curl_url();
    if (parsed != NULL && curl_url_set(parsed, CURLUPART_URL, origin, 0) != CURLUE_OK) {
        curl_url_cleanup(parsed);
        parsed = NULL;
    }
    return parsed;
}

static char *join(struct rn_bytes a, const char *between, struct rn_bytes b, struct rn_bytes c)
{
    struct rn_buffer text = {0};
    char *out = NULL;
    if (rn_buffer_add(&text, a) == RN_OK && rn_buffer_add(&text, rn_bytes_text(between)) == RN_OK &&
        rn_buffer_add(&text, b) == RN_OK && rn_buffer_add(&text, c) == RN_OK) {
        out = rn_dup(text.data, text.len);
    }
    rn_buffer_free(&text);
    return out;
}

static bool entry_fill(struct rn_upstream *entry, const char *name, const struct url_parts *parts)
{
    *entry = (struct rn_upstream){0};
    entry->name = rn_dup_text(name);
    entry->url = join(parts->scheme, "://", parts->authority, parts->path);
    entry->origin = join(parts->scheme, "://", parts->authority, RN_LIT("/"));
    entry->parsed = parse_origin(entry->origin);
    entry->path = rn_dup(parts->path.data, parts->path.len);
    bool credentials = parts->userinfo.data != NULL;
    entry->authorization = credentials ? authorization_line(parts->userinfo) : NULL;
    if (entry->name == NULL || entry->url == NULL || entry->origin == NULL ||
        entry->parsed == NULL || entry->path == NULL ||
        (credentials && entry->authorization == NULL)) {
        entry_clear(entry);
        return false;
    }
    return true;
}

/* Where `name` stands or would stand. */
static size_t place_of(const struct rn_upstreams *upstreams, struct rn_bytes name, bool *found)
{
    for (size_t i = 0; i < upstreams->count; i++) {
        int order = rn_bytes_compare(rn_bytes_text(upstreams->by_name[i]->name), name);
        if (order >= 0) {
            *found = order == 0;
            return i;
        }
    }
    *found = false;
    return upstreams->count;
}

/* Opens a gap at `place` for a new entry. */
static struct rn_upstream *entry_insert(struct rn_upstreams *upstreams, size_t place)
{
    struct rn_upstream *entry = rn_calloc(1, sizeof *entry);
    struct rn_upstream **grown =
        rn_realloc(upstreams->by_name, (upstreams->count + 1) * sizeof *grown);
    if (grown != NULL) {
        upstreams->by_name = grown;
    }
    if (entry == NULL || grown == NULL) {
        rn_free(entry);
        return NULL;
    }
    memmove(grown + place + 1, grown + place, (upstreams->count - place) * sizeof *grown);
    grown[place] = entry;
    upstreams->count++;
    return entry;
}

enum rn_status rn_upstreams_add(struct rn_upstreams *upstreams, const char *name, const char *url,
                                struct rn_error *error)
{
    if (!rn_route_name_is_legal(rn_bytes_text(name))) {
        return rn_fail(error, RN_INVALID,
                       "'%s' is no name for an upstream: a-z first, then 1 to 31 of a-z, 0-9 and -",
                       name);
    }
    struct url_parts parts;
    const char *wrong = split_url(rn_bytes_text(url), &parts);
    if (wrong != NULL) {
        /* The URL itself may hold a password and is not repeated. */
        return rn_fail(error, RN_INVALID, "the URL of upstream %s cannot be used: %s", name, wrong);
    }
    struct rn_upstream fresh;
    if (!entry_fill(&fresh, name, &parts)) {
        return rn_fail(error, RN_NOMEM, "no memory for upstream %s", name);
    }
    bool found;
    size_t place = place_of(upstreams, rn_bytes_text(name), &found);
    struct rn_upstream *entry = found ? upstreams->by_name[place] : entry_insert(upstreams, place);
    if (entry == NULL) {
        entry_clear(&fresh);
        return rn_fail(error, RN_NOMEM, "no memory for upstream %s", name);
    }
    entry_clear(entry);
    *entry = fresh;
    return RN_OK;
}

enum rn_status rn_upstreams_add_builtin(struct rn_upstreams *upstreams, struct rn_error *error)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; i < sizeof builtin / sizeof builtin[0] && status == RN_OK; i++) {
        status = rn_upstreams_add(upstreams, builtin[i][0], builtin[i][1], error);
    }
    return status;
}

const struct rn_upstream *rn_upstreams_find(const struct rn_upstreams *upstreams,
                                            struct rn_bytes name)
{
    bool found;
    size_t place = place_of(upstreams, name, &found);
    return found ? upstreams->by_name[place] : NULL;
}

const struct rn_upstream *rn_upstreams_at(const struct rn_upstreams *upstreams, size_t index)
{
    return index < upstreams->count ? upstreams->by_name[index] : NULL;
}

const char *rn_upstream_name(const struct rn_upstream *upstream)
{
    return upstream->name;
}

const char *rn_upstream_url(const struct rn_upstream *upstream)
{
    return upstream->url;
}

/* --- life ------------------------------------------------------------------------------------ */

struct rn_upstreams *rn_upstreams_new(struct rn_loop *loop)
{
    struct rn_upstreams *upstreams = rn_calloc(1, sizeof *upstreams);
    if (upstreams == NULL) {
        return NULL;
    }
    upstreams->loop = loop;
    upstreams->connect_ms = RN_CONNECT_TIMEOUT_MS;
    upstreams->idle_ms = RN_IDLE_TIMEOUT_MS;
    if (!rn_shards_init(upstreams)) {
        rn_free(upstreams);
        return NULL;
    }
    return upstreams;
}

void rn_upstreams_free(struct rn_upstreams *upstreams)
{
    if (upstreams == NULL) {
        return;
    }
    rn_shards_free(upstreams);
    for (size_t i = 0; i < upstreams->count; i++) {
        entry_clear(upstreams->by_name[i]);
        rn_free(upstreams->by_name[i]);
    }
    rn_free(upstreams->by_name);
    rn_free(upstreams->trust);
    rn_free(upstreams);
}

void rn_upstreams_set_timeouts(struct rn_upstreams *upstreams, long connect_ms, long idle_ms)
{
    assert(connect_ms > 0 && idle_ms > 0);
    upstreams->connect_ms = connect_ms;
    upstreams->idle_ms = idle_ms;
}

enum rn_status rn_upstreams_trust(struct rn_upstreams *upstreams, const char *path)
{
    char *copy = rn_dup_text(path);
    if (copy == NULL) {
        return RN_NOMEM;
    }
    rn_free(upstreams->trust);
    upstreams->trust = copy;
    return RN_OK;
}
