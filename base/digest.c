/* libcrypto's digests and zlib's CRC behind our own names. The one file of base that speaks to either. */
#include "digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <zlib.h>

#include "memory.h"

struct rn_sha256 {
    EVP_MD_CTX *context;
};

struct rn_sha256 *rn_sha256_begin(void)
{
    struct rn_sha256 *hash = rn_alloc(sizeof *hash);
    if (hash == NULL) {
        return NULL;
    }
    hash->context = EVP_MD_CTX_new();
    if (hash->context == NULL || EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL) != 1) {
        rn_sha256_drop(hash);
        return NULL;
    }
    return hash;
}

void rn_sha256_add(struct rn_sha256 *hash, struct rn_bytes bytes)
{
    if (bytes.len > 0) {
        (void)EVP_DigestUpdate(hash->context, bytes.data, bytes.len);
    }
}

void rn_sha256_end(struct rn_sha256 *hash, uint8_t out[RN_SHA256_BYTES])
{
    (void)EVP_DigestFinal_ex(hash->context, out, NULL);
    rn_sha256_drop(hash);
}

void rn_sha256_drop(struct rn_sha256 *hash)
{
    if (hash != NULL) {
        EVP_MD_CTX_free(hash->context);
        rn_free(hash);
    }
}

bool rn_sha256_of(const struct rn_bytes *runs, size_t count, uint8_t out[RN_SHA256_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; good && i < count; i++) {
        good = runs[i].len == 0 || EVP_DigestUpdate(context, runs[i].data, runs[i].len) == 1;
    }
    good = good && EVP_DigestFinal_ex(context, out, NULL) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

bool rn_hmac_sha256(struct rn_bytes key, struct rn_bytes message, uint8_t out[RN_SHA256_BYTES])
{
    static const uint8_t nothing[1];
    unsigned int len = RN_SHA256_BYTES;
    return HMAC(EVP_sha256(), key.len == 0 ? nothing : key.data, (int)key.len,
                message.len == 0 ? nothing : message.data, message.len, out, &len) != NULL;
}

uint32_t rn_crc32(uint32_t crc, struct rn_bytes bytes)
{
    return bytes.len == 0 ? crc : (uint32_t)crc32_z(crc, bytes.data, bytes.len);
}

void rn_hex(struct rn_bytes bytes, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        out[2 * i] = digits[bytes.data[i] >> 4];
        out[2 * i + 1] = digits[bytes.data[i] & 15];
    }
    out[2 * bytes.len] = '\0';
}

static int hex_value(uint8_t byte)
{
    uint8_t low = rn_byte_lower(byte);
    if (low >= '0' && low <= '9') {
        return low - '0';
    }
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

bool rn_unhex(struct rn_bytes text, uint8_t *out, size_t len)
{
    if (text.len != 2 * len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        int high = hex_value(text.data[2 * i]);
        int low = hex_value(text.data[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
