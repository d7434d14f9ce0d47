/* Claims about credentials: what is found, what is left alone, and that parts give what the whole gives. */
#include "main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redact.h"
#include "redact_parts.h"
#include "json.h"
#include "base/memory.h"

#define KEY "sk-proj-Zt8aQ2mV5rXw9LkP3nDsB7cYhJ4fGe6U"
#define PLAIN "Zt8aQ2mV5rXw9LkP3nDsB7cYhJ4f"

/* --- helpers ------------------------------------------------------------------------------------------------------- */

/* A copy of the text with placeholders; freed with rn_buffer_free. */
static struct rn_buffer applied(struct rn_bytes text, const struct rn_spans *spans)
{
    struct rn_buffer out = {0};
    ck_assert_int_eq(rn_buffer_add(&out, text), RN_OK);
    for (size_t i = 0; i < spans->count; i++) {
        ck_assert_uint_gt(spans->at[i].len, 0);
        ck_assert_uint_le(spans->at[i].offset + spans->at[i].len, text.len);
        ck_assert(i == 0 || spans->at[i - 1].offset + spans->at[i - 1].len <= spans->at[i].offset);
    }
    rn_redact_apply(out.data, spans);
    return out;
}

/* The placeholder for `len` bytes. */
static struct rn_bytes placeholder(size_t len)
{
    static char text[65536];
    memset(text, 'x', len);
    if (len >= 12) {
        memcpy(text, "RN-REDACTED-", 12);
    }
    return rn_bytes_of(text, len);
}

/*
 * Checks redacted text against `expected`, where each <...> in `text` marks what is to be hidden. Then the redacted text
 * must give the same spans again.
 */
enum kind { HEAD_REQUEST, HEAD_RESPONSE, TARGET, BODY, BODY_JSON };

static enum rn_status run(struct rn_redactor *redactor, enum kind kind, struct rn_bytes text,
                          struct rn_spans *spans)
{
    switch (kind) {
    case HEAD_REQUEST:
    case HEAD_RESPONSE:
        return rn_redact_head(redactor, text, kind == HEAD_REQUEST, spans);
    case TARGET:
        return rn_redact_target(redactor, text, spans);
    default:
        return rn_redact_body(redactor, text, kind == BODY_JSON, true, spans, NULL);
    }
}

static void check_with(struct rn_redactor *redactor, enum kind kind, const char *marked)
{
    struct rn_buffer text = {0};
    struct rn_buffer expected = {0};
    struct rn_spans spans = {0};
    for (const char *at = marked; *at != '\0'; at++) {
        if (*at == '<') {
            const char *end = strchr(at, '>');
            size_t len = (size_t)(end - at) - 1;
            rn_buffer_append(&text, at + 1, len);
            rn_buffer_add(&expected, placeholder(len));
            at = end;
        } else {
            rn_buffer_add_byte(&text, (uint8_t)*at);
            rn_buffer_add_byte(&expected, (uint8_t)*at);
        }
    }
    for (int round = 0; round < 2; round++) {
        struct rn_bytes in = rn_buffer_bytes(round == 0 ? &text : &expected);
        ck_assert_int_eq(run(redactor, kind, in, &spans), RN_OK);
        struct rn_buffer out = applied(in, &spans);
        ck_assert_msg(rn_bytes_equal(rn_buffer_bytes(&out), rn_buffer_bytes(&expected)),
                      "%s\n-> %.*s", marked, (int)out.len, out.data);
        rn_buffer_free(&out);
    }
    rn_spans_free(&spans);
    rn_buffer_free(&text);
    rn_buffer_free(&expected);
}

static void check(enum kind kind, const char *marked)
{
    struct rn_redactor *redactor = rn_redactor_new();
    check_with(redactor, kind, marked);
    rn_redactor_free(redactor);
}

static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((random_state >> 33) % limit);
}

/* --- heads and targets --------------------------------------------------------------------------------------------- */

START_TEST(head_hides_credentials_and_keeps_schemes)
{
    check(HEAD_REQUEST, "POST /v1/chat/completions HTTP/1.1\r\nHost: api.example.com\r\n"
                        "Authorization: Bearer <abcdefghijklmnop1234>\r\nX-API-Key:<short>\r\n"
                        "Proxy-Authorization: Basic <dXNlcjpwYXNz>\r\n\r\n");
    check(HEAD_REQUEST, "GET / HTTP/1.1\r\nauthorization: <no scheme at all but a "
                        "sentence>\r\nApi-Key: <k>\r\n\r\n");
    check(HEAD_REQUEST, "GET / HTTP/1.1\r\nX-Goog-Api-Key: <AIzaAbCdEf>\r\nX-Subscription-Token: "
                        "<BSAabcdefgh123>\r\n"
                        "My-Secret-Thing: <value of it>\r\nX-Vault-Password: <p>\r\n\r\n");
    check(HEAD_REQUEST,
          "GET / HTTP/1.1\r\nCookie: a=<1>; session=<abcdefghij0123456789>; <bare>\r\n\r\n");
}
END_TEST

START_TEST(head_of_a_response_hides_only_a_short_list)
{
    check(HEAD_RESPONSE,
          "HTTP/1.1 200 OK\r\nSet-Cookie: __cf_bm=<abcdefghij0123456789>; path=/; HttpOnly\r\n"
          "Set-Cookie: a=<b>\r\nX-Request-Key: stays\r\nX-Auth-Token: <0123456789abcdef>\r\n"
          "x-ratelimit-remaining-tokens: 149984\r\nauth-mode: x\r\n\r\n");
}
END_TEST

START_TEST(names_decided_to_be_harmless_stay)
{
    static const char *const names[] = {
        "x-ratelimit-limit-tokens",
        "anthropic-ratelimit-tokens-remaining",
        "Idempotency-Key",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Accept",
        "X-Stainless-Auth",
        "Access-Control-Request-Headers",
        "WWW-Authenticate",
        "x-max-tokens",
        "x-token-count",
        "X-Author",
        ":authority",
        "Content-Type",
        "Host",
        "X-Request-Id",
    };
    static const char *const credentials[] = {
        "authorization",  "AUTHORIZATION",        "x-api-key",     "cookie",
        "X-Custom-Token", "x-amz-security-token", "client-secret",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ck_assert_msg(!rn_redact_is_credential_field(rn_bytes_text(names[i]), true), "%s",
                      names[i]);
        ck_assert_msg(!rn_redact_is_credential_field(rn_bytes_text(names[i]), false), "%s",
                      names[i]);
    }
    for (size_t i = 0; i < sizeof credentials / sizeof credentials[0]; i++) {
        ck_assert_msg(rn_redact_is_credential_field(rn_bytes_text(credentials[i]), true), "%s",
                      credentials[i]);
    }
}
END_TEST

START_TEST(heads_need_not_be_valid)
{
    check(HEAD_REQUEST, "GET /?key=<abc>\nAuthorization : Bearer <abcdefgh>\n  <folded secret>\nno "
                        "colon here\n: empty");
    check(HEAD_REQUEST, "\r\n\r\nGET /?token=<a> HTTP/1.1\r\nAuthorization:\r\n\t<folded>\r\n\r\n");
    check(HEAD_REQUEST, "GET / HTTP/1.1\rAuthorization: <alone>\rx: y");
    check(HEAD_REQUEST, "");
    check(HEAD_REQUEST, "GET");
    check(HEAD_REQUEST, "GET ");
    check(HEAD_RESPONSE, "set-cookie: a=b");
    check(HEAD_RESPONSE, "HTTP/1.1 200\nset-cookie: a=<b>");
}
END_TEST

START_TEST(targets_hide_parameters_and_userinfo)
{
    check(TARGET, "/v1beta/models/x:generate?alt=sse&key=<AIzaSyShort>&page=2");
    check(TARGET, "/?API_KEY=<a>&apikey=<bb>&api-key=<ccc>&access_token=<dddd>&sig=<eeeeeeeeeeeeee>"
                  "&code=stays&token=");
    check(TARGET, "/?X-Amz-Signature=<0123456789abcdef>&X-Amz-Security-Token=<abc>&monkey=stays&"
                  "api%5Fkey=<hidden>#key=stays");
    check(TARGET, "http://<user:password>@host.example/path?x=http://a@b");
    check(TARGET, "/proxy/https://<user@domain:pw>@host/?password=<p>");
    check(TARGET, "https://host/@scope/x?key");
    check(TARGET, "http://@host/");
    check(HEAD_RESPONSE,
          "HTTP/1.1 302 Found\r\nLocation: https://h/cb?access_token=<abc>&x=1\r\n\r\n");
}
END_TEST

START_TEST(names_teach_values_that_are_then_found_anywhere)
{
    struct rn_redactor *redactor = rn_redactor_new();
    check_with(redactor, HEAD_REQUEST,
               "GET /?q=<" PLAIN "> HTTP/1.1\r\nX-Trace: a<" PLAIN ">b\r\nApi-Key: <" PLAIN
               ">\r\n\r\n");
    check_with(redactor, BODY, "your key <" PLAIN "> is wrong");
    check_with(redactor, TARGET, "/x/<" PLAIN ">/y?token=<percent%20and%2Fslash>");
    check_with(redactor, BODY, "<percent and/slash>");
    check_with(redactor, TARGET, "https://<aUserNameOf12:p%40ssword-0123>@h/");
    check_with(redactor, BODY, "<aUserNameOf12> with <p@ssword-0123>");
    /* A word behind a name that only a pattern knows is not a credential to look for. */
    check_with(redactor, HEAD_REQUEST,
               "GET / HTTP/1.1\r\nX-Auth-Mode: <interactive-login>\r\n\r\n");
    check_with(redactor, BODY, "interactive-login");
    rn_redactor_free(redactor);
}
END_TEST

START_TEST(basic_values_are_remembered_decoded)
{
    struct rn_redactor *redactor = rn_redactor_new();
    /* aladdin-the-user:opensesame-1234 */
    ck_assert_int_eq(
        rn_redactor_learn(redactor, RN_LIT("Basic YWxhZGRpbi10aGUtdXNlcjpvcGVuc2VzYW1lLTEyMzQ=")),
        RN_OK);
    check_with(redactor, BODY,
               "<YWxhZGRpbi10aGUtdXNlcjpvcGVuc2VzYW1lLTEyMzQ=> is <aladdin-the-user> and "
               "<opensesame-1234>");
    rn_redactor_free(redactor);
}
END_TEST

/* --- shapes -------------------------------------------------------------------------------------------------------- */

START_TEST(shapes_are_found_at_a_words_beginning)
{
    static const char *const keys[] = {
        KEY,
        "sk-ant-api03-Zt8aQ2mV5rXw9LkP3nDsB7cYhJ4f_Ge6U-AA",
        "sk-0123456789abcdef0123456789abcdef",
        "sk-or-v1-0123456789abcdef0123456789abcdef0123456789abcdef",
        "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY",
        "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",
        "xai-Zt8aQ2mV5rXw9LkP3nDsB7cYhJ4fGe6UZt8aQ2mV5rXw9LkP3nDsB7cYhJ4fGe6UZt8aQ2mV5rXw",
        "hf_Zt8aQemVbrXwiLkPcnDsBycYhJkfGeoU",
        "ghp_Zt8aQ2mV5rXw9LkP3nDsB7cYhJ4fGe6UAbCd",
        "github_pat_11ABCDEFG0Zt8aQ2mV5rXw_9LkP3nDsB7cYhJ4fGe6UZt8aQ2mV5rXw9LkP3nDsB7cYhJ4fGe6U",
        "AKIAIOSFODNN7EXAMPLE",
        "ASIAIOSFODNN7EXAMPLE",
        "xoxb-1234567890-abcdefghijklmnop",
        "tvly-dev-Zt8aQ2mV5rXw9LkP3nDs",
        "pplx-Zt8aQ2mV5rXw9LkP3nDsB7cYhJ4fGe6U",
        "r8_Zt8aQ2mV5rXw9LkP3nDsB7cYhJ4fGe6UZt8aQ",
        "glpat-Zt8aQ2mV5rXw9LkP3nDs",
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_"
         "XgL0n3I9PlFUP0THsR8U"),
    };
    static const char *const frames[] = {
        "<%s>",           "key <%s>.",   "\"<%s>\"",
        "a=<%s>&b",       "\\n<%s>\\n",  "\\u0020<%s>",
        "%%20<%s>%%20",   "Bearer <%s>", "\x1b[32m<%s>\x1b[0m",
        "\xc3\xa9<%s>",   "my_<%s>",     "x/<%s>/y",
        "'<%s>', '<%s>'",
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        for (size_t j = 0; j < sizeof frames / sizeof frames[0]; j++) {
            for (size_t pad = 0; pad < 9; pad++) {
                char text[1024];
                int len = snprintf(text, sizeof text, "%.*s", (int)pad, "        ");
                snprintf(text + len, sizeof text - (size_t)len, frames[j], keys[i], keys[i]);
                check(BODY, text);
            }
        }
    }
}
END_TEST

START_TEST(every_prefix_passes_the_first_look)
{
    /* rn_shape_may_begin and the table must agree: each key of the list above begins with a prefix it lets pass. */
    static const char *const starts[] = {
        "sk-",         "sk_live_", "sk_test_", "rk_live_", "AIza",  "AKIA",  "ASIA",  "ABSK",
        "gsk_",        "xai-",     "hf_",      "ghp_",     "gho_",  "ghs_",  "ghu_",  "ghr_",
        "github_pat_", "glpat-",   "xoxb-",    "xoxp-",    "xoxa-", "xoxr-", "xoxs-", "tvly-",
        "pplx-",       "r8_",      "nvapi-",   "jina_",    "pcsk_", "csk-",  "fw_",   "tgp_v1_",
        "pa-",         "lsv2_",    "npm_",     "dop_v1_",
    };
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        char text[256];
        bool upper = strncmp(starts[i], "A", 1) == 0 && strcmp(starts[i], "AIza") != 0;
        size_t tail = upper                            ? (strcmp(starts[i], "ABSK") == 0 ? 100 : 16)
                      : strcmp(starts[i], "AIza") == 0 ? 35
                                                       : 48;
        snprintf(text, sizeof text, "<%s%.*s>", starts[i], (int)tail,
                 "ABCDEFGH12345678ABCDEFGH12345678ABCDEFGH12345678ABCDEFGH12345678ABCDEFGH12345678A"
                 "BCDEFGH12345678ABCDEFGH");
        check(BODY, text);
    }
}
END_TEST

START_TEST(prose_and_ids_are_left_alone)
{
    static const char *const texts[] = {
        "sk-something-quite-harmless-and-long-enough",
        "task-0123456789abcdef0123456789abcdef",
        "sk-short1",
        "risk-assessment-2024-01-01-abcdefghijk",
        "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012345",
        "call_AbCdEfGhIjKlMnOpQrStUvWx",
        "toolu_01AbCdEfGhIjKlMnOpQrStUv",
        "msg_01AbCdEfGhIjKlMnOpQrStUv",
        "AKIAlowercase1234567",
        "AKIAIOSFODNN7EXAMPLEX",
        "XAKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.notjwt",
        "hf_hub_download_from_somewhere_else_1",
        "ghp_tooshort1234",
        "req_011CQabcdefghijklmnopqr",
        "",
        "0123456789abcdef0123456789abcdef0123456789abcdef",
        "fp_44709d6fcb",
        "-----BEGIN CERTIFICATE-----\nabc",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        check(BODY, texts[i]);
        check(BODY_JSON, texts[i]);
    }
}
END_TEST

START_TEST(private_keys_are_hidden_as_a_block)
{
    check(BODY, "x <-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nabc==\n-----END RSA PRIVATE "
                "KEY-----> y");
    check(BODY, "{\"pem\":\"<-----BEGIN PRIVATE KEY-----\\nMIIEpAIBAAKCAQEA\\n-----END PRIVATE "
                "KEY----->\\n\"}");
    check(BODY, "cut <-----BEGIN EC PRIVATE KEY-----\nMIIEpAIBAAKCAQEA>");
    check(BODY, "<-----BEGIN EC PRIVATE KEY-----> is how it begins");
    check(BODY, "-----BEGIN EC PRIVATE KEY is not closed -----");
    check(HEAD_REQUEST, "GET / HTTP/1.1\r\nX: <-----BEGIN EC PRIVATE KEY----->\r\nY: z\r\n\r\n");
}
END_TEST

/* --- values seen --------------------------------------------------------------------------------------------------- */

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void add_base64(struct rn_buffer *out, struct rn_bytes in, bool url, bool pad)
{
    for (size_t i = 0; i < in.len; i += 3) {
        uint32_t bits = (uint32_t)in.data[i] << 16;
        bits |= i + 1 < in.len ? (uint32_t)in.data[i + 1] << 8 : 0;
        bits |= i + 2 < in.len ? in.data[i + 2] : 0;
        size_t chars = in.len - i >= 3 ? 4 : in.len - i + 1;
        for (size_t j = 0; j < 4; j++) {
            char letter = j < chars ? base64_alphabet[bits >> (18 - 6 * j) & 63] : '=';
            letter = url && letter == '+' ? '-' : url && letter == '/' ? '_' : letter;
            if (letter != '=' || pad) {
                rn_buffer_add_byte(out, (uint8_t)letter);
            }
        }
    }
}

static void add_percent(struct rn_buffer *out, struct rn_bytes in, bool upper)
{
    for (size_t i = 0; i < in.len; i++) {
        if (rn_is_token_byte(in.data[i]) || in.data[i] == '.' || in.data[i] == '~') {
            rn_buffer_add_byte(out, in.data[i]);
        } else {
            rn_buffer_addf(out, upper ? "%%%02X" : "%%%02x", in.data[i]);
        }
    }
}

static void add_json(struct rn_buffer *out, struct rn_bytes in, bool slash)
{
    for (size_t i = 0; i < in.len; i++) {
        uint8_t byte = in.data[i];
        if (byte == '"' || byte == '\\' || (slash && byte == '/')) {
            rn_buffer_add_byte(out, '\\');
        }
        rn_buffer_add_byte(out, byte);
    }
}

#define ENCODINGS 8

/* Base64 stands behind `align` letters that are encoded with it. */
static void add_encoded(struct rn_buffer *out, struct rn_bytes value, unsigned encoding,
                        size_t align)
{
    struct rn_buffer inner = {0};
    rn_buffer_append(&inner, "abc", align);
    rn_buffer_add(&inner, value);
    switch (encoding) {
    case 0:
        rn_buffer_add(out, value);
        break;
    case 1:
    case 2:
        add_percent(out, value, encoding == 1);
        break;
    case 3:
    case 4:
        add_json(out, value, encoding == 4);
        break;
    case 5:
    case 6:
        add_base64(out, rn_buffer_bytes(&inner), encoding == 6, encoding == 5);
        break;
    default: {
        struct rn_buffer text = {0};
        add_base64(&text, rn_buffer_bytes(&inner), false, true);
        add_json(out, rn_buffer_bytes(&text), true);
        rn_buffer_free(&text);
    }
    }
    rn_buffer_free(&inner);
}

/* Whether the value can still be read from the text in any of its encodings. */
static bool survives(struct rn_bytes text, struct rn_bytes value)
{
    bool found = false;
    for (unsigned encoding = 0; encoding < 5; encoding++) {
        struct rn_buffer needle = {0};
        add_encoded(&needle, value, encoding, 0);
        found = found || rn_bytes_find(text, rn_buffer_bytes(&needle)) != RN_NPOS;
        rn_buffer_free(&needle);
    }
    for (size_t align = 0; align < 3; align++) {
        for (int url = 0; url < 2; url++) {
            struct rn_buffer inner = {0};
            struct rn_buffer needle = {0};
            rn_buffer_append(&inner, "abc", align);
            rn_buffer_add(&inner, value);
            add_base64(&needle, rn_buffer_bytes(&inner), url != 0, false);
            /* The stable middle alone. */
            size_t skip = (8 * align + 5) / 6;
            size_t len = 8 * inner.len / 6 - skip;
            found = found || rn_bytes_find(text, rn_bytes_sub(rn_buffer_bytes(&needle), skip,
                                                              len)) != RN_NPOS;
            rn_buffer_free(&inner);
            rn_buffer_free(&needle);
        }
    }
    return found;
}

START_TEST(values_are_found_in_every_encoding_at_every_place)
{
    static const char *const values[] = {
        PLAIN,
        "exactly12byt",
        "p@ss/w0rd!\"x",
        "with space/and+plus=signs",
        "a/b/c/d/e/f/g/h/i/j",
        "?>?>?>~~~~?>?>",
        "0000000000000000",
        "quote\"back\\slash/solidus",
        "xxxxxxxxxxxxxxxx",
    };
    for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
        struct rn_bytes value = rn_bytes_text(values[v]);
        struct rn_redactor *redactor = rn_redactor_new();
        ck_assert_int_eq(rn_redactor_learn(redactor, value), RN_OK);
        for (unsigned encoding = 0; encoding < ENCODINGS; encoding++) {
            for (size_t pad = 0; pad < 12; pad++) {
                struct rn_buffer text = {0};
                struct rn_spans spans = {0};
                rn_buffer_append(&text, "a b c d e f g", pad);
                rn_buffer_add_byte(&text, '"');
                add_encoded(&text, value, encoding, pad % 3);
                rn_buffer_add_byte(&text, '"');
                ck_assert_int_eq(
                    rn_redact_body(redactor, rn_buffer_bytes(&text), false, true, &spans, NULL),
                    RN_OK);
                struct rn_buffer out = applied(rn_buffer_bytes(&text), &spans);
                ck_assert_msg(spans.count > 0 && !survives(rn_buffer_bytes(&out), value),
                              "%s encoding %u pad %zu: %.*s", values[v], encoding, pad,
                              (int)out.len, out.data);
                ck_assert_uint_eq(out.data[out.len - 1], '"');
                rn_buffer_free(&out);
                rn_buffer_free(&text);
                rn_spans_free(&spans);
            }
        }
        rn_redactor_free(redactor);
    }
}
END_TEST

START_TEST(base64_spans_take_in_the_characters_at_the_borders)
{
    struct rn_redactor *redactor = rn_redactor_new();
    rn_redactor_learn(redactor, RN_LIT(PLAIN));
    struct rn_buffer text = {0};
    struct rn_spans spans = {0};
    add_base64(&text, RN_LIT("u:" PLAIN), false, true);
    ck_assert_int_eq(rn_redact_body(redactor, rn_buffer_bytes(&text), false, true, &spans, NULL),
                     RN_OK);
    ck_assert_uint_eq(spans.count, 1);
    ck_assert_uint_eq(spans.at[0].offset,
                      2); /* bits of ':' and of the value's first byte share a character */
    ck_assert_uint_eq(spans.at[0].offset + spans.at[0].len, text.len);
    rn_buffer_free(&text);
    rn_spans_free(&spans);
    rn_redactor_free(redactor);
}
END_TEST

START_TEST(overlapping_values_are_united_and_neighbours_are_not)
{
    struct rn_redactor *redactor = rn_redactor_new();
    rn_redactor_learn(redactor, RN_LIT("abcdefghijkl0"));
    rn_redactor_learn(redactor, RN_LIT("ijkl0mnopqrstu"));
    check_with(redactor, BODY, "<abcdefghijkl0mnopqrstu>");
    struct rn_spans spans = {0};
    rn_redact_body(redactor, RN_LIT("abcdefghijkl0abcdefghijkl0"), false, true, &spans, NULL);
    ck_assert_uint_eq(spans.count, 2);
    rn_spans_free(&spans);
    rn_redactor_free(redactor);
}
END_TEST

START_TEST(short_and_giant_values_are_not_remembered)
{
    struct rn_redactor *redactor = rn_redactor_new();
    char giant[RN_CREDENTIAL_BYTES_MAX + 2];
    memset(giant, 'g', sizeof giant);
    rn_redactor_learn(redactor, RN_LIT("elevenbytes"));
    rn_redactor_learn(redactor, rn_bytes_of(giant, RN_CREDENTIAL_BYTES_MAX + 1));
    rn_redactor_learn(redactor, RN_LIT("RN-REDACTED-xxxxxxx"));
    rn_redactor_learn(redactor, RN_LIT(""));
    check_with(redactor, BODY, "elevenbytes gggggggggggggggggggggg");
    giant[RN_CREDENTIAL_BYTES_MAX] = '\0';
    memcpy(giant, "unlike the rest", 15);
    rn_redactor_learn(redactor, rn_bytes_of(giant, RN_CREDENTIAL_BYTES_MAX));
    char text[RN_CREDENTIAL_BYTES_MAX + 16];
    snprintf(text, sizeof text, "a<%s>b", giant);
    check_with(redactor, BODY, text);
    rn_redactor_free(redactor);
}
END_TEST

START_TEST(the_values_not_shown_for_longest_are_forgotten)
{
    struct rn_redactor *redactor = rn_redactor_new();
    char text[64];
    for (unsigned i = 0; i < RN_CREDENTIALS_MAX + 1; i++) {
        snprintf(text, sizeof text, "value%08uabcdef", i);
        ck_assert_int_eq(rn_redactor_learn(redactor, rn_bytes_text(text)), RN_OK);
        ck_assert_int_eq(rn_redactor_learn(redactor, RN_LIT("value00000000abcdef")),
                         RN_OK); /* shown again */
    }
    check_with(
        redactor, BODY,
        "<value00000000abcdef> value00000001abcdef <value00001023abcdef> <value00001024abcdef>");
    check_with(redactor, BODY, "<value00000300abcdef>");
    rn_redactor_free(redactor);
}
END_TEST

START_TEST(a_span_swallows_the_x_behind_it)
{
    struct rn_redactor *redactor = rn_redactor_new();
    rn_redactor_learn(redactor, RN_LIT(PLAIN));
    check_with(redactor, BODY, "<" PLAIN "xx>yx");
    check_with(redactor, BODY, "<" PLAIN "><" PLAIN "xxx>");
    rn_redactor_free(redactor);
}
END_TEST

/* --- members ------------------------------------------------------------------------------------------------------- */

START_TEST(members_are_hidden_by_name)
{
    check(BODY_JSON, "{\"api_key\":\"<abc>\",\"apiKey\" : "
                     "\"<def>\",\"model\":\"gpt\",\"token\":\"Hello\",\"key\":\"k\"}");
    check(BODY_JSON,
          "{\"client_secret\":\n  "
          "\"<a\\\"b\\\\>\",\"password\":\"\",\"access_token\":null,\"secret\":[\"x\"]}");
    check(BODY_JSON,
          "{\"Authorization\":\"Bearer <abc>\",\"my_api_key\":\"stays\",\"api_key_id\":\"stays\"}");
    check(BODY_JSON,
          "{\"arguments\":\"{\\\"password\\\": \\\"<hunter2>\\\", \\\"user\\\": \\\"joe\\\"}\"}");
    check(BODY_JSON,
          "{\"a\":\"{\\\"b\\\":\\\"{\\\\\\\"password\\\\\\\":\\\\\\\"<deep>\\\\\\\"}\\\"}\"}");
    check(BODY_JSON,
          "{\"password\":{\"type\":\"string\"},\"required\":[\"password\"],\"x\":\"password\"}");
    check(BODY_JSON, "{\"refresh_token\":\"<cut off>");
    check(BODY_JSON, "data: {\"session_token\":\"<abc>\"}\n\n");
    check(BODY_JSON, "\"password\":\"<a>");
}
END_TEST

START_TEST(forms_and_options_are_hidden_by_name)
{
    check(BODY, "client_secret=<abc>&grant_type=x&refresh_token=<d%20e>&scope=token=1");
    check(BODY, "prog --api-key=<abc> --model=x password=<secret> word=stays");
    check(BODY, "password=<p>");
    check(BODY, "&password=");
}
END_TEST

START_TEST(members_teach_their_values)
{
    struct rn_redactor *redactor = rn_redactor_new();
    check_with(redactor, BODY_JSON,
               "[\"<dont/look/at/me>\",{\"password\":\"<dont\\/look\\/at\\/me>\"}]");
    check_with(redactor, BODY, "<dont/look/at/me>");
    rn_redactor_free(redactor);
}
END_TEST

START_TEST(values_over_8_kib_are_no_credentials)
{
    static char text[20000];
    char value[RN_FOUND_BYTES_MAX + 1];
    memset(value, 'v', sizeof value);
    value[sizeof value - 1] = '\0';
    snprintf(text, sizeof text, "{\"password\":\"%s\"}", value);
    check(BODY_JSON, text);
    value[sizeof value - 2] = '\0';
    snprintf(text, sizeof text, "{\"password\":\"<%s>\"}", value);
    check(BODY_JSON, text);
}
END_TEST

/* --- in parts ------------------------------------------------------------------------------------------------------ */

/* Feeds `text` in pieces of random length, as the recorder does, and gives the redacted whole. */
static struct rn_buffer in_parts(struct rn_redactor *redactor, struct rn_bytes text, bool is_json,
                                 uint32_t piece_max)
{
    struct rn_buffer out = {0};
    struct rn_buffer held = {0};
    size_t at = 0;
    bool final = false;
    while (!final) {
        struct rn_spans spans = {0};
        size_t settled = 0;
        struct rn_bytes piece = rn_bytes_sub(text, at, 1 + random_below(piece_max));
        rn_buffer_add(&held, piece);
        at += piece.len;
        final = at == text.len;
        ck_assert_int_eq(
            rn_redact_body(redactor, rn_buffer_bytes(&held), is_json, final, &spans, &settled),
            RN_OK);
        ck_assert_uint_le(settled, held.len);
        ck_assert(!final || settled == held.len);
        ck_assert_uint_le(held.len - settled, 4 * RN_FOUND_BYTES_MAX);
        for (size_t i = 0; i < spans.count; i++) {
            ck_assert_uint_le(spans.at[i].offset + spans.at[i].len, settled);
        }
        rn_redact_apply(held.data, &spans);
        rn_buffer_append(&out, held.data, settled);
        rn_buffer_consume(&held, settled);
        rn_spans_free(&spans);
    }
    rn_buffer_free(&held);
    return out;
}

static void check_parts(struct rn_redactor *redactor, struct rn_bytes text, bool is_json,
                        uint32_t piece_max)
{
    uint64_t seed = random_state;
    struct rn_spans spans = {0};
    ck_assert_int_eq(rn_redact_body(redactor, text, is_json, true, &spans, NULL), RN_OK);
    struct rn_buffer whole = applied(text, &spans);
    struct rn_buffer parts = in_parts(redactor, text, is_json, piece_max);
    ck_assert_msg(rn_bytes_equal(rn_buffer_bytes(&whole), rn_buffer_bytes(&parts)),
                  "seed %llu, pieces of %u\nwhole %.*s\nparts %.*s", (unsigned long long)seed,
                  piece_max, (int)whole.len, whole.data, (int)parts.len, parts.data);
    rn_buffer_free(&whole);
    rn_buffer_free(&parts);
    rn_spans_free(&spans);
}

static void add_noise(struct rn_buffer *text, bool is_json)
{
    static const char *const noise[] = {
        " the quick brown fox",
        "\\n",
        "\\\"",
        "%20",
        "xxx",
        ",\"a\":1",
        " -----",
        "AAAA+BBBB/CCCC",
        "sk-",
        "eyJ",
        "\xc3\xa9",
        "\n",
        "==",
        "[32m",
        "0123456789abcdef0123456789abcdef",
        " sk-not-a-real-key-but-prose ",
        "\\",
        "\"password\"",
        ":",
        "\\u00",
        "--",
        "\"",
        "_",
        " AKIA",
        " -----BEGIN ",
        "RN-REDACTED-",
        "{",
        " = ",
    };
    if (random_below(40) == 0) {
        size_t count = 1 + random_below(12000); /* longer than what is held back */
        for (size_t i = 0; i < count; i++) {
            rn_buffer_add_byte(text, (uint8_t)base64_alphabet[random_below(is_json ? 62 : 64)]);
        }
    }
    const char *piece = noise[random_below(sizeof noise / sizeof noise[0])];
    rn_buffer_append(text, piece, strlen(piece));
}

START_TEST(parts_give_what_the_whole_gives)
{
    static const char *const values[] = {PLAIN, "p@ss/w0rd!\"x", "with space/and+plus",
                                         "0000000000000000", "another-value_12.3"};
    static const char *const shapes[] = {
        KEY,
        "AKIAIOSFODNN7EXAMPLE",
        "hf_Zt8aQemVbrXwiLkPcnDsBycYhJkfGeoU",
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_"
         "XgL0n3I9PlFUP0THsR8U"),
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nabc==\n-----END RSA PRIVATE KEY-----",
        "RN-REDACTED-xxxxxx",
    };
    random_state = (uint64_t)_i;
    struct rn_redactor *redactor = rn_redactor_new();
    bool is_json = _i % 2 != 0;
    unsigned used = _i % 3 == 0 ? 5 : 1;
    for (unsigned i = 0; i < used; i++) {
        rn_redactor_learn(redactor, rn_bytes_text(values[i]));
    }
    for (int round = 0; round < 12; round++) {
        struct rn_buffer text = {0};
        for (uint32_t i = random_below(60); i > 0; i--) {
            uint32_t choice = random_below(6);
            if (choice == 0) {
                add_encoded(&text, rn_bytes_text(values[random_below(used)]),
                            random_below(ENCODINGS), random_below(3));
            } else if (choice == 1) {
                const char *shape = shapes[random_below(sizeof shapes / sizeof shapes[0])];
                rn_buffer_append(&text, shape, strlen(shape));
            } else if (choice == 2 && is_json) {
                rn_buffer_addf(&text, "\"password\" : \"pw%u\"", random_below(100));
            } else if (choice == 3 && !is_json) {
                rn_buffer_addf(&text, "&password=pw%u&", random_below(100));
            } else {
                add_noise(&text, is_json);
            }
        }
        rn_buffer_add_byte(&text, '.');
        static const uint32_t pieces[] = {1, 7, 100, 3000, 20000};
        for (size_t i = text.len > 4000 ? 3 : 0; i < 5; i++) {
            check_parts(redactor, rn_buffer_bytes(&text), is_json, pieces[i]);
        }
        struct rn_spans spans = {0};
        rn_redact_body(redactor, rn_buffer_bytes(&text), is_json, true, &spans, NULL);
        struct rn_buffer out = applied(rn_buffer_bytes(&text), &spans);
        for (unsigned i = 0; i < used; i++) {
            ck_assert_msg(!survives(rn_buffer_bytes(&out), rn_bytes_text(values[i])),
                          "%s in %.*s\n from %.*s", values[i], (int)out.len, out.data,
                          (int)text.len, text.data);
        }
        rn_buffer_free(&out);
        rn_spans_free(&spans);
        rn_buffer_free(&text);
    }
    rn_redactor_free(redactor);
}
END_TEST

START_TEST(runs_longer_than_what_is_held_back_settle)
{
    struct rn_redactor *redactor = rn_redactor_new();
    struct rn_buffer text = {0};
    rn_redactor_learn(redactor, RN_LIT("aaaaaaaaaaaaaaaaaaaa"));
    for (int i = 0; i < 200000; i++) {
        rn_buffer_add_byte(&text, 'a');
    }
    random_state = 1;
    struct rn_buffer out = in_parts(redactor, rn_buffer_bytes(&text), false, 5000);
    ck_assert_uint_eq(out.len, text.len);
    ck_assert_uint_eq(rn_bytes_find(rn_buffer_bytes(&out), RN_LIT("aaaaaaaaaaaaaaaaaaaa")),
                      RN_NPOS);
    rn_buffer_free(&out);
    rn_buffer_free(&text);
    rn_redactor_free(redactor);
}
END_TEST

/* --- memory -------------------------------------------------------------------------------------------------------- */

START_TEST(redactor_survives_every_failing_allocation)
{
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        struct rn_spans spans = {0};
        rn_memory_fail_from(nth);
        struct rn_redactor *redactor = rn_redactor_new();
        enum rn_status status = redactor == NULL ? RN_NOMEM : RN_OK;
        for (unsigned i = 0; status == RN_OK && i < 40; i++) {
            char value[64];
            snprintf(value, sizeof value, "some/value-%08u", i);
            status = rn_redactor_learn(redactor, rn_bytes_text(value));
        }
        if (status == RN_OK) {
            status = rn_redact_head(
                redactor,
                RN_LIT("GET /?key=abcdefghijklmn HTTP/1.1\r\nCookie: a=1; b=2; c=3; d=4; e=5\r\n"
                       "Authorization: Basic YWxhZGRpbi10aGUtdXNlcjpvcGVuc2VzYW1lLTEyMzQ=\r\n\r\n"),
                true, &spans);
        }
        if (status == RN_OK) {
            status = rn_redact_body(redactor, RN_LIT("{\"password\":\"a\\/bcdefghijklmn\"} " KEY),
                                    true, true, &spans, NULL);
        }
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        rn_spans_free(&spans);
        rn_redactor_free(redactor);
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/redact");
    RN_CASE(suite, "heads", head_hides_credentials_and_keeps_schemes,
            head_of_a_response_hides_only_a_short_list, names_decided_to_be_harmless_stay,
            heads_need_not_be_valid, targets_hide_parameters_and_userinfo,
            names_teach_values_that_are_then_found_anywhere, basic_values_are_remembered_decoded);
    RN_CASE(suite, "shapes", shapes_are_found_at_a_words_beginning,
            every_prefix_passes_the_first_look, prose_and_ids_are_left_alone,
            private_keys_are_hidden_as_a_block);
    RN_CASE(suite, "seen", values_are_found_in_every_encoding_at_every_place,
            base64_spans_take_in_the_characters_at_the_borders,
            overlapping_values_are_united_and_neighbours_are_not,
            short_and_giant_values_are_not_remembered,
            the_values_not_shown_for_longest_are_forgotten, a_span_swallows_the_x_behind_it);
    RN_CASE(suite, "members", members_are_hidden_by_name, forms_and_options_are_hidden_by_name,
            members_teach_their_values, values_over_8_kib_are_no_credentials);
    RN_CASE(suite, "parts", runs_longer_than_what_is_held_back_settle,
            redactor_survives_every_failing_allocation);
    TCase *parts = tcase_create("random parts");
    tcase_add_loop_test(parts, parts_give_what_the_whole_gives, 0, 60);
    suite_add_tcase(suite, parts);
    return suite;
}
