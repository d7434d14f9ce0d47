/*
 * The values of credentials that a session has shown so far, each with its needles, and the order in which they are
 * forgotten.
 */
#include "redact_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct rn_redactor *rn_redactor_new(void)
{
    /* '[' and ';' stand in the colours before a word, which decide where it begins. */
    static const char common[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~+/=%\\[;";
    struct rn_redactor *redactor = rn_calloc(1, sizeof *redactor);
    if (redactor == NULL || rn_seen_clear(&redactor->seen, 0) != RN_OK) {
        rn_free(redactor);
        return NULL;
    }
    for (size_t i = 0; i < sizeof common - 1; i++) {
        redactor->in_credential[(uint8_t)common[i]] = true;
    }
    return redactor;
}

void rn_redactor_free(struct rn_redactor *redactor)
{
    if (redactor == NULL) {
        return;
    }
    for (size_t i = 0; i < redactor->count; i++) {
        rn_needles_free(&redactor->values[i].needles);
    }
    rn_free(redactor->values);
    rn_seen_free(&redactor->seen);
    rn_free(redactor);
}

/* FNV-1a: only to compare fewer values in full. */
static uint64_t hash_bytes(struct rn_bytes bytes)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < bytes.len; i++) {
        hash = (hash ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static struct rn_value *find_value(struct rn_redactor *redactor, struct rn_bytes bytes,
                                   uint64_t hash)
{
    for (size_t i = 0; i < redactor->count; i++) {
        struct rn_value *value = &redactor->values[i];
        if (value->hash == hash && rn_bytes_equal(value->bytes, bytes)) {
            return value;
        }
    }
    return NULL;
}

static int compare_use(const void *left, const void *right)
{
    const struct rn_value *a = left;
    const struct rn_value *b = right;
    return (a->last_used > b->last_used) - (a->last_used < b->last_used);
}

/*
 * Forgets the quarter that was not shown for longest. One at a time would mean building the table anew with every
 * cookie that a server changes.
 */
static enum rn_status forget_some(struct rn_redactor *redactor)
{
    size_t gone = redactor->count / 4;
    size_t needles = 0;
    qsort(redactor->values, redactor->count, sizeof *redactor->values, compare_use);
    for (size_t i = gone; i < redactor->count; i++) {
        needles += redactor->values[i].needles.count;
    }
    enum rn_status status = rn_seen_clear(&redactor->seen, needles);
    if (status != RN_OK) {
        return status;
    }
    for (size_t i = 0; i < gone; i++) {
        rn_needles_free(&redactor->values[i].needles);
    }
    redactor->count -= gone;
    memmove(redactor->values, redactor->values + gone, redactor->count * sizeof *redactor->values);
    for (size_t i = 0; i < redactor->count; i++) {
        for (size_t j = 0; j < redactor->values[i].needles.count; j++) {
            rn_seen_add(&redactor->seen, &redactor->values[i].needles.at[j]);
        }
    }
    return RN_OK;
}

static enum rn_status make_room(struct rn_redactor *redactor)
{
    if (redactor->count == RN_CREDENTIALS_MAX) {
        return forget_some(redactor);
    }
    if (redactor->count < redactor->cap) {
        return RN_OK;
    }
    size_t cap = redactor->cap == 0 ? 16 : redactor->cap * 2;
    struct rn_value *grown = rn_realloc(redactor->values, cap * sizeof *grown);
    if (grown == NULL) {
        return RN_NOMEM;
    }
    redactor->values = grown;
    redactor->cap = cap;
    return RN_OK;
}

static enum rn_status add_value(struct rn_redactor *redactor, struct rn_bytes bytes, uint64_t hash)
{
    struct rn_value value = {.hash = hash, .last_used = redactor->uses};
    enum rn_status status = make_room(redactor);
    if (status == RN_OK) {
        status = rn_needles_make(bytes, &value.needles);
    }
    if (status == RN_OK) {
        status = rn_seen_reserve(&redactor->seen, value.needles.count);
    }
    if (status != RN_OK) {
        rn_needles_free(&value.needles);
        return status;
    }
    value.bytes = rn_bytes_of(value.needles.texts.data, bytes.len);
    redactor->values[redactor->count++] = value;
    for (size_t i = 0; i < value.needles.count; i++) {
        rn_seen_add(&redactor->seen, &value.needles.at[i]);
    }
    for (size_t i = 0; i < bytes.len; i++) {
        redactor->in_credential[bytes.data[i]] = true;
    }
    return RN_OK;
}

/* Remembers one plain value. */
static enum rn_status remember(struct rn_redactor *redactor, struct rn_bytes bytes)
{
    if (bytes.len < RN_CREDENTIAL_BYTES_MIN || bytes.len > RN_CREDENTIAL_BYTES_MAX ||
        rn_bytes_starts_with(bytes, RN_LIT(RN_PLACEHOLDER))) {
        return RN_OK;
    }
    uint64_t hash = hash_bytes(bytes);
    struct rn_value *known = find_value(redactor, bytes, hash);
    redactor->uses++;
    if (known != NULL) {
        known->last_used = redactor->uses;
        return RN_OK;
    }
    return add_value(redactor, bytes, hash);
}

static enum rn_status remember_pair(struct rn_redactor *redactor, struct rn_bytes pair)
{
    size_t colon = rn_bytes_find_byte(pair, ':');
    enum rn_status status = remember(redactor, rn_bytes_sub(pair, 0, colon));
    return status == RN_OK && colon != RN_NPOS ? remember(redactor, rn_bytes_from(pair, colon + 1))
                                               : status;
}

enum rn_status rn_redactor_learn(struct rn_redactor *redactor, struct rn_bytes value)
{
    bool is_basic = false;
    struct rn_bytes bare = rn_redact_without_scheme(value, &is_basic);
    enum rn_status status = remember(redactor, bare);
    if (status != RN_OK || !is_basic || bare.len > RN_CREDENTIAL_BYTES_MAX * 2) {
        return status;
    }
    struct rn_buffer pair = {0};
    if (rn_base64_decode(bare, &pair)) {
        status = remember_pair(redactor, rn_buffer_bytes(&pair));
    }
    rn_buffer_free(&pair);
    return status;
}
