/*
 * Summaries as bytes and back. Writer and reader stand together; a key's number and meaning never change.
 */
#include "summary.h"

#include <string.h>

#include "pack.h"

enum key {
    KEY_SESSION = 1,
    KEY_PARENT = 2,
    KEY_STATE = 3,
    KEY_COMPLETE = 4,
    KEY_NAME = 5,
    KEY_RELEASE = 6,
    KEY_KIND = 7,
    KEY_TAGS = 8,
    KEY_UPSTREAMS = 9,
    KEY_IS_ALIAS = 10,
    KEY_HAS_RUN = 11,
    KEY_STARTED = 12,
    KEY_ENDED = 13,
    KEY_EVENTS = 14,
    KEY_GAPS = 15,
    KEY_NOTES = 16,
    KEY_CUT = 17,
    KEY_ABORTED = 18,
    KEY_REFUSED = 19,
    KEY_LOST = 20,
    KEY_LATE = 21,
    KEY_RAW_BYTES = 22,
    KEY_STORED_BYTES = 23,
    KEY_EXIT = 24, /* the status plus one; 0: no run ended */
    KEY_EVIDENCE = 25,
    KEY_SAID = 26,
    KEY_SECRET = 27,
    KEY_SALTS = 28, /* the table, once a field was erased */
    KEY_COUNT = 28
};

static struct rn_bytes id_bytes(const struct rn_trace_id *id)
{
    return rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES);
}

static void encode_texts(struct rn_packer *packer, const struct rn_trace_summary *summary)
{
    rn_pack_bin_at(packer, KEY_SESSION, id_bytes(&summary->session));
    rn_pack_bin_at(packer, KEY_PARENT, id_bytes(&summary->parent));
    rn_pack_number_at(packer, KEY_STATE, (uint64_t)summary->state);
    rn_pack_number_at(packer, KEY_COMPLETE, (uint64_t)summary->complete);
    rn_pack_bin_at(packer, KEY_NAME, summary->name);
    rn_pack_bin_at(packer, KEY_RELEASE, summary->release);
    rn_pack_bin_at(packer, KEY_KIND, summary->kind);
    rn_pack_bin_at(packer, KEY_TAGS, summary->tags);
    rn_pack_bin_at(packer, KEY_UPSTREAMS, summary->upstreams);
    rn_pack_number_at(packer, KEY_IS_ALIAS, summary->is_alias ? 1 : 0);
    rn_pack_number_at(packer, KEY_HAS_RUN, summary->has_run ? 1 : 0);
}

static void encode_counts(struct rn_packer *packer, const struct rn_trace_summary *summary)
{
    rn_pack_number_at(packer, KEY_STARTED, summary->started_wall_ns);
    rn_pack_number_at(packer, KEY_ENDED, summary->ended_wall_ns);
    rn_pack_number_at(packer, KEY_EVENTS, summary->events);
    rn_pack_number_at(packer, KEY_GAPS, summary->gaps);
    rn_pack_number_at(packer, KEY_NOTES, summary->notes);
    rn_pack_number_at(packer, KEY_CUT, summary->cut);
    rn_pack_number_at(packer, KEY_ABORTED, summary->aborted);
    rn_pack_number_at(packer, KEY_REFUSED, summary->refused);
    rn_pack_number_at(packer, KEY_LOST, summary->lost);
    rn_pack_number_at(packer, KEY_LATE, summary->late);
    rn_pack_number_at(packer, KEY_RAW_BYTES, summary->raw_bytes);
    rn_pack_number_at(packer, KEY_STORED_BYTES, summary->stored_bytes);
    rn_pack_number_at(packer, KEY_EXIT, (uint64_t)((int64_t)summary->exit_status + 1));
}

enum rn_status rn_summary_encode(const struct rn_trace_summary *summary, struct rn_buffer *out)
{
    const struct rn_salts *salts = &summary->salts;
    struct rn_packer packer = {.out = out};
    rn_pack_map(&packer, KEY_COUNT);
    encode_texts(&packer, summary);
    encode_counts(&packer, summary);
    rn_pack_bin_at(&packer, KEY_EVIDENCE, rn_bytes_of(summary->digests.evidence, RN_SHA256_BYTES));
    rn_pack_bin_at(&packer, KEY_SAID, rn_bytes_of(summary->digests.said, RN_SHA256_BYTES));
    rn_pack_bin_at(&packer, KEY_SECRET,
                   rn_bytes_of(salts->secret, salts->from_secret ? RN_SECRET_BYTES : 0));
    rn_pack_bin_at(&packer, KEY_SALTS, salts->from_secret ? RN_LIT("") : salts->table);
    return packer.status;
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

static bool u32_of(uint64_t value, uint32_t *out)
{
    *out = (uint32_t)value;
    return value <= UINT32_MAX;
}

static bool exactly(struct rn_bytes value, uint8_t *out, size_t len)
{
    if (value.len != len) {
        return false;
    }
    memcpy(out, value.data, len);
    return true;
}

static bool take_number(struct rn_trace_summary *out, uint64_t key, uint64_t value)
{
    switch (key) {
    case KEY_STATE:
        out->state = (enum rn_trace_state)value;
        return value >= RN_TRACE_OPEN && value <= RN_TRACE_LOST;
    case KEY_COMPLETE:
        out->complete = (enum rn_complete)value;
        return value >= RN_COMPLETE_YES && value <= RN_COMPLETE_UNKNOWN;
    case KEY_IS_ALIAS:
        out->is_alias = value != 0;
        return true;
    case KEY_HAS_RUN:
        out->has_run = value != 0;
        return true;
    case KEY_STARTED:
        out->started_wall_ns = value;
        return true;
    case KEY_ENDED:
        out->ended_wall_ns = value;
        return true;
    case KEY_EVENTS:
        return u32_of(value, &out->events);
    case KEY_GAPS:
        return u32_of(value, &out->gaps);
    case KEY_NOTES:
        return u32_of(value, &out->notes);
    case KEY_CUT:
        return u32_of(value, &out->cut);
    case KEY_ABORTED:
        return u32_of(value, &out->aborted);
    case KEY_REFUSED:
        return u32_of(value, &out->refused);
    case KEY_LOST:
        return u32_of(value, &out->lost);
    case KEY_LATE:
        return u32_of(value, &out->late);
    case KEY_RAW_BYTES:
        out->raw_bytes = value;
        return true;
    case KEY_STORED_BYTES:
        out->stored_bytes = value;
        return true;
    case KEY_EXIT:
        out->exit_status = (int)((int64_t)value - 1);
        return value <= INT32_MAX;
    default:
        return true;
    }
}

static bool take_secret(struct rn_salts *salts, struct rn_bytes value)
{
    salts->from_secret = value.len > 0;
    return value.len == 0 || exactly(value, salts->secret, RN_SECRET_BYTES);
}

static bool take_bytes(struct rn_trace_summary *out, uint64_t key, struct rn_bytes value)
{
    switch (key) {
    case KEY_SESSION:
        return exactly(value, out->session.bytes, RN_TRACE_ID_BYTES);
    case KEY_PARENT:
        return exactly(value, out->parent.bytes, RN_TRACE_ID_BYTES);
    case KEY_NAME:
        out->name = value;
        return true;
    case KEY_RELEASE:
        out->release = value;
        return true;
    case KEY_KIND:
        out->kind = value;
        return true;
    case KEY_TAGS:
        out->tags = value;
        return true;
    case KEY_UPSTREAMS:
        out->upstreams = value;
        return true;
    case KEY_EVIDENCE:
        return exactly(value, out->digests.evidence, RN_SHA256_BYTES);
    case KEY_SAID:
        return exactly(value, out->digests.said, RN_SHA256_BYTES);
    case KEY_SECRET:
        return take_secret(&out->salts, value);
    case KEY_SALTS:
        out->salts.table = value;
        return true;
    default:
        return true;
    }
}

enum rn_status rn_summary_decode(const struct rn_trace_id *id, struct rn_bytes in,
                                 struct rn_trace_summary *out, struct rn_error *error)
{
    uint32_t count = 0;
    *out = (struct rn_trace_summary){.id = *id, .exit_status = -1};
    bool good = rn_unpack_map(&in, &count);
    for (uint32_t i = 0; good && i < count; i++) {
        uint64_t key = 0;
        uint64_t number = 0;
        struct rn_bytes bytes = {0};
        good = rn_unpack_number(&in, &key);
        if (good && rn_unpack_number(&in, &number)) {
            good = take_number(out, key, number);
        } else if (good) {
            good = rn_unpack_bin(&in, &bytes) && take_bytes(out, key, bytes);
        }
    }
    good = good && in.len == 0 && out->state != 0 && out->complete != 0;
    if (!good) {
        char text[33];
        rn_trace_id_text(id, text);
        return rn_fail(error, RN_DAMAGED, "the summary of trace %s is damaged", text);
    }
    return RN_OK;
}
