/*
 * Keys that give themselves away by their shape: a known prefix at the beginning of a word and a long, random tail.
 *
 * Whether a shape stands somewhere is decided by the bytes from there on and at most six before (an escape such as \n or
 * %20 is a word's border too), so that a body in parts gives what the whole gives. Tails must hold a digit or a capital:
 * "sk-something-quite-harmless" is prose.
 */
#include "redact_parts.h"

#include <string.h>

/* clang-format off */
const uint8_t rn_token_bytes[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0,
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 3,
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0,
};
/* clang-format on */

enum alphabet { TOKEN, ALNUM, UPPER, BASE64 };

struct shape {
    struct rn_bytes prefix;
    size_t min; /* bytes behind the prefix */
    size_t max;
    enum alphabet alphabet;
};

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

static const struct shape shapes[] = {
    {TEXT("sk-"), 20, 512, TOKEN}, /* OpenAI, Anthropic, DeepSeek, OpenRouter, Langfuse ... */
    {TEXT("sk_live_"), 20, 256, ALNUM},    {TEXT("sk_test_"), 20, 256, ALNUM},
    {TEXT("rk_live_"), 20, 256, ALNUM},    {TEXT("AIza"), 33, 45, TOKEN},   /* Google */
    {TEXT("AKIA"), 16, 16, UPPER},                                          /* AWS key ids */
    {TEXT("ASIA"), 16, 16, UPPER},         {TEXT("ABSK"), 80, 512, BASE64}, /* Bedrock */
    {TEXT("gsk_"), 30, 256, ALNUM},                                         /* Groq */
    {TEXT("xai-"), 40, 256, ALNUM},        {TEXT("hf_"), 30, 128, ALNUM},
    {TEXT("ghp_"), 36, 255, ALNUM}, /* GitHub */
    {TEXT("gho_"), 36, 255, ALNUM},        {TEXT("ghs_"), 36, 255, ALNUM},
    {TEXT("ghu_"), 36, 255, ALNUM},        {TEXT("ghr_"), 36, 255, ALNUM},
    {TEXT("github_pat_"), 40, 255, TOKEN}, {TEXT("glpat-"), 20, 256, TOKEN},
    {TEXT("xoxb-"), 20, 256, TOKEN}, /* Slack */
    {TEXT("xoxp-"), 20, 256, TOKEN},       {TEXT("xoxa-"), 20, 256, TOKEN},
    {TEXT("xoxr-"), 20, 256, TOKEN},       {TEXT("xoxs-"), 20, 256, TOKEN},
    {TEXT("tvly-"), 20, 128, TOKEN},                                      /* Tavily */
    {TEXT("pplx-"), 32, 128, ALNUM},       {TEXT("r8_"), 30, 128, ALNUM}, /* Replicate */
    {TEXT("nvapi-"), 40, 256, TOKEN},      {TEXT("jina_"), 40, 128, TOKEN},
    {TEXT("pcsk_"), 40, 128, TOKEN},                                     /* Pinecone */
    {TEXT("csk-"), 40, 128, ALNUM},                                      /* Cerebras */
    {TEXT("fw_"), 20, 64, ALNUM},                                        /* Fireworks */
    {TEXT("tgp_v1_"), 30, 128, TOKEN},     {TEXT("pa-"), 40, 64, TOKEN}, /* Voyage */
    {TEXT("lsv2_"), 36, 128, TOKEN},       {TEXT("npm_"), 36, 64, ALNUM},
    {TEXT("dop_v1_"), 40, 128, ALNUM},
};

#define SHAPE_COUNT (sizeof shapes / sizeof shapes[0])

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_upper(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z';
}

static bool is_in(enum alphabet alphabet, uint8_t byte)
{
    switch (alphabet) {
    case TOKEN:
        return rn_is_token_byte(byte);
    case ALNUM:
        return rn_is_token_byte(byte) && byte != '-' && byte != '_';
    case UPPER:
        return is_upper(byte) || is_digit(byte);
    case BASE64:
        return (rn_is_token_byte(byte) && byte != '-' && byte != '_') || byte == '+' ||
               byte == '/' || byte == '=';
    }
    return false;
}

static size_t tail_len(struct rn_bytes text, size_t at, const struct shape *shape)
{
    size_t len = 0;
    while (at + len < text.len && len <= shape->max &&
           is_in(shape->alphabet, text.data[at + len])) {
        len++;
    }
    return len;
}

static bool looks_random(struct rn_bytes tail)
{
    for (size_t i = 0; i < tail.len; i++) {
        if (is_digit(tail.data[i]) || is_upper(tail.data[i])) {
            return true;
        }
    }
    return false;
}

static size_t token_len(struct rn_bytes text, size_t at)
{
    size_t len = 0;
    while (at + len < text.len && rn_is_token_byte(text.data[at + len]) &&
           len <= RN_CREDENTIAL_BYTES_MAX) {
        len++;
    }
    return len;
}

/* A JSON Web Token: three Base64url parts, the first of which begins with '{"'. Returns its length or 0. */
static size_t jwt_len(struct rn_bytes text, size_t at)
{
    static const size_t least[3] = {RN_SHAPE_BYTES_MIN, 12, 16};
    size_t end = at;
    for (size_t part = 0; part < 3; part++) {
        size_t len = token_len(text, end);
        end += len;
        bool dot = end < text.len && text.data[end] == '.';
        if (len < least[part] || (part < 2 && !dot)) {
            return 0;
        }
        end += part < 2;
    }
    return end - at <= RN_FOUND_BYTES_MAX ? end - at : 0;
}

/* The length of the shape that begins at `at`, or 0. */
static size_t shape_len(struct rn_bytes text, size_t at)
{
    struct rn_bytes rest = rn_bytes_from(text, at);
    uint8_t first = rest.data[0];
    if (first == 'e' && rn_bytes_starts_with(rest, RN_LIT("eyJ"))) {
        return jwt_len(text, at);
    }
    for (size_t i = 0; i < SHAPE_COUNT; i++) {
        const struct shape *shape = &shapes[i];
        size_t prefix = shape->prefix.len;
        if (shape->prefix.data[0] != first || rest.len < prefix + shape->min ||
            memcmp(rest.data, shape->prefix.data, prefix) != 0) {
            continue;
        }
        size_t tail = tail_len(text, at + prefix, shape);
        if (tail >= shape->min && tail <= shape->max &&
            looks_random(rn_bytes_sub(rest, prefix, tail))) {
            return prefix + tail;
        }
    }
    return 0;
}

#define THREE(a, b, c) ((uint32_t)(a) << 16 | (uint32_t)(b) << 8 | (uint32_t)(c))

/* The first three bytes of every prefix. A test holds this against the table. */
bool rn_shape_may_begin(struct rn_bytes text, size_t at)
{
    if (text.len - at < 3) {
        return false;
    }
    const uint8_t *byte = text.data + at;
    switch (THREE(byte[0], byte[1], byte[2])) {
    case THREE('A', 'B', 'S'):
    case THREE('A', 'I', 'z'):
    case THREE('A', 'K', 'I'):
    case THREE('A', 'S', 'I'):
    case THREE('c', 's', 'k'):
    case THREE('d', 'o', 'p'):
    case THREE('e', 'y', 'J'):
    case THREE('f', 'w', '_'):
    case THREE('g', 'h', 'o'):
    case THREE('g', 'h', 'p'):
    case THREE('g', 'h', 'r'):
    case THREE('g', 'h', 's'):
    case THREE('g', 'h', 'u'):
    case THREE('g', 'i', 't'):
    case THREE('g', 'l', 'p'):
    case THREE('g', 's', 'k'):
    case THREE('h', 'f', '_'):
    case THREE('j', 'i', 'n'):
    case THREE('l', 's', 'v'):
    case THREE('n', 'p', 'm'):
    case THREE('n', 'v', 'a'):
    case THREE('p', 'a', '-'):
    case THREE('p', 'c', 's'):
    case THREE('p', 'p', 'l'):
    case THREE('r', '8', '_'):
    case THREE('r', 'k', '_'):
    case THREE('s', 'k', '-'):
    case THREE('s', 'k', '_'):
    case THREE('t', 'g', 'p'):
    case THREE('t', 'v', 'l'):
    case THREE('x', 'a', 'i'):
    case THREE('x', 'o', 'x'):
        return true;
    default:
        return false;
    }
}

/* --- runs ---------------------------------------------------------------------------------------------------------- */

/* Where a word begins in the run at `begin`: behind the rest of an escape (\n, \u0020, %20) or of a colour (ESC[32m). */
static size_t behind_escape(struct rn_bytes text, size_t begin, size_t end)
{
    uint8_t before = begin > 0 ? text.data[begin - 1] : ' ';
    size_t skip = 0;
    if (before == '\\') {
        skip = text.data[begin] == 'u' ? 5 : 1;
    } else if (before == '%') {
        skip = 2;
    } else if (before == '[' || before == ';') {
        while (begin + skip < end && skip < 4 && is_digit(text.data[begin + skip])) {
            skip++;
        }
        skip = begin + skip < end && text.data[begin + skip] == 'm' ? skip + 1 : 0;
    }
    return begin + skip < end ? begin + skip : begin;
}

/* A shape at `at`, unless one before reaches to `done`. Returns how far shapes reach now. */
static size_t try_shape(struct rn_scan *scan, size_t at, size_t done)
{
    size_t len = at >= done && rn_shape_may_begin(scan->text, at) ? shape_len(scan->text, at) : 0;
    /* "sk-" before a placeholder was no key before the placeholder was written. */
    if (len > 0 &&
        rn_bytes_find(rn_bytes_sub(scan->text, at, len), RN_LIT(RN_PLACEHOLDER)) == RN_NPOS) {
        rn_scan_found(scan, at, at + len, RN_SECRET_SHAPE);
        return at + len;
    }
    return done;
}

void rn_shapes_at_run(struct rn_scan *scan, size_t at)
{
    struct rn_bytes text = scan->text;
    size_t begin = at;
    size_t end = at;
    uint8_t kinds = 0;
    while (begin > scan->run_end && rn_is_token_byte(text.data[begin - 1])) {
        kinds |= rn_token_bytes[text.data[--begin]];
    }
    while (end < text.len && rn_is_token_byte(text.data[end])) {
        kinds |= rn_token_bytes[text.data[end++]];
    }
    scan->run_end = end;
    if (end - begin < RN_SHAPE_BYTES_MIN) {
        return;
    }
    size_t second = behind_escape(text, begin, end);
    size_t done = try_shape(scan, begin, begin);
    done = try_shape(scan, second, done);
    /* Most long runs are Base64 and have no border inside. */
    for (size_t i = begin + 1; i < end && (kinds & RN_TOKEN_BORDER) != 0; i++) {
        uint8_t before = text.data[i - 1];
        if (before == '-' || before == '_') {
            done = try_shape(scan, i, done);
        }
    }
}

/* --- private keys -------------------------------------------------------------------------------------------------- */

#define LABEL_BYTES_MAX 48u

/* "RSA PRIVATE KEY" of "-----BEGIN RSA PRIVATE KEY-----" (RFC 7468, 3): capitals, digits and blanks from `at` on. */
static struct rn_bytes label_at(struct rn_bytes text, size_t at)
{
    size_t end = at;
    while (end < text.len && end - at < LABEL_BYTES_MAX &&
           (is_in(UPPER, text.data[end]) || text.data[end] == ' ')) {
        end++;
    }
    return rn_bytes_sub(text, at, end - at);
}

/* Where the block that begins with this label ends, or RN_NPOS. */
static size_t block_end(struct rn_bytes rest, size_t at, struct rn_bytes label)
{
    static const struct rn_bytes mark = TEXT("-----END ");
    size_t next;
    while ((next = rn_bytes_find(rn_bytes_from(rest, at), mark)) != RN_NPOS) {
        at += next + mark.len;
        if (rn_bytes_starts_with(rn_bytes_from(rest, at), label) &&
            rn_bytes_starts_with(rn_bytes_from(rest, at + label.len), RN_LIT("-----"))) {
            return at + label.len + 5;
        }
    }
    return RN_NPOS;
}

/* How far Base64 and line ends (escaped or not) go on from `at`. */
static size_t cut_block_end(struct rn_bytes rest, size_t at)
{
    while (at < rest.len && (is_in(BASE64, rest.data[at]) || rest.data[at] == '\r' ||
                             rest.data[at] == '\n' || rest.data[at] == '\\')) {
        at++;
    }
    return at;
}

void rn_shapes_at_pem(struct rn_scan *scan, size_t at)
{
    const size_t begin_len = 11; /* "-----BEGIN " */
    struct rn_bytes rest = rn_bytes_sub(scan->text, at, RN_FOUND_BYTES_MAX);
    bool whole = rest.len == RN_FOUND_BYTES_MAX || scan->final;
    struct rn_bytes label = label_at(rest, begin_len);
    struct rn_bytes dashes = rn_bytes_sub(rest, begin_len + label.len, 5);
    if (!whole && begin_len + label.len + dashes.len == rest.len) {
        rn_scan_open(scan, at); /* the label may be cut */
        return;
    }
    if (!rn_bytes_equal(dashes, RN_LIT("-----")) ||
        rn_bytes_find(label, RN_LIT("PRIVATE KEY")) == RN_NPOS) {
        return;
    }
    size_t end = block_end(rest, begin_len + label.len, label);
    if (end != RN_NPOS) {
        rn_scan_found(scan, at, at + end, RN_SECRET_SHAPE);
    } else if (!whole) {
        rn_scan_open(scan, at);
    } else if (rest.len < RN_FOUND_BYTES_MAX) {
        /* Cut off by the end, but still a key. */
        end = cut_block_end(rest, begin_len + label.len + dashes.len);
        rn_scan_found(scan, at, at + end, RN_SECRET_SHAPE);
    }
}
