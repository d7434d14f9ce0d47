/*
 * One connection: bytes of a socket in, complete requests out to the handler; the queue of its answers out to the socket.
 *
 *     head -> body -> complete -> answering -> head, or the end (http.md 5, without the tunnel)
 *
 * Reading goes on while an exchange is open, since that is how a client's leaving is seen; what comes meanwhile is the next
 * request and waits in `in`. It declines to know what an answer says (exchange.c, answer.c) and who may ask (admission.c).
 */
#include "connection.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"

#include "base/clock.h"
#include "base/memory.h"

static void on_ready(void *self, bool readable, bool writable);

/* --- birth and death ------------------------------------------------------------------------- */

struct rn_connection *rn_connection_new(struct rn_gateway *gateway,
                                        const struct rn_listener *listener, int descriptor,
                                        unsigned unwelcome_status, const char *unwelcome)
{
    struct rn_connection *connection = rn_calloc(1, sizeof *connection);
    if (connection == NULL) {
        return NULL;
    }
    connection->watch = rn_watch_new(gateway->loop, descriptor, on_ready, connection);
    if (connection->watch == NULL) {
        rn_free(connection);
        return NULL;
    }
    connection->gateway = gateway;
    connection->upstream = listener->upstream;
    connection->descriptor = descriptor;
    connection->unwelcome_status = unwelcome_status;
    connection->unwelcome = unwelcome;
    connection->exchange.spill = -1;
    connection->reading = true;
    connection->number = ++gateway->counts.connections;
    gateway->counts.open++;
    gateway->unwelcome += unwelcome != NULL;
    rn_ring_add(&gateway->all, &connection->in_all);
    rn_watch_set(connection->watch, true, false);
    return connection;
}

/* What belongs to one request goes; the exchange is closed before anybody is told, so that it is told once. */
static void close_exchange(struct rn_connection *connection)
{
    struct rn_exchange *exchange = &connection->exchange;
    if (exchange->open) {
        exchange->open = false;
        connection->gateway->counts.in_flight--;
    }
    if (exchange->spill >= 0) {
        (void)close(exchange->spill);
        exchange->spill = -1;
    }
    rn_buffer_free(&connection->request);
    rn_chunk_decoder_free(&connection->decoder);
}

void rn_connection_free(struct rn_connection *connection)
{
    struct rn_gateway *gateway = connection->gateway;
    bool was_open = connection->exchange.open;
    rn_ring_remove(&connection->in_all);
    rn_ring_remove(&connection->in_dirty);
    rn_ring_remove(&connection->in_lingering);
    close_exchange(connection);
    if (was_open) {
        gateway->handler.on_gone(gateway->handler.self, &connection->exchange);
        rn_ring_remove(&connection->in_dirty);
    }
    rn_watch_free(connection->watch);
    (void)close(connection->descriptor);
    rn_gateway_give_back(gateway, &connection->in);
    rn_gateway_give_back(gateway, &connection->out);
    if (gateway->head_of == connection) {
        gateway->head_of = NULL;
    }
    gateway->counts.open--;
    gateway->unwelcome -= connection->unwelcome != NULL;
    rn_free(connection);
    rn_gateway_accept_again(gateway);
}

void rn_connection_arm(struct rn_connection *connection, bool armed)
{
    const struct linger how = {.l_onoff = armed, .l_linger = 0};
    (void)setsockopt(connection->descriptor, SOL_SOCKET, SO_LINGER, &how, sizeof how);
}

static void update_watch(struct rn_connection *connection)
{
    rn_watch_set(connection->watch, connection->reading, connection->blocked);
}

/* --- the queue ------------------------------------------------------------------------------- */

size_t rn_connection_pending(const struct rn_connection *connection)
{
    return connection->out.len - connection->out_at;
}

void rn_connection_touch(struct rn_connection *connection)
{
    struct rn_gateway *gateway = connection->gateway;
    if (connection->in_dirty.next == NULL) {
        rn_ring_add(&gateway->dirty, &connection->in_dirty);
        rn_turn_again(gateway->turn);
    }
}

void rn_connection_put(struct rn_connection *connection, struct rn_bytes bytes)
{
    struct rn_buffer *out = &connection->out;
    if (out->cap == 0) {
        *out = rn_gateway_lend(connection->gateway);
    }
    if (connection->out_at > 0 && out->cap - out->len < bytes.len) {
        rn_buffer_consume(out, connection->out_at);
        connection->out_at = 0;
    }
    if (!connection->broken && rn_buffer_add(out, bytes) != RN_OK) {
        connection->broken = true;
    }
    rn_connection_touch(connection);
}

/* False when the client is gone. */
static bool send_queue(struct rn_connection *connection)
{
    size_t pending = rn_connection_pending(connection);
    if (pending > 0) {
        ssize_t sent = send(connection->descriptor, connection->out.data + connection->out_at,
                            pending, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
            return false;
        }
        connection->out_at += sent > 0 ? (size_t)sent : 0;
    }
    bool blocked = rn_connection_pending(connection) > 0;
    if (blocked != connection->blocked) {
        connection->blocked = blocked;
        update_watch(connection);
    }
    if (!blocked) {
        connection->out_at = 0;
        rn_gateway_give_back(connection->gateway, &connection->out);
    }
    return true;
}

/* --- the last words -------------------------------------------------------------------------- */

static void shut_when_sent(struct rn_connection *connection)
{
    if (!connection->shut && rn_connection_pending(connection) == 0) {
        connection->shut = true;
        (void)shutdown(connection->descriptor, SHUT_WR);
    }
}

/*
 * Closing a socket with unread bytes makes the kernel send a reset, which destroys what the client has not read yet. So our
 * direction is closed, and the client's is read for a while.
 */
static void linger(struct rn_connection *connection)
{
    connection->state = RN_LINGERING;
    connection->reading = true;
    rn_gateway_give_back(connection->gateway, &connection->in);
    rn_gateway_linger(connection->gateway, connection);
    update_watch(connection);
    shut_when_sent(connection);
}

/* Answers a request that is none, or that is not for us, and ends the connection. */
static void refuse(struct rn_connection *connection, unsigned status, const char *sentence)
{
    const struct rn_client client = {.version_minor = 1};
    bool is_head = connection->exchange.client.is_head;
    struct rn_buffer answer = {0};
    struct rn_buffer body = {0};
    enum rn_status result = rn_answer_own_error(&body, sentence);
    if (result == RN_OK) {
        result =
            rn_answer_own_head(&answer, status, RN_LIT(""), "application/json", body.len, client);
    }
    if (result == RN_OK && !is_head) {
        result = rn_buffer_add(&answer, rn_buffer_bytes(&body));
    }
    connection->broken = connection->broken || result != RN_OK;
    rn_connection_put(connection, rn_buffer_bytes(&answer));
    rn_buffer_free(&answer);
    rn_buffer_free(&body);
    close_exchange(connection);
    linger(connection);
}

static void refuse_malformed(struct rn_connection *connection, unsigned status, const char *part,
                             const char *reason, size_t offset)
{
    char sentence[256];
    (void)snprintf(sentence, sizeof sentence,
                   "The %s of this request breaks HTTP/1.1: %s (at byte %zu). reenact passes on "
                   "only what is well formed.",
                   part, reason, offset);
    connection->gateway->counts.malformed++;
    refuse(connection, status, sentence);
}

/* --- requests -------------------------------------------------------------------------------- */

static void move(struct rn_bytes *bytes, uintptr_t from, const uint8_t *to)
{
    if (bytes->data != NULL) {
        bytes->data = to + ((uintptr_t)bytes->data - from);
    }
}

/* The parsed head points to where it was read; make it point to where it is kept. */
static void move_head(struct rn_http_head *head, const uint8_t *to)
{
    uintptr_t from = (uintptr_t)head->raw.data;
    move(&head->raw, from, to);
    move(&head->start_line, from, to);
    move(&head->method, from, to);
    move(&head->target, from, to);
    for (unsigned i = 0; i < head->field_count; i++) {
        move(&head->fields[i].line, from, to);
        move(&head->fields[i].name, from, to);
        move(&head->fields[i].value, from, to);
    }
}

static const struct rn_http_head *head_of(struct rn_connection *connection)
{
    struct rn_gateway *gateway = connection->gateway;
    if (gateway->head_of == connection) {
        move_head(&gateway->head, connection->request.data);
    } else { /* its body came in pieces, and others were read meanwhile */
        size_t skipped = 0;
        struct rn_bytes raw = rn_bytes_of(connection->request.data, connection->head_bytes);
        enum rn_http_step step = rn_http_request_parse(raw, &gateway->head, &skipped, NULL);
        assert(step == RN_HTTP_DONE && skipped == 0);
        (void)step;
    }
    gateway->head_of = NULL;
    return &gateway->head;
}

/* An exchange is open: keep what came for later, and stop listening when that is much. */
static void read_ahead(struct rn_connection *connection)
{
    if (connection->in.len >= RN_READ_AHEAD_BYTES_MAX) {
        connection->reading = false;
        update_watch(connection);
    }
}

static void give_to_handler(struct rn_connection *connection)
{
    struct rn_gateway *gateway = connection->gateway;
    struct rn_exchange *exchange = &connection->exchange;
    const struct rn_http_head *head = head_of(connection);
    struct rn_request request = {
        .head = head,
        .route = rn_route_of(head->target, connection->upstream),
        .body = rn_bytes_from(rn_buffer_bytes(&connection->request), connection->head_bytes),
        .trailers = rn_buffer_bytes(&connection->decoder.trailers),
        .body_bytes = connection->body_bytes,
        .spill = exchange->spill,
        .connection = connection->number,
        .arrived_wall_ns = rn_clock_wall_ns(),
        .arrived_mono_ns = rn_clock_mono_ns()};
    connection->state = RN_ANSWERING;
    read_ahead(connection); /* much may have come in one piece with this request */
    exchange->open = true;
    gateway->counts.requests++;
    gateway->counts.in_flight++;
    gateway->handler.on_request(gateway->handler.self, exchange, &request);
    rn_buffer_free(&connection->request); /* empty if the handler took it */
    rn_chunk_decoder_free(&connection->decoder);
}

/* Nothing is to be learnt from a head that grew by less than a line: a slow client must not cost a parse per byte. */
static bool is_worth_parsing(const struct rn_connection *connection, struct rn_bytes view)
{
    size_t tried = connection->tried;
    return tried == 0 || view.len >= 2 * tried ||
           rn_bytes_find_byte(rn_bytes_from(view, tried), '\n') != RN_NPOS;
}

static void begin_exchange(struct rn_connection *connection, const struct rn_http_head *head)
{
    connection->exchange =
        (struct rn_exchange){.spill = -1,
                             .client = {.version_minor = head->version_minor,
                                        .keep_alive = head->keep_alive,
                                        .is_head = rn_bytes_equal(head->method, RN_LIT("HEAD"))}};
}

/* The head is well formed. Is it for us, and what comes behind it? */
static void take_head(struct rn_connection *connection, const struct rn_http_head *head,
                      bool body_has_begun)
{
    begin_exchange(connection, head);
    unsigned status = connection->unwelcome_status;
    const char *refusal = connection->unwelcome;
    if (refusal == NULL) {
        refusal = rn_admission_refusal(head, &status);
    }
    if (refusal != NULL) {
        struct rn_gateway_counts *counts = &connection->gateway->counts;
        bool is_stranger = connection->unwelcome != NULL && status == 403;
        bool is_ownerless = refusal == rn_ownerless;
        counts->ownerless += is_ownerless;
        counts->foreign += status == 503 || is_ownerless ? 0 : 1;
        counts->misdirected += is_stranger ? 0 : 1;
        refuse(connection, status, refusal);
        return;
    }
    if (rn_body_begin(connection, head->raw, head->content_length) != RN_OK) {
        connection->broken = true;
        rn_connection_touch(connection);
        return;
    }
    connection->body_left = head->content_length;
    connection->state = head->framing == RN_FRAMING_CHUNKED ? RN_READING_CHUNKS
                        : connection->body_left > 0         ? RN_READING_LENGTH
                                                            : RN_COMPLETE;
    if (head->expect_continue && head->version_minor >= 1 && connection->state != RN_COMPLETE &&
        !body_has_begun) {
        rn_connection_put(connection, RN_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
    }
}

/* Each of these takes bytes off the front of `view` and says whether it is worth going on. */
static bool read_head(struct rn_connection *connection, struct rn_bytes *view)
{
    struct rn_gateway *gateway = connection->gateway;
    if (!is_worth_parsing(connection, *view)) {
        return false;
    }
    size_t skipped = 0;
    struct rn_http_fault fault = {0};
    gateway->head_of = connection;
    enum rn_http_step step = rn_http_request_parse(*view, &gateway->head, &skipped, &fault);
    if (step == RN_HTTP_MORE) {
        connection->tried = view->len;
        return false;
    }
    connection->tried = 0;
    if (step != RN_HTTP_DONE) {
        refuse_malformed(connection, fault.status, "head", fault.reason, fault.offset);
        return false;
    }
    *view = rn_bytes_from(*view, skipped + gateway->head.raw.len);
    take_head(connection, &gateway->head, view->len > 0);
    return true;
}

static bool keep_piece(struct rn_connection *connection, struct rn_bytes piece)
{
    enum rn_status status = rn_body_add(connection, piece);
    if (status == RN_OK) {
        return true;
    }
    if (status == RN_IO) {
        refuse(connection, 507,
               "The body of this request is too large for memory, and it could not be written to "
               "a temporary file. Make room in $TMPDIR or set it to another directory.");
    } else {
        connection->broken = true;
        rn_connection_touch(connection);
    }
    return false;
}

static bool read_length(struct rn_connection *connection, struct rn_bytes *view)
{
    uint64_t left = connection->body_left;
    struct rn_bytes piece = rn_bytes_sub(*view, 0, left < view->len ? (size_t)left : view->len);
    *view = rn_bytes_from(*view, piece.len);
    connection->body_left -= piece.len;
    if (!keep_piece(connection, piece)) {
        return false;
    }
    if (connection->body_left == 0) {
        connection->state = RN_COMPLETE;
    }
    return view->len > 0;
}

static bool read_chunks(struct rn_connection *connection, struct rn_bytes *view)
{
    struct rn_bytes piece;
    enum rn_chunk_step step = rn_chunk_next(&connection->decoder, view, &piece);
    if (step == RN_CHUNK_DATA) {
        return keep_piece(connection, piece);
    }
    if (step == RN_CHUNK_END) {
        connection->state = RN_COMPLETE;
    } else if (step == RN_CHUNK_BAD || step == RN_CHUNK_TOO_LARGE) {
        refuse_malformed(connection, step == RN_CHUNK_BAD ? 400 : 431, "chunked body",
                         connection->decoder.fault, (size_t)connection->body_bytes);
    }
    return step == RN_CHUNK_BORDER;
}

static bool read_some(struct rn_connection *connection, struct rn_bytes *view)
{
    if (view->len == 0 || connection->broken) {
        return false;
    }
    switch (connection->state) {
    case RN_READING_HEAD:
        return read_head(connection, view);
    case RN_READING_LENGTH:
        return read_length(connection, view);
    case RN_READING_CHUNKS:
        return read_chunks(connection, view);
    default:
        return false;
    }
}

/* What is left of `view` waits in `in`; it may stand there already. */
static void keep_rest(struct rn_connection *connection, struct rn_bytes view)
{
    struct rn_buffer *in = &connection->in;
    if (in->len > 0) {
        rn_buffer_consume(in, in->len - view.len);
    } else if (view.len > 0) {
        *in = rn_gateway_lend(connection->gateway);
        if (rn_buffer_add(in, view) != RN_OK) {
            connection->broken = true;
            rn_connection_touch(connection);
        }
    }
    if (in->len == 0) {
        rn_gateway_give_back(connection->gateway, in);
    }
}

/* `view` is all of `in`, or was just read while `in` was empty. */
static void take_bytes(struct rn_connection *connection, struct rn_bytes view)
{
    while (read_some(connection, &view)) {
        /* until the request is complete or the bytes are used up */
    }
    if (connection->state == RN_LINGERING) {
        return;
    }
    keep_rest(connection, view);
    if (connection->state == RN_COMPLETE && !connection->broken) {
        give_to_handler(connection);
    }
}

/* --- readiness ------------------------------------------------------------------------------- */

static void on_bytes(struct rn_connection *connection, struct rn_bytes bytes)
{
    if (connection->state == RN_LINGERING) {
        connection->lingered += bytes.len;
        if (connection->lingered > RN_LINGER_BYTES_MAX) {
            rn_connection_free(connection);
        }
        return;
    }
    bool answering = connection->state == RN_ANSWERING;
    if (answering && connection->in.cap == 0) {
        connection->in = rn_gateway_lend(connection->gateway);
    }
    if (answering || connection->in.len > 0) {
        if (rn_buffer_add(&connection->in, bytes) != RN_OK) {
            connection->broken = true;
            rn_connection_touch(connection);
            return;
        }
        bytes = rn_buffer_bytes(&connection->in);
    }
    if (answering) {
        read_ahead(connection);
    } else {
        take_bytes(connection, bytes);
    }
}

static void on_readable(struct rn_connection *connection)
{
    struct rn_gateway *gateway = connection->gateway;
    ssize_t got = recv(connection->descriptor, gateway->scratch, sizeof gateway->scratch, 0);
    if (got > 0) {
        on_bytes(connection, rn_bytes_of(gateway->scratch, (size_t)got));
    } else if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        rn_connection_free(connection);
    }
}

static void on_ready(void *self, bool readable, bool writable)
{
    struct rn_connection *connection = self;
    if (writable) {
        connection->blocked = false;
        update_watch(connection);
        rn_connection_touch(connection);
    }
    if (readable) {
        on_readable(connection);
    }
}

/* --- the end of a turn ----------------------------------------------------------------------- */

static void go_on(struct rn_connection *connection)
{
    connection->state = RN_READING_HEAD;
    connection->exchange = (struct rn_exchange){.spill = -1};
    connection->reading = true;
    update_watch(connection);
    if (connection->in.len > 0) {
        take_bytes(connection, rn_buffer_bytes(&connection->in));
    }
}

/* All that the exchange has to say is out. */
static void end_exchange(struct rn_connection *connection)
{
    struct rn_gateway *gateway = connection->gateway;
    struct rn_exchange *exchange = &connection->exchange;
    bool cut = exchange->cut;
    bool unbounded = exchange->framing == RN_FRAMING_CLOSE;
    bool stays = !cut && !unbounded && exchange->client.keep_alive;
    close_exchange(connection);
    gateway->handler.on_delivered(gateway->handler.self, exchange);
    if (unbounded && !cut) {
        rn_connection_arm(connection, false);
    }
    if (stays) {
        go_on(connection);
    } else if (cut && unbounded) {
        connection->state = RN_LINGERING;
        connection->shut = true; /* never in peace */
        rn_gateway_reset(gateway, connection);
    } else if (cut || connection->in.len > 0) {
        linger(connection);
    } else {
        rn_connection_free(connection);
    }
}

void rn_connection_flush(struct rn_connection *connection)
{
    struct rn_gateway *gateway = connection->gateway;
    struct rn_exchange *exchange = &connection->exchange;
    if (connection->broken || (!connection->blocked && !send_queue(connection))) {
        rn_connection_free(connection);
        return;
    }
    bool writing = exchange->open && !exchange->finished && !exchange->cut;
    if (writing && exchange->throttled && rn_connection_pending(connection) < RN_OUT_LOW_BYTES) {
        exchange->throttled = false;
        gateway->handler.on_drained(gateway->handler.self, exchange);
    }
    if (rn_connection_pending(connection) > 0) {
        return;
    }
    if (connection->state == RN_LINGERING) {
        shut_when_sent(connection);
    } else if (exchange->open && (exchange->finished || exchange->cut) && !connection->broken) {
        end_exchange(connection);
    }
}
