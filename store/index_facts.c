/* From an event's fields to what the indexes want of it. No tree, no frame, no log. */
#include "index_facts.h"

#include "base/varint.h"
#include "evidence.h"

/* The length of an erased field still counts. */
static uint64_t erased_bytes(const struct rn_event *piece, enum rn_tag tag)
{
    struct rn_bytes rest = piece->erasures;
    struct rn_erasure erasure;
    uint64_t bytes = 0;
    while (rest.len > 0 && rn_erasure_get(&rest, &erasure)) {
        bytes += erasure.tag == (unsigned)tag ? erasure.bytes : 0;
    }
    return bytes;
}

void rn_index_facts_of_piece(const struct rn_event *piece, struct rn_index_facts *out)
{
    static const enum rn_tag crossed[] = {RN_TAG_REQUEST_HEAD, RN_TAG_REQUEST_BODY,
                                          RN_TAG_RESPONSE_HEAD, RN_TAG_RESPONSE_BODY};
    *out = (struct rn_index_facts){.kind = rn_event_kind_of(piece),
                                   .first_wall_ns = rn_event_number(piece, RN_TAG_TIMES, 0),
                                   .upstream = rn_event_get(piece, RN_TAG_UPSTREAM),
                                   .exit_status = -1};
    for (size_t i = 0; i < sizeof crossed / sizeof crossed[0]; i++) {
        out->crossed_bytes += rn_event_get(piece, crossed[i]).len + erased_bytes(piece, crossed[i]);
    }
}

/* Arrival plus the largest of the offsets behind it. */
static uint64_t latest_wall_ns(const struct rn_event *event)
{
    struct rn_bytes times = rn_event_get(event, RN_TAG_TIMES);
    uint64_t arrival = 0;
    uint64_t offset = 0;
    uint64_t largest = 0;
    if (!rn_varint_get(&times, &arrival)) {
        return 0;
    }
    while (rn_varint_get(&times, &offset)) {
        largest = offset > largest ? offset : largest;
    }
    return arrival + largest;
}

enum rn_status rn_index_facts_of_whole(const struct rn_event *event, struct rn_arena *arena,
                                       struct rn_foreign_ids *found, struct rn_index_facts *out)
{
    enum rn_status status = RN_OK;
    found->count = 0;
    out->kind = rn_event_kind_of(event);
    out->latest_wall_ns = latest_wall_ns(event);
    out->end = rn_event_end_of(event);
    out->flags = rn_event_number(event, RN_TAG_FLAGS, 0);
    if (rn_event_has(event, RN_TAG_EXIT)) {
        out->exit_status = (int)(rn_event_number(event, RN_TAG_EXIT, 0) & INT32_MAX);
    }
    if (out->kind == RN_EVENT_EXCHANGE || out->kind == RN_EVENT_DECISION) {
        status = rn_foreign_find(event, arena, found);
    }
    out->tags = out->kind == RN_EVENT_NOTE ? rn_event_get(event, RN_TAG_TAGS) : RN_LIT("");
    out->ids = found->id;
    out->id_count = found->count;
    return status;
}
