/*
 * How the settings of a trace and its end are written into their frames, and read back. Writer and reader of each stand
 * together and change together, with the schema version.
 */
#include "trace_pack.h"

#include <string.h>

#include "pack.h"

/* The key of a map's next member, which must be this one. */
static bool key_is(struct rn_bytes *in, uint64_t key)
{
    uint64_t found;
    return rn_unpack_number(in, &found) && found == key;
}

static bool number_at(struct rn_bytes *in, uint64_t key, uint64_t max, uint64_t *value)
{
    return key_is(in, key) && rn_unpack_number(in, value) && *value <= max;
}

static bool bin_at(struct rn_bytes *in, uint64_t key, struct rn_bytes *bytes)
{
    return key_is(in, key) && rn_unpack_bin(in, bytes);
}

static bool exactly_at(struct rn_bytes *in, uint64_t key, void *out, size_t len)
{
    return key_is(in, key) && rn_unpack_exactly(in, out, len);
}

static bool map_of(struct rn_bytes *in, uint32_t count)
{
    uint32_t found;
    return rn_unpack_map(in, &found) && found == count;
}

/* --- opening -------------------------------------------------------------------------------------------------------- */

#define OPENING_KEYS 11u

static struct rn_bytes id_bytes(const struct rn_trace_id *id)
{
    return rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES);
}

enum rn_status rn_trace_opening_encode(const struct rn_trace_opening *opening,
                                       struct rn_buffer *out)
{
    struct rn_packer packer = {.out = out};
    rn_pack_map(&packer, OPENING_KEYS);
    rn_pack_bin_at(&packer, 1, id_bytes(&opening->id));
    rn_pack_bin_at(&packer, 2, id_bytes(&opening->session));
    rn_pack_bin_at(&packer, 3, id_bytes(&opening->parent));
    rn_pack_bin_at(&packer, 4, opening->name);
    rn_pack_bin_at(&packer, 5, opening->release);
    rn_pack_bin_at(&packer, 6, opening->kind);
    rn_pack_bin_at(&packer, 7, opening->tags);
    rn_pack_bin_at(&packer, 8, opening->owner);
    rn_pack_number_at(&packer, 9, opening->is_alias ? 1 : 0);
    rn_pack_bin_at(&packer, 10,
                   rn_bytes_of(opening->secret, opening->has_secret ? RN_SECRET_BYTES : 0));
    rn_pack_number_at(&packer, 11, opening->wall_ns);
    return packer.status;
}

static bool opening_texts(struct rn_bytes *in, struct rn_trace_opening *out)
{
    return bin_at(in, 4, &out->name) && bin_at(in, 5, &out->release) && bin_at(in, 6, &out->kind) &&
           bin_at(in, 7, &out->tags) && bin_at(in, 8, &out->owner);
}

static bool opening_secret(struct rn_bytes *in, struct rn_trace_opening *out)
{
    struct rn_bytes secret;
    if (!bin_at(in, 10, &secret) || (secret.len != 0 && secret.len != RN_SECRET_BYTES)) {
        return false;
    }
    out->has_secret = secret.len != 0;
    if (out->has_secret) {
        memcpy(out->secret, secret.data, RN_SECRET_BYTES);
    }
    return true;
}

enum rn_status rn_trace_opening_decode(struct rn_bytes in, struct rn_trace_opening *out,
                                       struct rn_error *error)
{
    uint64_t is_alias = 0;
    *out = (struct rn_trace_opening){0};
    bool good = map_of(&in, OPENING_KEYS) && exactly_at(&in, 1, out->id.bytes, RN_TRACE_ID_BYTES) &&
                exactly_at(&in, 2, out->session.bytes, RN_TRACE_ID_BYTES) &&
                exactly_at(&in, 3, out->parent.bytes, RN_TRACE_ID_BYTES) &&
                opening_texts(&in, out) && number_at(&in, 9, 1, &is_alias) &&
                opening_secret(&in, out) && number_at(&in, 11, UINT64_MAX, &out->wall_ns);
    if (!good || in.len != 0) {
        return rn_fail(error, RN_DAMAGED, "the frame that opens a trace breaks its layout");
    }
    out->is_alias = is_alias == 1;
    return RN_OK;
}

/* --- closing -------------------------------------------------------------------------------------------------------- */

#define CLOSING_KEYS 8u

enum rn_status rn_trace_closing_encode(const struct rn_trace_closing *closing,
                                       struct rn_buffer *out)
{
    const struct rn_salts *salts = &closing->salts;
    struct rn_packer packer = {.out = out};
    rn_pack_map(&packer, CLOSING_KEYS);
    rn_pack_number_at(&packer, 1, closing->state);
    rn_pack_number_at(&packer, 2, closing->events);
    rn_pack_number_at(&packer, 3, closing->gaps);
    rn_pack_bin_at(&packer, 4, rn_bytes_of(closing->digests.evidence, RN_SHA256_BYTES));
    rn_pack_bin_at(&packer, 5, rn_bytes_of(closing->digests.said, RN_SHA256_BYTES));
    rn_pack_bin_at(&packer, 6,
                   rn_bytes_of(salts->secret, salts->from_secret ? RN_SECRET_BYTES : 0));
    rn_pack_bin_at(&packer, 7, salts->from_secret ? rn_bytes_of(NULL, 0) : salts->table);
    rn_pack_number_at(&packer, 8, closing->wall_ns);
    return packer.status;
}

static bool closing_salts(struct rn_bytes *in, struct rn_salts *salts)
{
    struct rn_bytes secret;
    if (!bin_at(in, 6, &secret) || !bin_at(in, 7, &salts->table)) {
        return false;
    }
    salts->from_secret = secret.len == RN_SECRET_BYTES;
    if (salts->from_secret) {
        memcpy(salts->secret, secret.data, RN_SECRET_BYTES);
        return salts->table.len == 0;
    }
    return secret.len == 0;
}

enum rn_status rn_trace_closing_decode(struct rn_bytes in, struct rn_trace_closing *out,
                                       struct rn_error *error)
{
    uint64_t state = 0;
    uint64_t events = 0;
    uint64_t gaps = 0;
    *out = (struct rn_trace_closing){0};
    bool good = map_of(&in, CLOSING_KEYS) && number_at(&in, 1, RN_TRACE_LOST, &state) &&
                state >= RN_TRACE_CLOSED && number_at(&in, 2, UINT32_MAX, &events) &&
                number_at(&in, 3, UINT32_MAX, &gaps) &&
                exactly_at(&in, 4, out->digests.evidence, RN_SHA256_BYTES) &&
                exactly_at(&in, 5, out->digests.said, RN_SHA256_BYTES) &&
                closing_salts(&in, &out->salts) && number_at(&in, 8, UINT64_MAX, &out->wall_ns);
    if (!good || in.len != 0) {
        return rn_fail(error, RN_DAMAGED, "the frame that closes a trace breaks its layout");
    }
    out->state = (enum rn_trace_state)state;
    out->events = (uint32_t)events;
    out->gaps = (uint32_t)gaps;
    return RN_OK;
}
