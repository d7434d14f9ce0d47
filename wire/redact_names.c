/*
 * Which names announce a credential: header fields, query parameters, JSON members. Lists and patterns, nothing else.
 *
 * What is decided not to be one: counters and limits (`ratelimit`, `tokens`, `token-count`), idempotency keys, the
 * WebSocket handshake, the telemetry of SDKs, CORS, and challenges. 1,574 of 3,021 recorded responses carry such names.
 */
#include "redact_parts.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
/* RN_LIT for static tables. */
#define NAME(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

static bool is_in(const struct rn_bytes *list, size_t count, struct rn_bytes name)
{
    for (size_t i = 0; i < count; i++) {
        /* The first letter settles nearly all of them. */
        if (name.len == list[i].len && (name.data[0] | 0x20) == (list[i].data[0] | 0x20) &&
            rn_bytes_equal_nocase(name, list[i])) {
            return true;
        }
    }
    return false;
}

static bool holds_one(const struct rn_bytes *list, size_t count, struct rn_bytes name)
{
    for (size_t i = 0; i < count; i++) {
        if (rn_bytes_find_nocase(name, list[i]) != RN_NPOS) {
            return true;
        }
    }
    return false;
}

static bool starts_with_one(const struct rn_bytes *list, size_t count, struct rn_bytes name)
{
    for (size_t i = 0; i < count; i++) {
        struct rn_bytes start = list[i];
        if (rn_bytes_equal_nocase(rn_bytes_sub(name, 0, start.len), start)) {
            return true;
        }
    }
    return false;
}

/* --- header fields ------------------------------------------------------------------------------------------------- */

static const struct rn_bytes request_fields[] = {
    NAME("authorization"),
    NAME("proxy-authorization"),
    NAME("x-api-key"),
    NAME("api-key"),
    NAME("x-goog-api-key"),
    NAME("cookie"),
    NAME("x-subscription-token"),
    NAME("ocp-apim-subscription-key"),
    NAME("x-amz-security-token"),
    NAME("x-auth-token"),
    NAME("x-access-token"),
    NAME("x-goog-iam-authorization-token"),
};

static const struct rn_bytes response_fields[] = {
    NAME("set-cookie"),           NAME("set-cookie2"),    NAME("authorization"),
    NAME("proxy-authorization"),  NAME("x-api-key"),      NAME("api-key"),
    NAME("x-auth-token"),         NAME("x-access-token"), NAME("x-refresh-token"),
    NAME("x-subject-token"),      NAME("x-csrf-token"),   NAME("x-xsrf-token"),
    NAME("x-amz-security-token"),
};

static const struct rn_bytes patterns[] = {NAME("key"),        NAME("token"),    NAME("secret"),
                                           NAME("auth"),       NAME("password"), NAME("passwd"),
                                           NAME("credential"), NAME("cookie")};

static const struct rn_bytes harmless_parts[] = {
    NAME("ratelimit"), NAME("rate-limit"), NAME("tokens"), NAME("token-count"), NAME("tokenizer")};

static const struct rn_bytes harmless_starts[] = {
    NAME("idempotency-key"),   NAME("sec-websocket-"),   NAME("x-stainless-"),
    NAME("access-control-"),   NAME("www-authenticate"), NAME("proxy-authenticate"),
    NAME("x-idempotency-key"), NAME("surrogate-key"),
};

/* "auth" is also the beginning of "author", "authority" and "authored"; "authorization" is none of these. */
static bool is_about_an_author(struct rn_bytes name)
{
    return rn_bytes_find_nocase(name, RN_LIT("author")) != RN_NPOS &&
           rn_bytes_find_nocase(name, RN_LIT("authoriz")) == RN_NPOS &&
           rn_bytes_find_nocase(name, RN_LIT("authoris")) == RN_NPOS;
}

bool rn_redact_is_listed_field(struct rn_bytes name)
{
    return is_in(request_fields, COUNT(request_fields), name) ||
           is_in(response_fields, COUNT(response_fields), name);
}

bool rn_redact_is_credential_field(struct rn_bytes name, bool is_request)
{
    if (!is_request) {
        return is_in(response_fields, COUNT(response_fields), name);
    }
    return is_in(request_fields, COUNT(request_fields), name) ||
           (holds_one(patterns, COUNT(patterns), name) && !is_about_an_author(name) &&
            !holds_one(harmless_parts, COUNT(harmless_parts), name) &&
            !starts_with_one(harmless_starts, COUNT(harmless_starts), name));
}

/* --- query parameters and JSON members ----------------------------------------------------------------------------- */

static const struct rn_bytes query_names[] = {
    NAME("key"),
    NAME("api_key"),
    NAME("apikey"),
    NAME("api-key"),
    NAME("x-api-key"),
    NAME("access_token"),
    NAME("token"),
    NAME("auth_token"),
    NAME("refresh_token"),
    NAME("id_token"),
    NAME("sig"),
    NAME("signature"),
    NAME("x-amz-signature"),
    NAME("x-amz-security-token"),
    NAME("x-amz-credential"),
    NAME("x-goog-signature"),
    NAME("x-goog-credential"),
    NAME("password"),
    NAME("passwd"),
    NAME("secret"),
    NAME("client_secret"),
    NAME("subscription-key"),
};

/* No bare "key" and "token": logprobs are full of them. */
static const struct rn_bytes member_names[] = {
    NAME("api_key"),
    NAME("apikey"),
    NAME("api-key"),
    NAME("x-api-key"),
    NAME("x_api_key"),
    NAME("password"),
    NAME("passwd"),
    NAME("passphrase"),
    NAME("secret"),
    NAME("client_secret"),
    NAME("clientsecret"),
    NAME("secret_key"),
    NAME("secretkey"),
    NAME("secret_access_key"),
    NAME("secretaccesskey"),
    NAME("aws_secret_access_key"),
    NAME("session_token"),
    NAME("sessiontoken"),
    NAME("aws_session_token"),
    NAME("access_token"),
    NAME("accesstoken"),
    NAME("refresh_token"),
    NAME("refreshtoken"),
    NAME("id_token"),
    NAME("auth_token"),
    NAME("authtoken"),
    NAME("bearer_token"),
    NAME("bearertoken"),
    NAME("api_token"),
    NAME("apitoken"),
    NAME("private_key"),
    NAME("privatekey"),
    NAME("authorization"),
    NAME("proxy-authorization"),
    NAME("client_assertion"),
};

bool rn_redact_is_query_name(struct rn_bytes name)
{
    return is_in(query_names, COUNT(query_names), name);
}

bool rn_redact_ends_like_a_member(struct rn_bytes name)
{
    static const char ends[][4] = {"key", "ord", "swd", "ase", "ret", "ken", "ion"};
    if (name.len < 3) {
        return false;
    }
    const uint8_t *end = name.data + name.len - 3;
    for (size_t i = 0; i < COUNT(ends); i++) {
        if ((end[2] | 0x20) == ends[i][2] && (end[1] | 0x20) == ends[i][1] &&
            (end[0] | 0x20) == ends[i][0]) {
            return true;
        }
    }
    return false;
}

bool rn_redact_is_member_name(struct rn_bytes name)
{
    return is_in(member_names, COUNT(member_names), name);
}

bool rn_redact_is_option(struct rn_bytes word)
{
    uint8_t name[32];
    size_t dashes = 0;
    while (dashes < word.len && dashes < 2 && word.data[dashes] == '-') {
        dashes++;
    }
    struct rn_bytes bare = rn_bytes_from(word, dashes);
    if (dashes == 0 || bare.len > sizeof name) {
        return false;
    }
    for (size_t i = 0; i < bare.len; i++) {
        name[i] = bare.data[i] == '-' ? '_' : bare.data[i];
    }
    struct rn_bytes plain = rn_bytes_of(name, bare.len);
    return rn_bytes_equal_nocase(plain, RN_LIT("token")) || rn_redact_is_member_name(plain);
}

/* --- scheme words -------------------------------------------------------------------------------------------------- */

static const struct rn_bytes schemes[] = {
    NAME("bearer"),  NAME("basic"),
    NAME("token"),   NAME("apikey"),
    NAME("api-key"), NAME("key"),
    NAME("digest"),  NAME("dpop"),
    NAME("ntlm"),    NAME("negotiate"),
    NAME("hmac"),    NAME("mac"),
    NAME("splunk"),  NAME("aws4-hmac-sha256"),
};

struct rn_bytes rn_redact_without_scheme(struct rn_bytes value, bool *is_basic)
{
    value = rn_bytes_trim(value);
    size_t blank = rn_bytes_find_byte(value, ' ');
    struct rn_bytes word = rn_bytes_sub(value, 0, blank);
    bool has_scheme = blank != RN_NPOS && is_in(schemes, COUNT(schemes), word);
    if (is_basic != NULL) {
        *is_basic = has_scheme && rn_bytes_equal_nocase(word, RN_LIT("basic"));
    }
    return has_scheme ? rn_bytes_trim(rn_bytes_from(value, blank)) : value;
}
