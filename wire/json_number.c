/*
 * The exact decimal value of a JSON number, read from its text and never through a double.
 *
 * 1.0, 1 and 10e-1 are one value; 9007199254740993 and 9007199254740992 are two. Exponents of more than 17 digits take
 * no part in arithmetic: such numbers are equal only when written the same, which never equates two different values.
 */
#include "json_parts.h"

#define EXPONENT_DIGITS_MAX 17

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* Reads the digits behind 'e'; false when there are too many of them. */
static bool read_exponent(struct rn_bytes text, int64_t *out)
{
    bool negative = text.len > 0 && text.data[0] == '-';
    size_t at = text.len > 0 && !is_digit(text.data[0]) ? 1 : 0;
    while (at < text.len && text.data[at] == '0') {
        at++;
    }
    if (text.len - at > EXPONENT_DIGITS_MAX) {
        return false;
    }
    int64_t value = 0;
    for (; at < text.len; at++) {
        value = value * 10 + (text.data[at] - '0');
    }
    *out = negative ? -value : value;
    return true;
}

static size_t mantissa_end(struct rn_bytes number)
{
    size_t at = 0;
    while (at < number.len && number.data[at] != 'e' && number.data[at] != 'E') {
        at++;
    }
    return at;
}

/* The significant digits with a '.' among them at most; empty for zero. */
static struct rn_bytes significant(struct rn_bytes mantissa)
{
    size_t begin = 0;
    size_t end = mantissa.len;
    while (begin < end && (mantissa.data[begin] < '1' || mantissa.data[begin] > '9')) {
        begin++;
    }
    while (end > begin && (mantissa.data[end - 1] == '0' || mantissa.data[end - 1] == '.')) {
        end--;
    }
    return rn_bytes_sub(mantissa, begin, end - begin);
}

/* How many places the decimal point stands behind the first significant digit; negative when before it. */
static int64_t point_shift(struct rn_bytes mantissa, struct rn_bytes digits)
{
    size_t point = rn_bytes_find_byte(mantissa, '.');
    size_t first = (size_t)(digits.data - mantissa.data);
    if (point == RN_NPOS) {
        return (int64_t)(mantissa.len - first);
    }
    return point > first ? (int64_t)(point - first) : -(int64_t)(first - point - 1);
}

struct rn_json_decimal rn_json_decimal_of(struct rn_bytes number)
{
    struct rn_json_decimal out = {0};
    struct rn_bytes mantissa = rn_bytes_sub(number, 0, mantissa_end(number));
    struct rn_bytes digits = significant(mantissa);
    if (digits.len == 0) {
        return out;
    }
    if (!read_exponent(rn_bytes_from(number, mantissa.len + 1), &out.exponent)) {
        return (struct rn_json_decimal){.digits = number, .as_written = true};
    }
    out.negative = number.data[0] == '-';
    out.digits = digits;
    out.exponent += point_shift(mantissa, digits);
    return out;
}

static bool same_digits(struct rn_bytes a, struct rn_bytes b)
{
    size_t i = 0;
    size_t j = 0;
    for (;;) {
        i += i < a.len && a.data[i] == '.';
        j += j < b.len && b.data[j] == '.';
        if (i == a.len || j == b.len) {
            return i == a.len && j == b.len;
        }
        if (a.data[i++] != b.data[j++]) {
            return false;
        }
    }
}

bool rn_json_decimal_equal(struct rn_json_decimal a, struct rn_json_decimal b)
{
    if (a.as_written || b.as_written) {
        return a.as_written && b.as_written && rn_bytes_equal(a.digits, b.digits);
    }
    return a.negative == b.negative && a.exponent == b.exponent && same_digits(a.digits, b.digits);
}
