/* libcrypto's digests and zlib's CRC behind our own names. The one file of base that speaks to either. */
#include "digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "memory.h"
#include "reserve.h"

struct rn_sha256 {
    EVP_MD_CTX *context;
    struct rn_sha256 *next; /* among the spare ones */
};

#define SPARE_MAX 64u
/* A recorder works with two keys in turn: the secret of a trace and the user's. Setting a key costs two thirds of a MAC. */
#define MACS 2u

/*
 * HMAC (RFC 2104) from two digests that have its key behind them already. Copying those is a quarter cheaper than EVP_MAC, which
 * copies the same two and more.
 */
#define HMAC_BLOCK_BYTES 64u
struct mac {
    EVP_MD_CTX *inner;
    EVP_MD_CTX *outer;
    uint8_t key[HMAC_BLOCK_BYTES]; /* its key, which need not be set again */
    size_t key_len;                /* SIZE_MAX: none */
};

/*
 * What one thread keeps, so that a digest costs its rounds and not its set-up: looking SHA-256 up by name and allocating a
 * context cost several times as much as hashing a short field.
 */
struct scratch {
    EVP_MD_CTX *digest;
    struct mac mac[MACS];    /* the one used last comes first */
    struct rn_sha256 *spare; /* running hashes that ended, ready to begin again */
    unsigned spare_count;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t scratch_key;
static EVP_MD *sha256;

static void hash_free(struct rn_sha256 *hash)
{
    EVP_MD_CTX_free(hash->context);
    rn_free(hash);
}

static void scratch_free(void *block)
{
    struct scratch *scratch = block;
    if (scratch != NULL) {
        while (scratch->spare != NULL) {
            struct rn_sha256 *next = scratch->spare->next;
            hash_free(scratch->spare);
            scratch->spare = next;
        }
        EVP_MD_CTX_free(scratch->digest);
        for (size_t i = 0; i < MACS; i++) {
            EVP_MD_CTX_free(scratch->mac[i].inner);
            EVP_MD_CTX_free(scratch->mac[i].outer);
        }
        rn_free(scratch);
    }
}

/* The main thread runs no destructors when it returns from main. */
static void free_at_exit(void)
{
    scratch_free(pthread_getspecific(scratch_key));
    (void)pthread_setspecific(scratch_key, NULL);
    EVP_MD_free(sha256);
    sha256 = NULL;
}

/* --- libcrypto's memory ------------------------------------------------------------------------ */

/* Its beginning takes about a third of this; the rest is for connections whose handshake is under way. */
static _Alignas(16) uint8_t reserved[(size_t)4 * 1024 * 1024];
static struct rn_reserve reserve = RN_RESERVE_OVER(reserved, 16384);

static void *crypto_alloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return size == 0 ? NULL : rn_reserve_alloc(&reserve, size);
}

static void crypto_free(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    rn_reserve_free(&reserve, block);
}

static void *crypto_realloc(void *block, size_t size, const char *file, int line)
{
    if (size == 0) {
        crypto_free(block, file, line);
        return NULL;
    }
    return rn_reserve_realloc(&reserve, block, size);
}

void rn_digest_serve(void)
{
    /* Refused once libcrypto has allocated anything; then it goes on with what it has. */
    (void)CRYPTO_set_mem_functions(crypto_alloc, crypto_realloc, crypto_free);
}

/* --- what a thread keeps -------------------------------------------------------------------------------------------- */

static void prepare(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    (void)pthread_key_create(&scratch_key, scratch_free);
    (void)atexit(free_at_exit);
}

static struct scratch *scratch_get(void)
{
    (void)pthread_once(&once, prepare);
    struct scratch *scratch = pthread_getspecific(scratch_key);
    if (scratch != NULL || sha256 == NULL) {
        return sha256 == NULL ? NULL : scratch;
    }
    scratch = rn_calloc(1, sizeof *scratch);
    if (scratch == NULL) {
        return NULL;
    }
    scratch->digest = EVP_MD_CTX_new();
    bool good = scratch->digest != NULL;
    for (size_t i = 0; i < MACS; i++) {
        scratch->mac[i] =
            (struct mac){.inner = EVP_MD_CTX_new(), .outer = EVP_MD_CTX_new(), .key_len = SIZE_MAX};
        good = good && scratch->mac[i].inner != NULL && scratch->mac[i].outer != NULL;
    }
    if (!good || pthread_setspecific(scratch_key, scratch) != 0) {
        scratch_free(scratch);
        return NULL;
    }
    return scratch;
}

static struct rn_sha256 *hash_new(struct scratch *scratch)
{
    struct rn_sha256 *hash = scratch->spare;
    if (hash != NULL) {
        scratch->spare = hash->next;
        scratch->spare_count--;
        return hash;
    }
    hash = rn_calloc(1, sizeof *hash);
    if (hash != NULL && (hash->context = EVP_MD_CTX_new()) == NULL) {
        rn_free(hash);
        hash = NULL;
    }
    return hash;
}

struct rn_sha256 *rn_sha256_begin(void)
{
    struct scratch *scratch = scratch_get();
    struct rn_sha256 *hash = scratch == NULL ? NULL : hash_new(scratch);
    if (hash != NULL && EVP_DigestInit_ex2(hash->context, sha256, NULL) != 1) {
        hash_free(hash);
        hash = NULL;
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
    struct scratch *scratch = hash == NULL ? NULL : scratch_get();
    if (scratch != NULL && scratch->spare_count < SPARE_MAX) {
        hash->next = scratch->spare;
        scratch->spare = hash;
        scratch->spare_count++;
    } else if (hash != NULL) {
        hash_free(hash);
    }
}

bool rn_sha256_of(const struct rn_bytes *runs, size_t count, uint8_t out[RN_SHA256_BYTES])
{
    struct scratch *scratch = scratch_get();
    bool good = scratch != NULL && EVP_DigestInit_ex2(scratch->digest, sha256, NULL) == 1;
    for (size_t i = 0; good && i < count; i++) {
        good =
            runs[i].len == 0 || EVP_DigestUpdate(scratch->digest, runs[i].data, runs[i].len) == 1;
    }
    return good && EVP_DigestFinal_ex(scratch->digest, out, NULL) == 1;
}

static bool has_key(const struct mac *mac, struct rn_bytes key)
{
    return key.len == mac->key_len && key.len > 0 && memcmp(key.data, mac->key, key.len) == 0;
}

/* Brings the MAC of that key to the front, else the one that waited longest. */
static struct mac *mac_of(struct scratch *scratch, struct rn_bytes key)
{
    size_t at = 0;
    while (at + 1 < MACS && !has_key(&scratch->mac[at], key)) {
        at++;
    }
    struct mac found = scratch->mac[at];
    memmove(scratch->mac + 1, scratch->mac, at * sizeof found);
    scratch->mac[0] = found;
    return &scratch->mac[0];
}

/* A digest with one block behind it: the key, each byte turned by `pad`. */
static bool pad_begin(EVP_MD_CTX *digest, const uint8_t key[HMAC_BLOCK_BYTES], uint8_t pad)
{
    uint8_t block[HMAC_BLOCK_BYTES];
    for (size_t i = 0; i < sizeof block; i++) {
        block[i] = key[i] ^ pad;
    }
    return EVP_DigestInit_ex2(digest, sha256, NULL) == 1 &&
           EVP_DigestUpdate(digest, block, sizeof block) == 1;
}

/* Gives it the key, unless it has it already. Longer keys than a block stand for their hash. */
static bool mac_begin(struct mac *mac, struct rn_bytes key)
{
    uint8_t block[HMAC_BLOCK_BYTES] = {0};
    if (has_key(mac, key)) {
        return true;
    }
    mac->key_len = SIZE_MAX;
    if (key.len > sizeof block) {
        if (!rn_sha256_of(&key, 1, block)) {
            return false;
        }
    } else if (key.len > 0) {
        memcpy(block, key.data, key.len);
    }
    if (!pad_begin(mac->inner, block, 0x36) || !pad_begin(mac->outer, block, 0x5c)) {
        return false;
    }
    if (key.len > 0 && key.len <= sizeof mac->key) {
        memcpy(mac->key, key.data, key.len);
        mac->key_len = key.len;
    }
    return true;
}

/* What `begun` has behind it, then `bytes`. */
static bool digest_on(EVP_MD_CTX *digest, const EVP_MD_CTX *begun, struct rn_bytes bytes,
                      uint8_t out[RN_SHA256_BYTES])
{
    return EVP_MD_CTX_copy_ex(digest, begun) == 1 &&
           (bytes.len == 0 || EVP_DigestUpdate(digest, bytes.data, bytes.len) == 1) &&
           EVP_DigestFinal_ex(digest, out, NULL) == 1;
}

bool rn_hmac_sha256(struct rn_bytes key, struct rn_bytes message, uint8_t out[RN_SHA256_BYTES])
{
    struct scratch *scratch = scratch_get();
    struct mac *mac = scratch == NULL ? NULL : mac_of(scratch, key);
    uint8_t inner[RN_SHA256_BYTES];
    return mac != NULL && mac_begin(mac, key) &&
           digest_on(scratch->digest, mac->inner, message, inner) &&
           digest_on(scratch->digest, mac->outer, rn_bytes_of(inner, sizeof inner), out);
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
