/* Parts of an answer: memory and counting only. Decides nothing about when to seal, send or hold. */
#include "part.h"

#include <string.h>

#include "base/memory.h"
#include "base/varint.h"

struct rn_part *rn_part_new(void)
{
    struct rn_part *part = rn_calloc(1, sizeof *part);
    if (part != NULL) {
        part->held_piece = RN_NPOS;
    }
    return part;
}

bool rn_part_arm(struct rn_part *part)
{
    if (part->pending == NULL) {
        part->pending = rn_calloc(1, sizeof *part->pending);
    }
    return part->pending != NULL;
}

void rn_part_free(struct rn_part *part)
{
    if (part == NULL) {
        return;
    }
    rn_free(part->pending);
    rn_buffer_free(&part->body);
    rn_buffer_free(&part->lengths);
    rn_buffer_free(&part->cuts);
    rn_buffer_free(&part->times);
    rn_buffer_free(&part->stamps);
    rn_buffer_free(&part->small);
    rn_free(part);
}

enum { LISTS = 5 };

enum rn_status rn_part_add(struct rn_part *part, struct rn_bytes piece, uint64_t since_ns,
                           uint64_t since_stamps)
{
    struct rn_buffer *const all[LISTS] = {&part->body, &part->lengths, &part->cuts, &part->times,
                                          &part->stamps};
    size_t before[LISTS];
    for (size_t i = 0; i < LISTS; i++) {
        before[i] = all[i]->len;
    }
    if (rn_buffer_add(&part->body, piece) == RN_OK &&
        rn_buffer_append(&part->lengths, &piece.len, sizeof piece.len) == RN_OK &&
        rn_varint_put(&part->cuts, piece.len) == RN_OK &&
        rn_varint_put(&part->times, since_ns) == RN_OK &&
        rn_varint_put(&part->stamps, since_stamps) == RN_OK) {
        return RN_OK;
    }
    for (size_t i = 0; i < LISTS; i++) {
        all[i]->len = before[i];
    }
    return RN_NOMEM;
}

size_t rn_part_pieces(const struct rn_part *part)
{
    return part->lengths.len / sizeof(size_t);
}

bool rn_part_next(const struct rn_part *part, struct rn_bytes *piece)
{
    size_t end = part->durable ? RN_NPOS : part->held_piece;
    if (part->pieces_sent >= rn_part_pieces(part) || part->pieces_sent >= end) {
        return false;
    }
    size_t len;
    memcpy(&len, part->lengths.data + part->pieces_sent * sizeof len, sizeof len);
    *piece = rn_bytes_sub(rn_buffer_bytes(&part->body), part->bytes_sent, len);
    return true;
}

void rn_part_sent(struct rn_part *part)
{
    size_t len;
    memcpy(&len, part->lengths.data + part->pieces_sent * sizeof len, sizeof len);
    part->pieces_sent++;
    part->bytes_sent += len;
}

/* What is left of a list of varints behind those of the pieces that were sent. */
static struct rn_bytes behind_sent(const struct rn_part *part, const struct rn_buffer *list)
{
    struct rn_bytes rest = rn_buffer_bytes(list);
    uint64_t number;
    for (size_t i = 0; i < part->pieces_sent; i++) {
        (void)rn_varint_get(&rest, &number);
    }
    return rest;
}

size_t rn_part_forget_unsent(struct rn_part *part)
{
    size_t forgotten = part->body.len - part->bytes_sent;
    part->cuts.len -= behind_sent(part, &part->cuts).len;
    part->times.len -= behind_sent(part, &part->times).len;
    part->stamps.len -= behind_sent(part, &part->stamps).len;
    part->body.len = part->bytes_sent;
    part->lengths.len = part->pieces_sent * sizeof(size_t);
    part->held_piece = RN_NPOS;
    return forgotten;
}

enum rn_status rn_part_split(struct rn_part *part, struct rn_part *fresh)
{
    struct rn_bytes body = rn_buffer_bytes(&part->body);
    struct rn_bytes lengths = rn_buffer_bytes(&part->lengths);
    size_t lengths_sent = part->pieces_sent * sizeof(size_t);
    if (rn_buffer_add(&fresh->body, rn_bytes_from(body, part->bytes_sent)) != RN_OK ||
        rn_buffer_add(&fresh->lengths, rn_bytes_from(lengths, lengths_sent)) != RN_OK ||
        rn_buffer_add(&fresh->cuts, behind_sent(part, &part->cuts)) != RN_OK ||
        rn_buffer_add(&fresh->times, behind_sent(part, &part->times)) != RN_OK ||
        rn_buffer_add(&fresh->stamps, behind_sent(part, &part->stamps)) != RN_OK) {
        return RN_NOMEM;
    }
    if (part->held_piece != RN_NPOS) {
        fresh->held_piece = part->held_piece - part->pieces_sent;
    }
    (void)rn_part_forget_unsent(part);
    return RN_OK;
}

struct rn_small rn_part_put_numbers(struct rn_part *part, const uint64_t *numbers, size_t count)
{
    size_t at = part->small.len;
    for (size_t i = 0; i < count; i++) {
        (void)rn_varint_put(&part->small, numbers[i]);
    }
    return (struct rn_small){at, part->small.len - at};
}

struct rn_small rn_part_put(struct rn_part *part, struct rn_bytes bytes)
{
    size_t at = part->small.len;
    (void)rn_buffer_add(&part->small, bytes);
    return (struct rn_small){at, part->small.len - at};
}

struct rn_bytes rn_part_small(const struct rn_part *part, struct rn_small view)
{
    return rn_bytes_sub(rn_buffer_bytes(&part->small), view.at, view.len);
}
