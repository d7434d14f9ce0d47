/*
 * Answering: what a handler says is framed here and queued on the connection.
 *
 * In come heads, pieces and ends, out go bytes in the connection's queue, which is sent at the end of the turn. Nothing here
 * sends, frees or calls back, so a handler may call it from anywhere on the loop's thread.
 */
#include <assert.h>

#include "connection.h"

static struct rn_connection *connection_of(const struct rn_exchange *exchange)
{
    return (struct rn_connection *)(void *)(uintptr_t)exchange; /* its first member */
}

void rn_exchange_set_context(struct rn_exchange *exchange, void *context)
{
    exchange->context = context;
}

void *rn_exchange_context(const struct rn_exchange *exchange)
{
    return exchange->context;
}

struct rn_buffer rn_exchange_take_request(struct rn_exchange *exchange)
{
    struct rn_connection *connection = connection_of(exchange);
    assert(exchange->open && connection->request.data != NULL);
    struct rn_buffer request = connection->request;
    connection->request = (struct rn_buffer){0};
    return request;
}

struct rn_client rn_exchange_client(const struct rn_exchange *exchange)
{
    return exchange->client;
}

bool rn_exchange_has_successor(const struct rn_exchange *exchange)
{
    return connection_of(exchange)->in.len > 0;
}

void rn_exchange_inform(struct rn_exchange *exchange, struct rn_bytes head)
{
    assert(exchange->open && !exchange->started);
    if (exchange->client.version_minor >= 1 && !exchange->cut) {
        rn_connection_put(connection_of(exchange), head);
    }
}

void rn_exchange_start(struct rn_exchange *exchange, struct rn_bytes head,
                       enum rn_http_framing framing, uint64_t length)
{
    assert(exchange->open && !exchange->started);
    if (exchange->cut) {
        return;
    }
    exchange->started = true;
    exchange->framing = exchange->client.is_head ? RN_FRAMING_NONE : framing;
    exchange->left = length;
    if (exchange->framing == RN_FRAMING_CLOSE) {
        rn_connection_arm(connection_of(exchange), true);
    }
    rn_connection_put(connection_of(exchange), head);
}

static void put_chunk(struct rn_connection *connection, struct rn_bytes piece)
{
    char size[20];
    size_t len = rn_chunk_head(piece.len, size);
    if (rn_buffer_reserve(&connection->out, len + piece.len + 2) != RN_OK) {
        connection->broken = true; /* never a chunk without its end */
    }
    rn_connection_put(connection, rn_bytes_of(size, len));
    rn_connection_put(connection, piece);
    rn_connection_put(connection, RN_LIT("\r\n"));
}

bool rn_exchange_write(struct rn_exchange *exchange, struct rn_bytes piece)
{
    struct rn_connection *connection = connection_of(exchange);
    assert(exchange->open && !exchange->finished);
    if (exchange->cut) {
        return true;
    }
    assert(exchange->started);
    if (exchange->framing == RN_FRAMING_NONE || piece.len == 0) {
        return true;
    }
    if (exchange->framing == RN_FRAMING_CHUNKED) {
        put_chunk(connection, piece);
    } else if (exchange->framing == RN_FRAMING_LENGTH) {
        /* More than was announced would be read as the next answer. */
        piece =
            rn_bytes_sub(piece, 0, exchange->left < piece.len ? (size_t)exchange->left : piece.len);
        exchange->left -= piece.len;
        rn_connection_put(connection, piece);
    } else {
        rn_connection_put(connection, piece);
    }
    bool full = rn_connection_pending(connection) > RN_OUT_HIGH_BYTES;
    exchange->throttled = exchange->throttled || full;
    return !full;
}

void rn_exchange_finish(struct rn_exchange *exchange, struct rn_bytes trailers)
{
    struct rn_connection *connection = connection_of(exchange);
    assert(exchange->open && !exchange->finished);
    if (exchange->cut) {
        return;
    }
    assert(exchange->started);
    if (exchange->framing == RN_FRAMING_LENGTH && exchange->left > 0) {
        rn_exchange_cut(exchange); /* less than was announced is no end */
        return;
    }
    if (exchange->framing == RN_FRAMING_CHUNKED) {
        rn_connection_put(connection, RN_LIT("0\r\n"));
        rn_connection_put(connection, trailers);
        rn_connection_put(connection, RN_LIT("\r\n"));
    }
    exchange->finished = true;
    rn_connection_touch(connection);
}

void rn_exchange_cut(struct rn_exchange *exchange)
{
    assert(exchange->open);
    if (!exchange->finished) {
        exchange->cut = true;
        rn_connection_touch(connection_of(exchange));
    }
}
