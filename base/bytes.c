/* Comparing and searching borrowed bytes. No allocation, no locale. */
#include "bytes.h"

#include <string.h>

struct rn_bytes rn_bytes_of(const void *data, size_t len)
{
    return (struct rn_bytes){data, len};
}

struct rn_bytes rn_bytes_text(const char *text)
{
    return (struct rn_bytes){(const uint8_t *)text, text == NULL ? 0 : strlen(text)};
}

struct rn_bytes rn_bytes_sub(struct rn_bytes bytes, size_t offset, size_t len)
{
    if (offset >= bytes.len) {
        return (struct rn_bytes){NULL, 0};
    }
    size_t rest = bytes.len - offset;
    return (struct rn_bytes){bytes.data + offset, len < rest ? len : rest};
}

struct rn_bytes rn_bytes_from(struct rn_bytes bytes, size_t offset)
{
    return rn_bytes_sub(bytes, offset, RN_NPOS);
}

bool rn_bytes_equal(struct rn_bytes a, struct rn_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

uint8_t rn_byte_lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

bool rn_bytes_equal_nocase(struct rn_bytes a, struct rn_bytes b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (rn_byte_lower(a.data[i]) != rn_byte_lower(b.data[i])) {
            return false;
        }
    }
    return true;
}

int rn_bytes_compare(struct rn_bytes a, struct rn_bytes b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared == 0 ? 0 : memcmp(a.data, b.data, shared);
    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

bool rn_bytes_starts_with(struct rn_bytes bytes, struct rn_bytes prefix)
{
    return bytes.len >= prefix.len && rn_bytes_equal(rn_bytes_sub(bytes, 0, prefix.len), prefix);
}

bool rn_bytes_ends_with(struct rn_bytes bytes, struct rn_bytes suffix)
{
    return bytes.len >= suffix.len &&
           rn_bytes_equal(rn_bytes_from(bytes, bytes.len - suffix.len), suffix);
}

size_t rn_bytes_find(struct rn_bytes bytes, struct rn_bytes needle)
{
    if (needle.len == 0) {
        return 0;
    }
    if (bytes.len < needle.len) {
        return RN_NPOS;
    }
    const uint8_t *at = memmem(bytes.data, bytes.len, needle.data, needle.len);
    return at == NULL ? RN_NPOS : (size_t)(at - bytes.data);
}

size_t rn_bytes_find_nocase(struct rn_bytes bytes, struct rn_bytes needle)
{
    uint8_t first = needle.len == 0 ? 0 : rn_byte_lower(needle.data[0]);
    for (size_t i = 0; i + needle.len <= bytes.len; i++) {
        if (needle.len > 0 && rn_byte_lower(bytes.data[i]) != first) {
            continue; /* nearly always: whether anything begins here is settled without a call */
        }
        if (rn_bytes_equal_nocase(rn_bytes_sub(bytes, i, needle.len), needle)) {
            return i;
        }
    }
    return RN_NPOS;
}

size_t rn_bytes_find_byte(struct rn_bytes bytes, uint8_t byte)
{
    const uint8_t *at = bytes.len == 0 ? NULL : memchr(bytes.data, byte, bytes.len);
    return at == NULL ? RN_NPOS : (size_t)(at - bytes.data);
}

struct rn_bytes rn_bytes_trim(struct rn_bytes bytes)
{
    while (bytes.len > 0 && (bytes.data[0] == ' ' || bytes.data[0] == '\t')) {
        bytes.data++;
        bytes.len--;
    }
    while (bytes.len > 0 &&
           (bytes.data[bytes.len - 1] == ' ' || bytes.data[bytes.len - 1] == '\t')) {
        bytes.len--;
    }
    return bytes;
}

bool rn_bytes_to_u64(struct rn_bytes bytes, uint64_t *out)
{
    uint64_t value = 0;
    if (bytes.len == 0) {
        return false;
    }
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t byte = bytes.data[i];
        if (byte < '0' || byte > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(byte - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}
