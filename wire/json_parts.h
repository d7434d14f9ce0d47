/*
 * What the files of JSON reading share among themselves: one value, one code point, one number. Nobody else includes this.
 */
#ifndef RN_WIRE_JSON_PARTS_H
#define RN_WIRE_JSON_PARTS_H

#include "json.h"

/* Reads on to the end of the value that `token`, the last one given, begins; false at a fault. */
bool rn_json_skip(struct rn_json_reader *reader, enum rn_json_token token);

/* The length of the UTF-8 sequence at `at` (which lies inside `in`), or 0 when it is none (RFC 3629). */
size_t rn_json_utf8_len(struct rn_bytes in, size_t at);

/* Whether the literal holds an escape, so that its text is not just what stands between the quotes. */
bool rn_json_has_escape(struct rn_bytes literal);
/* What stands between the quotes, lent. */
struct rn_bytes rn_json_inner(struct rn_bytes literal);
/* Writes the unescaped text to `out`, which holds literal.len bytes; returns its length. */
size_t rn_json_unescape_to(struct rn_bytes literal, uint8_t *out);
/* Whether two valid literals mean the same text. No allocation. */
bool rn_json_same_text(struct rn_bytes a, struct rn_bytes b);

/*
 * A number by its value: 0.DIGITS * 10^exponent, where DIGITS neither begins nor ends with '0'. `digits` is lent from
 * the text and may hold one '.', which is to be skipped. Zero has no digits, no sign and exponent 0.
 */
struct rn_json_decimal {
    bool negative;
    struct rn_bytes digits;
    int64_t exponent;
    /* The exponent is too long for arithmetic: then `digits` is the whole number as written. */
    bool as_written;
};
struct rn_json_decimal rn_json_decimal_of(struct rn_bytes number);
bool rn_json_decimal_equal(struct rn_json_decimal a, struct rn_json_decimal b);

/* Binary search by unescaped key; the first of duplicates, or NULL. */
const struct rn_json *rn_json_find(const struct rn_json *object, struct rn_bytes name);

#endif
