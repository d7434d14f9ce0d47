/*
 * Digests of events and traces, from canonical bytes alone. What is hashed, in which order and with which words in front is
 * written down in docs/format.md, "Digests"; tests/store/evidence_vectors.py computes the same without this code.
 *
 * This file reads salts and fields and gives hashes; it knows no frame, no tree and no msgpack.
 */
#include "evidence.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "base/varint.h"

#define SALT_ROW_BYTES 38u /* class, n, tag, salt */

/* Fields of `said`. */
#define BIT(tag) (UINT64_C(1) << (tag))
static const uint64_t said_fields =
    BIT(RN_TAG_KIND) | BIT(RN_TAG_END) | BIT(RN_TAG_UPSTREAM) | BIT(RN_TAG_METHOD) |
    BIT(RN_TAG_TARGET) | BIT(RN_TAG_REQUEST_HEAD) | BIT(RN_TAG_REQUEST_BODY) |
    BIT(RN_TAG_REQUEST_TRAILERS) | BIT(RN_TAG_INTERIM) | BIT(RN_TAG_RESPONSE_HEAD) |
    BIT(RN_TAG_RESPONSE_BODY) | BIT(RN_TAG_RESPONSE_CUTS) | BIT(RN_TAG_RESPONSE_TRAILERS) |
    BIT(RN_TAG_ARGV) | BIT(RN_TAG_STDIN) | BIT(RN_TAG_STDOUT) | BIT(RN_TAG_STDERR) |
    BIT(RN_TAG_EXIT) | BIT(RN_TAG_INPUT);
/* Those of them that are heads: without their volatile lines. */
static const uint64_t head_fields = BIT(RN_TAG_REQUEST_HEAD) | BIT(RN_TAG_RESPONSE_HEAD);
/* Fields that stand whole in one piece, so that their hash need not be kept running while thousands of streams are open. */
static const uint64_t whole_fields =
    BIT(RN_TAG_KIND) | BIT(RN_TAG_RULE) | BIT(RN_TAG_UPSTREAM) | BIT(RN_TAG_METHOD) |
    BIT(RN_TAG_TARGET) | BIT(RN_TAG_REQUEST_HEAD) | BIT(RN_TAG_REQUEST_FRAMING) |
    BIT(RN_TAG_CLIENT) | BIT(RN_TAG_CONNECTION) | BIT(RN_TAG_RESPONSE_HEAD) |
    BIT(RN_TAG_RESPONSE_FRAMING) | BIT(RN_TAG_ANSWERS) | BIT(RN_TAG_MOVES) | BIT(RN_TAG_INPUT);

static bool among(uint64_t set, unsigned tag)
{
    return (set >> tag & 1) != 0;
}

static void put_u32(uint8_t out[4], uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

static void put_u64(uint8_t out[8], uint64_t value)
{
    put_u32(out, (uint32_t)(value >> 32));
    put_u32(out + 4, (uint32_t)value);
}

/* --- volatile lines ------------------------------------------------------------------------------------------------- */

struct name {
    const char *text;
    size_t len;
};
#define NAME(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

/* Part of the format: a name added here changes `said` of traces already stored, so the list grows only with a version. */
static const struct name volatile_names[] = {
    NAME("age"),
    NAME("anthropic-dangerous-direct-browser-access"),
    NAME("apim-request-id"),
    NAME("baggage"),
    NAME("cf-ray"),
    NAME("date"),
    NAME("idempotency-key"),
    NAME("openai-processing-ms"),
    NAME("request-id"),
    NAME("sentry-trace"),
    NAME("server-timing"),
    NAME("traceparent"),
    NAME("tracestate"),
    NAME("user-agent"),
    NAME("x-amzn-requestid"),
    NAME("x-amzn-trace-id"),
    NAME("x-app"),
    NAME("x-client-request-id"),
    NAME("x-cloud-trace-context"),
    NAME("x-envoy-upstream-service-time"),
    NAME("x-goog-api-client"),
    NAME("x-ms-request-id"),
    NAME("x-request-id"),
    NAME("x-server-timeout"),
    NAME("x-trace-id"),
};
static const struct name volatile_prefixes[] = {
    NAME("amz-sdk-"), NAME("anthropic-ratelimit-"), NAME("ratelimit"),    NAME("x-amz-date"),
    NAME("x-b3-"),    NAME("x-datadog-"),           NAME("x-ratelimit-"), NAME("x-stainless-"),
};

static bool begins_with(struct rn_bytes name, const struct name *prefix)
{
    return name.len >= prefix->len && rn_byte_lower(name.data[0]) == (uint8_t)prefix->text[0] &&
           rn_bytes_equal_nocase(rn_bytes_sub(name, 0, prefix->len),
                                 rn_bytes_of(prefix->text, prefix->len));
}

/* Asked for every line of every head: most names differ in length or first letter. */
bool rn_evidence_is_volatile(struct rn_bytes name)
{
    for (size_t i = 0; i < sizeof volatile_names / sizeof volatile_names[0]; i++) {
        if (name.len == volatile_names[i].len && begins_with(name, &volatile_names[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof volatile_prefixes / sizeof volatile_prefixes[0]; i++) {
        if (begins_with(name, &volatile_prefixes[i])) {
            return true;
        }
    }
    return false;
}

/* Takes one line with its LF (or the rest) off the front. */
static struct rn_bytes line_take(struct rn_bytes *in)
{
    size_t lf = rn_bytes_find_byte(*in, '\n');
    struct rn_bytes line = rn_bytes_sub(*in, 0, lf == RN_NPOS ? in->len : lf + 1);
    *in = rn_bytes_from(*in, line.len);
    return line;
}

/* The bytes of a head that `said` covers, fed to `hash`; returns how many. The start line always counts. */
static uint64_t said_head(struct rn_sha256 *hash, struct rn_bytes head)
{
    bool is_first = true;
    uint64_t bytes = 0;
    while (head.len > 0) {
        struct rn_bytes line = line_take(&head);
        size_t colon = rn_bytes_find_byte(line, ':');
        bool leaves =
            !is_first && colon != RN_NPOS && rn_evidence_is_volatile(rn_bytes_sub(line, 0, colon));
        if (!leaves) {
            rn_sha256_add(hash, line);
            bytes += line.len;
        }
        is_first = false;
    }
    return bytes;
}

/* --- salts ---------------------------------------------------------------------------------------------------------- */

/* Where (class, n, tag) stands in a salt's derivation and in the table. */
static void salt_place(enum rn_event_class class, uint32_t n, unsigned tag, uint8_t out[6])
{
    out[0] = (uint8_t) class;
    put_u32(out + 1, n);
    out[5] = (uint8_t)tag;
}

static bool salt_in_table(struct rn_bytes table, const uint8_t place[6],
                          uint8_t out[RN_SHA256_BYTES])
{
    size_t low = 0;
    size_t high = table.len / SALT_ROW_BYTES;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const uint8_t *row = table.data + middle * SALT_ROW_BYTES;
        int order = memcmp(row, place, 6);
        if (order == 0) {
            memcpy(out, row + 6, RN_SHA256_BYTES);
            return true;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return false;
}

bool rn_salt_of(const struct rn_salts *salts, enum rn_event_class class, uint32_t n, unsigned tag,
                uint8_t out[RN_SHA256_BYTES])
{
    static const char words[] = "reenact salt 1";
    uint8_t message[sizeof words - 1 + 6];
    uint8_t *place = message + sizeof words - 1;
    memcpy(message, words, sizeof words - 1);
    salt_place(class, n, tag, place);
    if (!salts->from_secret) {
        return salt_in_table(salts->table, place, out);
    }
    return rn_hmac_sha256(rn_bytes_of(salts->secret, RN_SECRET_BYTES),
                          rn_bytes_of(message, sizeof message), out);
}

/* --- an event ------------------------------------------------------------------------------------------------------- */

/* One field on its way: running, then ended. For heads `said` runs beside it; for others it is the same hash. */
struct field_hash {
    struct rn_sha256 *running;
    struct rn_sha256 *running_said;
    struct rn_erasure ended;
};

struct rn_event_hash {
    struct rn_salts salts;
    enum rn_event_class class;
    uint32_t n;
    struct field_hash *field[RN_TAG_LIMIT]; /* NULL: not seen yet */
};

struct rn_event_hash *rn_event_hash_begin(const struct rn_salts *salts, enum rn_event_class class,
                                          uint32_t n)
{
    struct rn_event_hash *hash = rn_calloc(1, sizeof *hash);
    if (hash != NULL) {
        hash->salts = *salts;
        hash->class = class;
        hash->n = n;
    }
    return hash;
}

static struct rn_sha256 *salted(const uint8_t salt[RN_SHA256_BYTES])
{
    struct rn_sha256 *running = rn_sha256_begin();
    if (running != NULL) {
        rn_sha256_add(running, rn_bytes_of(salt, RN_SHA256_BYTES));
    }
    return running;
}

static enum rn_status field_new(struct rn_event_hash *hash, unsigned tag)
{
    hash->field[tag] = rn_calloc(1, sizeof *hash->field[tag]);
    if (hash->field[tag] == NULL) {
        return RN_NOMEM;
    }
    hash->field[tag]->ended.tag = tag;
    return RN_OK;
}

/* RN_NOTFOUND: there is no salt for this field. */
static enum rn_status field_begin(struct rn_event_hash *hash, unsigned tag)
{
    uint8_t salt[RN_SHA256_BYTES];
    if (!rn_salt_of(&hash->salts, hash->class, hash->n, tag, salt)) {
        return hash->salts.from_secret ? RN_NOMEM : RN_NOTFOUND;
    }
    enum rn_status status = field_new(hash, tag);
    if (status != RN_OK) {
        return status;
    }
    struct field_hash *field = hash->field[tag];
    field->running = salted(salt);
    if (field->running != NULL && among(head_fields, tag)) {
        field->running_said = salted(salt);
        status = field->running_said == NULL ? RN_NOMEM : RN_OK;
    }
    return field->running == NULL ? RN_NOMEM : status;
}

/* Both hashes of a field that came in bytes. */
static void field_end(struct field_hash *field)
{
    struct rn_erasure *ended = &field->ended;
    rn_sha256_end(field->running, ended->hash);
    field->running = NULL;
    if (field->running_said != NULL) {
        rn_sha256_end(field->running_said, ended->said);
        field->running_said = NULL;
    } else if (among(said_fields, ended->tag)) {
        memcpy(ended->said, ended->hash, RN_SHA256_BYTES);
        ended->said_bytes = ended->bytes;
    }
}

/* RN_DAMAGED: more bytes for a field that is whole or erased already. */
static enum rn_status field_add(struct rn_event_hash *hash, unsigned tag, struct rn_bytes bytes)
{
    if (hash->field[tag] == NULL) {
        enum rn_status status = field_begin(hash, tag);
        if (status != RN_OK) {
            return status;
        }
    }
    struct field_hash *field = hash->field[tag];
    if (field->running == NULL) {
        return RN_DAMAGED;
    }
    rn_sha256_add(field->running, bytes);
    field->ended.bytes += bytes.len;
    if (field->running_said != NULL) {
        field->ended.said_bytes += said_head(field->running_said, bytes);
    }
    if (among(whole_fields, tag)) {
        field_end(field);
    }
    return RN_OK;
}

static enum rn_status erasures_add(struct rn_event_hash *hash, struct rn_bytes erasures)
{
    struct rn_erasure erasure;
    while (erasures.len > 0) {
        if (!rn_erasure_get(&erasures, &erasure) || hash->field[erasure.tag] != NULL) {
            return RN_DAMAGED;
        }
        enum rn_status status = field_new(hash, erasure.tag);
        if (status != RN_OK) {
            return status;
        }
        hash->field[erasure.tag]->ended = erasure;
    }
    return RN_OK;
}

enum rn_status rn_event_hash_add(struct rn_event_hash *hash, const struct rn_event *piece)
{
    enum rn_status status = erasures_add(hash, piece->erasures);
    for (unsigned tag = 1; status == RN_OK && tag < RN_TAG_LIMIT; tag++) {
        if (among(piece->fields, tag)) {
            status = field_add(hash, tag, piece->field[tag]);
        }
    }
    return status;
}

/* What an event's digest covers: words, then a row per field: tag, length, hash. */
#define WORDS_BYTES_MAX 16u
#define FIELD_ROW_BYTES (9u + RN_SHA256_BYTES)
struct field_rows {
    size_t len;
    uint8_t bytes[WORDS_BYTES_MAX + RN_TAG_LIMIT * FIELD_ROW_BYTES];
};

static void rows_begin(struct field_rows *rows, struct rn_bytes words)
{
    assert(words.len <= WORDS_BYTES_MAX);
    memcpy(rows->bytes, words.data, words.len);
    rows->len = words.len;
}

static void rows_add(struct field_rows *rows, unsigned tag, uint64_t bytes,
                     const uint8_t hash[RN_SHA256_BYTES])
{
    uint8_t *to = rows->bytes + rows->len;
    to[0] = (uint8_t)tag;
    put_u64(to + 1, bytes);
    memcpy(to + 9, hash, RN_SHA256_BYTES);
    rows->len += FIELD_ROW_BYTES;
}

static bool rows_digest(const struct field_rows *rows, uint8_t out[RN_SHA256_BYTES])
{
    const struct rn_bytes all = rn_bytes_of(rows->bytes, rows->len);
    return rn_sha256_of(&all, 1, out);
}

/* Both digests of one event on their way. */
struct event_rows {
    struct field_rows evidence;
    struct field_rows said;
};

static void event_begin(struct event_rows *rows)
{
    rows_begin(&rows->evidence, RN_LIT("reenact event 1"));
    rows_begin(&rows->said, RN_LIT("reenact said 1"));
}

/* Fields come in tag order. */
static void event_add(struct event_rows *rows, const struct rn_erasure *field)
{
    rows_add(&rows->evidence, field->tag, field->bytes, field->hash);
    if (among(said_fields, field->tag)) {
        rows_add(&rows->said, field->tag, field->said_bytes, field->said);
    }
}

static enum rn_status event_end(const struct event_rows *rows, struct rn_digests *out)
{
    bool good = rows_digest(&rows->evidence, out->evidence) && rows_digest(&rows->said, out->said);
    return good ? RN_OK : RN_NOMEM;
}

enum rn_status rn_event_hash_end(struct rn_event_hash *hash, struct rn_digests *out)
{
    struct event_rows rows;
    event_begin(&rows);
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        struct field_hash *field = hash->field[tag];
        if (field == NULL) {
            continue;
        }
        if (field->running != NULL) {
            field_end(field);
        }
        event_add(&rows, &field->ended);
    }
    rn_event_hash_drop(hash);
    return event_end(&rows, out);
}

void rn_event_hash_drop(struct rn_event_hash *hash)
{
    for (unsigned tag = 1; hash != NULL && tag < RN_TAG_LIMIT; tag++) {
        if (hash->field[tag] != NULL) {
            rn_sha256_drop(hash->field[tag]->running);
            rn_sha256_drop(hash->field[tag]->running_said);
            rn_free(hash->field[tag]);
        }
    }
    rn_free(hash);
}

/* --- an event that is here as a whole -------------------------------------------------------------------------------- */

/* The hashes of one field in `out`, without anything that would outlive the call. */
static enum rn_status hash_field(const struct rn_salts *salts, const struct rn_event *event,
                                 struct rn_erasure *out)
{
    uint8_t salt[RN_SHA256_BYTES];
    struct rn_bytes bytes = event->field[out->tag];
    if (!rn_salt_of(salts, event->class, event->n, out->tag, salt)) {
        return salts->from_secret ? RN_NOMEM : RN_NOTFOUND;
    }
    const struct rn_bytes runs[] = {rn_bytes_of(salt, sizeof salt), bytes};
    out->bytes = out->said_bytes = bytes.len;
    if (!rn_sha256_of(runs, 2, out->hash)) {
        return RN_NOMEM;
    }
    if (!among(head_fields, out->tag)) {
        memcpy(out->said, out->hash, RN_SHA256_BYTES);
        return RN_OK;
    }
    struct rn_sha256 *said = salted(salt);
    if (said == NULL) {
        return RN_NOMEM;
    }
    out->said_bytes = said_head(said, bytes);
    rn_sha256_end(said, out->said);
    return RN_OK;
}

static enum rn_status digest_fields(const struct rn_salts *salts, const struct rn_event *event,
                                    struct rn_digests *out)
{
    struct event_rows rows;
    event_begin(&rows);
    for (uint64_t left = event->fields; left != 0; left &= left - 1) {
        struct rn_erasure field = {.tag = (unsigned)__builtin_ctzll(left)};
        enum rn_status status = hash_field(salts, event, &field);
        if (status != RN_OK) {
            return status;
        }
        event_add(&rows, &field);
    }
    return event_end(&rows, out);
}

enum rn_status rn_event_digests(const struct rn_salts *salts, const struct rn_event *event,
                                struct rn_digests *out)
{
    if (event->erasures.len == 0) {
        return digest_fields(salts, event, out);
    }
    struct rn_event_hash *hash = rn_event_hash_begin(salts, event->class, event->n);
    enum rn_status status = hash == NULL ? RN_NOMEM : rn_event_hash_add(hash, event);
    if (status != RN_OK) {
        rn_event_hash_drop(hash);
        return status;
    }
    return rn_event_hash_end(hash, out);
}

/* --- erased fields -------------------------------------------------------------------------------------------------- */

static enum rn_status erasure_write(const struct rn_erasure *erasure, struct rn_buffer *out)
{
    enum rn_status status = rn_varint_put(out, erasure->tag);
    if (status == RN_OK) {
        status = rn_varint_put(out, erasure->bytes);
    }
    if (status == RN_OK) {
        status = rn_buffer_append(out, erasure->hash, RN_SHA256_BYTES);
    }
    if (status == RN_OK) {
        status = rn_varint_put(out, erasure->said_bytes);
    }
    if (status == RN_OK) {
        status = rn_buffer_append(out, erasure->said, RN_SHA256_BYTES);
    }
    return status;
}

enum rn_status rn_erasure_put(const struct rn_salts *salts, enum rn_event_class class, uint32_t n,
                              unsigned tag, struct rn_bytes bytes, struct rn_buffer *out)
{
    assert(tag > 0 && tag < RN_TAG_LIMIT);
    struct rn_event_hash *hash = rn_event_hash_begin(salts, class, n);
    if (hash == NULL) {
        return RN_NOMEM;
    }
    enum rn_status status = field_add(hash, tag, bytes);
    if (status == RN_OK) {
        struct field_hash *field = hash->field[tag];
        if (field->running != NULL) {
            field_end(field);
        }
        status = erasure_write(&field->ended, out);
    }
    rn_event_hash_drop(hash);
    return status;
}

static bool hash_get(struct rn_bytes *in, uint8_t out[RN_SHA256_BYTES])
{
    if (in->len < RN_SHA256_BYTES) {
        return false;
    }
    memcpy(out, in->data, RN_SHA256_BYTES);
    *in = rn_bytes_from(*in, RN_SHA256_BYTES);
    return true;
}

bool rn_erasure_get(struct rn_bytes *in, struct rn_erasure *out)
{
    struct rn_bytes rest = *in;
    uint64_t tag = 0;
    if (!rn_varint_get(&rest, &tag) || tag == 0 || tag >= RN_TAG_LIMIT ||
        !rn_varint_get(&rest, &out->bytes) || !hash_get(&rest, out->hash) ||
        !rn_varint_get(&rest, &out->said_bytes) || !hash_get(&rest, out->said)) {
        return false;
    }
    out->tag = (unsigned)tag;
    *in = rest;
    return true;
}

/* --- a trace -------------------------------------------------------------------------------------------------------- */

bool rn_chain_begin(const struct rn_trace_id *trace, struct rn_digests *chain)
{
    const struct rn_bytes runs[] = {RN_LIT("reenact trace 1"),
                                    rn_bytes_of(trace->bytes, RN_TRACE_ID_BYTES)};
    if (!rn_sha256_of(runs, 2, chain->evidence)) {
        return false;
    }
    memcpy(chain->said, chain->evidence, RN_SHA256_BYTES);
    return true;
}

static bool link_on(uint8_t chain[RN_SHA256_BYTES], const uint8_t place[5],
                    const uint8_t digest[RN_SHA256_BYTES])
{
    const struct rn_bytes runs[] = {rn_bytes_of(chain, RN_SHA256_BYTES), rn_bytes_of(place, 5),
                                    rn_bytes_of(digest, RN_SHA256_BYTES)};
    return rn_sha256_of(runs, 3, chain);
}

bool rn_chain_add(struct rn_digests *chain, enum rn_event_class class, uint32_t n,
                  const struct rn_digests *event)
{
    uint8_t place[5];
    place[0] = (uint8_t) class;
    put_u32(place + 1, n);
    if (class >= RN_CLASS_NOTE) {
        return true;
    }
    return link_on(chain->evidence, place, event->evidence) &&
           (class == RN_CLASS_GAP || link_on(chain->said, place, event->said));
}
