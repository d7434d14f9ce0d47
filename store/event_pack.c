/*
 * An event, or a piece of one, as the raw bytes of a frame: a msgpack map from tag to byte run, tags ascending, then 128 (the
 * match key) and 129 (records of erased fields). Writer and reader stand together and change together.
 */
#include "event.h"

#include <assert.h>
#include <string.h>

#include "evidence.h"
#include "pack.h"

#define KEY_OF_KEY 128u
#define KEY_OF_ERASURES 129u
#define MATCH_KEY_BYTES_MAX 64u

/* --- writing -------------------------------------------------------------------------------------------------------- */

enum rn_status rn_event_encode(const struct rn_event *event, struct rn_buffer *out)
{
    struct rn_packer packer = {.out = out};
    uint32_t count = (uint32_t)__builtin_popcountll(event->fields);
    count += event->key.len > 0 ? 1 : 0;
    count += event->erasures.len > 0 ? 1 : 0;
    assert((event->fields & event->erased) == 0);
    assert((event->fields & 1) == 0);
    rn_pack_map(&packer, count);
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        if ((event->fields >> tag & 1) != 0) {
            rn_pack_bin_at(&packer, tag, event->field[tag]);
        }
    }
    if (event->key.len > 0) {
        rn_pack_bin_at(&packer, KEY_OF_KEY, event->key);
    }
    if (event->erasures.len > 0) {
        rn_pack_bin_at(&packer, KEY_OF_ERASURES, event->erasures);
    }
    return packer.status;
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

/*
 * A field in the arena has this much room in front of it for its capacity, so that a body of many parts is joined in place and
 * not copied once per part.
 */
union room {
    size_t cap;
    uint8_t aligned[16];
};

static size_t *room_of(struct rn_bytes field)
{
    union room *room = (union room *)(uintptr_t)(field.data - sizeof *room);
    return &room->cap;
}

/* A field with room for `cap` bytes that holds a copy of `bytes`; data is NULL when memory ran out. */
static struct rn_bytes field_new(struct rn_arena *arena, size_t cap, struct rn_bytes bytes)
{
    uint8_t *block = rn_arena_alloc(arena, sizeof(union room) + cap);
    if (block == NULL) {
        return (struct rn_bytes){NULL, 0};
    }
    struct rn_bytes field = {block + sizeof(union room), bytes.len};
    *room_of(field) = cap;
    if (bytes.len > 0) {
        memcpy(block + sizeof(union room), bytes.data, bytes.len);
    }
    return field;
}

/* `field` is empty with NULL data, or came from here. */
static enum rn_status join(struct rn_arena *arena, struct rn_bytes *field, struct rn_bytes more)
{
    if (field->data == NULL) {
        *field = field_new(arena, more.len, more);
        return field->data == NULL ? RN_NOMEM : RN_OK;
    }
    if (more.len > *room_of(*field) - field->len) {
        struct rn_bytes wider = field_new(arena, (field->len + more.len) * 2, *field);
        if (wider.data == NULL) {
            return RN_NOMEM;
        }
        *field = wider;
    }
    if (more.len > 0) {
        memcpy((uint8_t *)(uintptr_t)field->data + field->len, more.data, more.len);
        field->len += more.len;
    }
    return RN_OK;
}

/* Takes note of what was erased; a field is either there or erased. */
static bool mark_erased(struct rn_event *event)
{
    struct rn_bytes in = event->erasures;
    struct rn_erasure erasure;
    unsigned last = 0;
    while (in.len > 0) {
        if (!rn_erasure_get(&in, &erasure) || erasure.tag <= last) {
            return false;
        }
        last = erasure.tag;
        event->erased |= UINT64_C(1) << last;
    }
    return (event->erased & event->fields) == 0;
}

static enum rn_status take_member(struct rn_event *event, struct rn_arena *arena, uint64_t key,
                                  struct rn_bytes value)
{
    if (key == KEY_OF_KEY) {
        return value.len > MATCH_KEY_BYTES_MAX ? RN_DAMAGED : join(arena, &event->key, value);
    }
    if (key == KEY_OF_ERASURES) {
        return join(arena, &event->erasures, value);
    }
    if (key == 0 || key >= RN_TAG_LIMIT) {
        return RN_DAMAGED;
    }
    event->fields |= UINT64_C(1) << key;
    return join(arena, &event->field[key], value);
}

enum rn_status rn_event_decode(struct rn_bytes in, struct rn_arena *arena, struct rn_event *event,
                               struct rn_error *error)
{
    uint32_t count = 0;
    bool good = rn_unpack_map(&in, &count);
    uint64_t last = 0;
    for (uint32_t i = 0; good && i < count; i++) {
        uint64_t key = 0;
        struct rn_bytes value;
        good = rn_unpack_number(&in, &key) && key > last && rn_unpack_bin(&in, &value);
        last = key;
        if (good) {
            enum rn_status status = take_member(event, arena, key, value);
            if (status == RN_NOMEM) {
                return rn_fail(error, RN_NOMEM, "out of memory while an event was read");
            }
            good = status == RN_OK;
        }
    }
    if (!good || in.len != 0 || !mark_erased(event)) {
        return rn_fail(error, RN_DAMAGED, "the stored fields of an event break their layout");
    }
    return RN_OK;
}
