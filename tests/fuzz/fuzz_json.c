/*
 * JSON from strangers. Tokenizer and parser must agree, a value equals itself (unless a key stands twice), its digest says
 * the same as its equality, and quoting what was unescaped gives the same text. The input may hold two documents, parted
 * by a zero byte, which are then compared.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
    if (!good) {
        abort();
    }
}

static bool tokenizes(struct rn_bytes in)
{
    struct rn_json_reader reader;
    enum rn_json_token token;
    size_t at = 0;
    rn_json_begin(&reader, in);
    do {
        struct rn_bytes text;
        token = rn_json_next(&reader, &text);
        require(reader.at >= at && reader.at <= in.len);
        require(token == RN_JSON_FAULT || token == RN_JSON_END || text.len > 0);
        at = reader.at;
    } while (token != RN_JSON_END && token != RN_JSON_FAULT);
    require(token == RN_JSON_END || reader.fault != NULL);
    return token == RN_JSON_END;
}

/* Invalid UTF-8 (the form of lone surrogates) is not quoted as it stands. */
static void check_text(const struct rn_json *value)
{
    struct rn_buffer text = {0};
    struct rn_buffer quoted = {0};
    struct rn_buffer back = {0};
    require(rn_json_unescape(value->raw, &text) == RN_OK);
    require(rn_json_quote(rn_buffer_bytes(&text), &quoted) == RN_OK);
    require(tokenizes(rn_buffer_bytes(&quoted)));
    require(rn_json_unescape(rn_buffer_bytes(&quoted), &back) == RN_OK);
    require(rn_bytes_equal(rn_buffer_bytes(&text), rn_buffer_bytes(&back)) ||
            rn_bytes_find(rn_buffer_bytes(&back), RN_LIT("\xef\xbf\xbd")) != RN_NPOS);
    rn_buffer_free(&text);
    rn_buffer_free(&quoted);
    rn_buffer_free(&back);
}

static void check_tree(const struct rn_json *value)
{
    size_t count = 0;
    if (value->kind == RN_JSON_STRING) {
        check_text(value);
    }
    for (const struct rn_json *child = value->child; child != NULL; child = child->next) {
        require(child->raw.data >= value->raw.data);
        require(child->raw.data + child->raw.len <= value->raw.data + value->raw.len);
        check_tree(child);
        count++;
    }
    require(count == value->count);
}

static void compare(const struct rn_json *a, const struct rn_json *b)
{
    uint8_t digest_a[RN_SHA256_BYTES];
    uint8_t digest_b[RN_SHA256_BYTES];
    struct rn_buffer pointer = {0};
    const struct rn_json *in_a;
    const struct rn_json *in_b;
    bool equal = rn_json_equal(a, b);
    require(equal == rn_json_equal(b, a));
    require(equal == !rn_json_difference(a, b, &pointer, &in_a, &in_b));
    require(equal || in_a != NULL || in_b != NULL);
    require(rn_json_digest(a, digest_a) == !a->duplicated);
    require(rn_json_digest(b, digest_b) == !b->duplicated);
    if (!a->duplicated && !b->duplicated) {
        require(equal == (memcmp(digest_a, digest_b, sizeof digest_a) == 0));
    }
    if (!equal && rn_bytes_find_byte(rn_buffer_bytes(&pointer), 0) == RN_NPOS) {
        require(rn_buffer_add_byte(&pointer, 0) == RN_OK);
        /* Of duplicates the pointer finds the first, which need not be the one that differs. */
        require(a->duplicated || rn_json_at(a, (const char *)pointer.data) == in_a);
        require(b->duplicated || rn_json_at(b, (const char *)pointer.data) == in_b);
    }
    rn_buffer_free(&pointer);
}

static struct rn_json *parse(struct rn_arena *arena, struct rn_bytes in)
{
    struct rn_json *root = NULL;
    size_t duplicates = 0;
    struct rn_error error;
    enum rn_status status = rn_json_parse(arena, in, &root, &duplicates, &error);
    require((status == RN_OK) == tokenizes(in));
    if (status != RN_OK) {
        return NULL;
    }
    require(root->duplicated == (duplicates > 0));
    require(rn_json_equal(root, root) == !root->duplicated);
    check_tree(root);
    return root;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_arena arena = {0};
    struct rn_bytes in = rn_bytes_of(data, size);
    size_t border = rn_bytes_find_byte(in, 0);
    const struct rn_json *a = parse(&arena, rn_bytes_sub(in, 0, border));
    const struct rn_json *b = border == RN_NPOS ? a : parse(&arena, rn_bytes_from(in, border + 1));
    if (a != NULL && b != NULL) {
        compare(a, b);
    }
    rn_arena_free(&arena);
    return 0;
}
