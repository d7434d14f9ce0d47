/* libcrypto's digests and zlib's CRC behind our own names. The one file of base that speaks to either. */
#include "digest.h"

#include <openssl/core_names.h>
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

struct mac {
    EVP_MAC_CTX *context;
    uint8_t key[64]; /* its key, which need not be set again */
    size_t key_len;  /* SIZE_MAX: none */
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
static EVP_MAC *hmac;

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
            EVP_MAC_CTX_free(scratch->mac[i].context);
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
    EVP_MAC_free(hmac);
    sha256 = NULL;
    hmac = NULL;
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
    hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    (void)pthread_key_create(&scratch_key, scratch_free);
    (void)atexit(free_at_exit);
}

static EVP_MAC_CTX *mac_new(void)
{
    static char name[] = "SHA256";
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                               OSSL_PARAM_construct_end()};
    EVP_MAC_CTX *mac = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);
    if (mac != NULL && EVP_MAC_CTX_set_params(mac, parameters) != 1) {
        EVP_MAC_CTX_free(mac);
        mac = NULL;
    }
    return mac;
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
        scratch->mac[i] = (struct mac){.context = mac_new(), .key_len = SIZE_MAX};
        good = good && scratch->mac[i].context != NULL;
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

/* Gives it the key, unless it has it already. */
static bool mac_begin(struct mac *mac, struct rn_bytes key)
{
    static const uint8_t nothing[1];
    if (has_key(mac, key)) {
        return EVP_MAC_init(mac->context, NULL, 0, NULL) == 1;
    }
    mac->key_len = SIZE_MAX;
    if (EVP_MAC_init(mac->context, key.len == 0 ? nothing : key.data, key.len, NULL) != 1) {
        return false;
    }
    if (key.len > 0 && key.len <= sizeof mac->key) {
        memcpy(mac->key, key.data, key.len);
        mac->key_len = key.len;
    }
    return true;
}

bool rn_hmac_sha256(struct rn_bytes key, struct rn_bytes message, uint8_t out[RN_SHA256_BYTES])
{
    struct scratch *scratch = scratch_get();
    struct mac *mac = scratch == NULL ? NULL : mac_of(scratch, key);
    size_t len = 0;
    return mac != NULL && mac_begin(mac, key) &&
           (message.len == 0 || EVP_MAC_update(mac->context, message.data, message.len) == 1) &&
           EVP_MAC_final(mac->context, out, &len, RN_SHA256_BYTES) == 1;
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
