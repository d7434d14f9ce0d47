/*
 * A digest over the meaning of a JSON value: equal exactly when rn_json_equal holds.
 *
 * Hashed is a canonical form: a letter for the kind, lengths and counts as eight little-endian bytes, members sorted by
 * unescaped key, strings unescaped, numbers as sign, exponent and significant digits.
 */
#include "json_parts.h"

#include <string.h>

/* Small pieces are gathered here first: one call of the hash per few bytes would cost more than the hashing. */
struct gatherer {
    struct rn_sha256 *hash;
    size_t used;
    uint8_t space[4096];
};

static void flush(struct gatherer *gatherer)
{
    rn_sha256_add(gatherer->hash, rn_bytes_of(gatherer->space, gatherer->used));
    gatherer->used = 0;
}

static void put(struct gatherer *gatherer, struct rn_bytes bytes)
{
    if (bytes.len > sizeof gatherer->space - gatherer->used) {
        flush(gatherer);
    }
    if (bytes.len > sizeof gatherer->space) {
        rn_sha256_add(gatherer->hash, bytes);
    } else if (bytes.len > 0) {
        memcpy(gatherer->space + gatherer->used, bytes.data, bytes.len);
        gatherer->used += bytes.len;
    }
}

static void put_letter(struct gatherer *gatherer, char letter)
{
    put(gatherer, rn_bytes_of(&letter, 1));
}

static void put_number(struct gatherer *gatherer, uint64_t number)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
    put(gatherer, rn_bytes_of(bytes, sizeof bytes));
}

static void put_text(struct gatherer *gatherer, struct rn_bytes text)
{
    put_number(gatherer, text.len);
    put(gatherer, text);
}

static void put_decimal(struct gatherer *gatherer, struct rn_json_decimal decimal)
{
    put_letter(gatherer, decimal.as_written ? 'w' : decimal.negative ? '-' : '+');
    put_number(gatherer, (uint64_t)decimal.exponent);
    size_t point = decimal.as_written ? RN_NPOS : rn_bytes_find_byte(decimal.digits, '.');
    if (point == RN_NPOS) {
        put_text(gatherer, decimal.digits);
        return;
    }
    put_number(gatherer, decimal.digits.len - 1);
    put(gatherer, rn_bytes_sub(decimal.digits, 0, point));
    put(gatherer, rn_bytes_from(decimal.digits, point + 1));
}

/* False when memory for unescaping ran out. */
static bool put_string(struct gatherer *gatherer, struct rn_bytes literal)
{
    if (!rn_json_has_escape(literal)) {
        put_text(gatherer, rn_json_inner(literal));
        return true;
    }
    struct rn_buffer text = {0};
    bool good = rn_json_unescape(literal, &text) == RN_OK;
    if (good) {
        put_text(gatherer, rn_buffer_bytes(&text));
    }
    rn_buffer_free(&text);
    return good;
}

static bool put_value(struct gatherer *gatherer, const struct rn_json *value)
{
    bool good = true;
    switch (value->kind) {
    case RN_JSON_OBJECT_BEGIN:
        put_letter(gatherer, 'o');
        put_number(gatherer, value->count);
        for (size_t i = 0; good && i < value->count; i++) {
            put_text(gatherer, value->sorted[i]->name);
            good = put_value(gatherer, value->sorted[i]);
        }
        return good;
    case RN_JSON_ARRAY_BEGIN:
        put_letter(gatherer, 'a');
        put_number(gatherer, value->count);
        for (const struct rn_json *child = value->child; good && child != NULL;
             child = child->next) {
            good = put_value(gatherer, child);
        }
        return good;
    case RN_JSON_STRING:
        put_letter(gatherer, 's');
        return put_string(gatherer, value->raw);
    case RN_JSON_NUMBER:
        put_letter(gatherer, 'd');
        put_decimal(gatherer, rn_json_decimal_of(value->raw));
        return true;
    default:
        put_letter(gatherer, value->kind == RN_JSON_TRUE    ? 't'
                             : value->kind == RN_JSON_FALSE ? 'f'
                                                            : 'n');
        return true;
    }
}

bool rn_json_digest(const struct rn_json *value, uint8_t out[RN_SHA256_BYTES])
{
    struct gatherer gatherer;
    if (value->duplicated) {
        return false;
    }
    gatherer.used = 0;
    gatherer.hash = rn_sha256_begin();
    if (gatherer.hash == NULL) {
        return false;
    }
    if (!put_value(&gatherer, value)) {
        rn_sha256_drop(gatherer.hash);
        return false;
    }
    flush(&gatherer);
    rn_sha256_end(gatherer.hash, out);
    return true;
}
