/*
 * A client of our own gateway. In: recorded events. Out: how many bytes were equal, and the first one that was not. Uses a
 * plain socket, so that nothing of ours stands between the gateway's bytes and the comparison.
 */
#include "self.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/varint.h"

#define PATIENCE_NS UINT64_C(30000000000)
#define READ_BYTES ((size_t)64 * 1024)
#define CONTINUE_HEAD "HTTP/1.1 100 Continue\r\n\r\n"

struct rn_self {
    struct rn_self_settings settings;
    uint32_t row; /* the one under way */
    int descriptor;
    struct rn_watch *watch;
    struct rn_timer *timer;  /* patience */
    struct rn_timer *moment; /* a look whether more comes than should */
    struct rn_arena arena;   /* of the event */
    struct rn_event event;
    struct rn_buffer request;
    size_t sent;
    struct rn_buffer expected;
    size_t equal;     /* bytes of `expected` that came */
    bool expects_eof; /* the answer ends with its connection */
    bool
        expects_reset; /* ... and not in peace: where only the end ends a body, a cut one must not end so */
    bool skips_continue; /* the gateway may say 100 before everything else */
    uint64_t compared;
    struct rn_arena words;
    struct rn_finding difference;
    bool differs;
    struct rn_error error;
    uint8_t *space;
};

static void next_row(struct rn_self *self);

/* --- what goes out and what must come ------------------------------------------------------------------------------ */

static enum rn_status add_chunk(struct rn_buffer *out, struct rn_bytes piece)
{
    char size[20];
    enum rn_status status = rn_buffer_append(out, size, rn_chunk_head(piece.len, size));
    if (status == RN_OK) {
        status = rn_buffer_add(out, piece);
    }
    return status == RN_OK ? rn_buffer_add(out, RN_LIT("\r\n")) : status;
}

static enum rn_status add_last_chunk(struct rn_buffer *out, struct rn_bytes trailers)
{
    enum rn_status status = rn_buffer_add(out, RN_LIT("0\r\n"));
    if (status == RN_OK) {
        status = rn_buffer_add(out, trailers);
    }
    return status == RN_OK ? rn_buffer_add(out, RN_LIT("\r\n")) : status;
}

static unsigned byte_of(const struct rn_event *event, enum rn_tag tag, size_t index)
{
    struct rn_bytes bytes = rn_event_get(event, tag);
    return bytes.len > index ? bytes.data[index] : 0;
}

enum rn_status rn_self_request(const struct rn_event *event, struct rn_buffer *out)
{
    struct rn_bytes body = rn_event_get(event, RN_TAG_REQUEST_BODY);
    enum rn_status status = rn_buffer_add(out, rn_event_get(event, RN_TAG_REQUEST_HEAD));
    if (byte_of(event, RN_TAG_REQUEST_FRAMING, 0) != RN_FRAMING_CHUNKED) {
        return status == RN_OK ? rn_buffer_add(out, body) : status;
    }
    if (status == RN_OK && body.len > 0) {
        status = add_chunk(out, body);
    }
    return status == RN_OK ? add_last_chunk(out, rn_event_get(event, RN_TAG_REQUEST_TRAILERS))
                           : status;
}

/* Less was kept than the cuts say: the serving half ends such an answer as one that was cut. */
static bool lacks_body(const struct rn_event *event)
{
    struct rn_bytes cuts = rn_event_get(event, RN_TAG_RESPONSE_CUTS);
    uint64_t left = rn_event_get(event, RN_TAG_RESPONSE_BODY).len;
    uint64_t len = 0;
    while (rn_varint_get(&cuts, &len) && len <= left) {
        left -= len;
        len = 0;
    }
    return len > left;
}

static bool is_cut(const struct rn_event *event)
{
    enum rn_end end = rn_event_end_of(event);
    bool ends = end == RN_END_ENDED || end == RN_END_REFUSED;
    return end == RN_END_CUT || (ends && lacks_body(event));
}

static bool is_whole(const struct rn_event *event)
{
    enum rn_end end = rn_event_end_of(event);
    return (end == RN_END_ENDED || end == RN_END_REFUSED) && !lacks_body(event);
}

static enum rn_status add_chunks(const struct rn_event *event, struct rn_buffer *out)
{
    struct rn_bytes body = rn_event_get(event, RN_TAG_RESPONSE_BODY);
    struct rn_bytes cuts = rn_event_get(event, RN_TAG_RESPONSE_CUTS);
    enum rn_status status = RN_OK;
    uint64_t len;
    while (status == RN_OK && body.len > 0) {
        if (!rn_varint_get(&cuts, &len) || len == 0 || len > body.len) {
            len = body.len;
        }
        status = add_chunk(out, rn_bytes_sub(body, 0, (size_t)len));
        body = rn_bytes_from(body, (size_t)len);
    }
    if (status == RN_OK && is_whole(event)) {
        status = add_last_chunk(out, rn_event_get(event, RN_TAG_RESPONSE_TRAILERS));
    }
    return status;
}

enum rn_status rn_self_expected(const struct rn_event *event, struct rn_buffer *out)
{
    unsigned framing = byte_of(event, RN_TAG_RESPONSE_FRAMING, 0);
    bool is_head = byte_of(event, RN_TAG_CLIENT, 2) != 0;
    enum rn_status status = RN_OK;
    if (byte_of(event, RN_TAG_CLIENT, 0) >= 1) {
        status = rn_buffer_add(out, rn_event_get(event, RN_TAG_INTERIM));
    }
    if (status == RN_OK) {
        status = rn_buffer_add(out, rn_event_get(event, RN_TAG_RESPONSE_HEAD));
    }
    if (status != RN_OK || is_head || framing == RN_FRAMING_NONE) {
        return status;
    }
    return framing == RN_FRAMING_CHUNKED
               ? add_chunks(event, out)
               : rn_buffer_add(out, rn_event_get(event, RN_TAG_RESPONSE_BODY));
}

/* --- birth and death ----------------------------------------------------------------------------------------------- */

static void hang_up(struct rn_self *self)
{
    if (self->watch != NULL) {
        rn_watch_free(self->watch);
        self->watch = NULL;
    }
    if (self->descriptor >= 0) {
        (void)close(self->descriptor);
        self->descriptor = -1;
    }
    rn_timer_stop(self->timer);
    rn_timer_stop(self->moment);
}

static void finish(struct rn_self *self)
{
    hang_up(self);
    self->settings.on_done(self->settings.self);
}

static void fail(struct rn_self *self, enum rn_status status, const char *what)
{
    (void)rn_fail(&self->error, status, "replaying against ourselves failed: %s%s%s", what,
                  status == RN_IO ? ": " : "", status == RN_IO ? strerror(errno) : "");
    finish(self);
}

static const char *place_of(struct rn_self *self)
{
    char name[80];
    rn_catalog_name(self->settings.catalog, self->row, name, sizeof name);
    return rn_words(&self->words, "%s, answer", name);
}

/* `came` begins at offset self->equal of the answer. */
static void differ(struct rn_self *self, struct rn_bytes came)
{
    struct rn_bytes expected = rn_bytes_from(rn_buffer_bytes(&self->expected), self->equal);
    size_t at = self->equal + rn_difference_offset(expected, came);
    expected = rn_bytes_from(rn_buffer_bytes(&self->expected), at);
    came = rn_bytes_from(came, at - self->equal);
    const char *place = place_of(self);
    const char *was = expected.len == 0 ? "the end" : rn_excerpt(&self->words, expected, 0);
    const char *is = came.len == 0 ? "the end" : rn_excerpt(&self->words, came, 0);
    self->differs = true;
    self->difference = (struct rn_finding){
        .sentence =
            rn_words(&self->words,
                     "%s differs from the recording at byte %zu: %s came where %s was recorded",
                     place, at, is, was),
        .place = rn_words(&self->words, "%s, byte %zu", place, at),
        .pointer = "",
        .expected = was,
        .came = is,
        .cause = "a recording that cannot be given again",
        .advice = "run reenact verify on the store; if it is sound, this is a fault of reenact: "
                  "report it",
        .row = self->row};
    finish(self);
}

/* --- reading ------------------------------------------------------------------------------------------------------- */

static void row_done(struct rn_self *self)
{
    self->compared += self->expected.len;
    hang_up(self);
    self->row++;
    next_row(self);
}

static void on_patience(void *owner)
{
    struct rn_self *self = owner;
    differ(self, RN_LIT(""));
}

/* Everything that should come is here: a little later nothing more may have come. */
static void on_moment(void *owner)
{
    struct rn_self *self = owner;
    ssize_t got = recv(self->descriptor, self->space, READ_BYTES, MSG_DONTWAIT);
    bool kept_alive = byte_of(&self->event, RN_TAG_CLIENT, 1) != 0;
    if (got > 0) {
        differ(self, rn_bytes_of(self->space, (size_t)got));
    } else if (got == 0 && (rn_event_end_of(&self->event) == RN_END_ABORTED || kept_alive)) {
        differ(self, RN_LIT("")); /* we ended what the recording left open */
    } else {
        row_done(self);
    }
}

/* False: something differs, or the end came where none should be. */
static void take(struct rn_self *self, struct rn_bytes came)
{
    if (self->skips_continue && self->equal == 0 &&
        rn_bytes_starts_with(came, RN_LIT(CONTINUE_HEAD))) {
        came = rn_bytes_from(came, strlen(CONTINUE_HEAD));
        self->skips_continue = false;
    }
    struct rn_bytes expected =
        rn_bytes_sub(rn_buffer_bytes(&self->expected), self->equal, came.len);
    if (!rn_bytes_equal(expected, came)) {
        differ(self, came);
        return;
    }
    self->equal += came.len;
    rn_timer_start(self->timer, self->settings.patience_ns);
    if (self->equal == self->expected.len && !self->expects_eof) {
        rn_watch_set(self->watch, false, false);
        rn_timer_start(self->moment, 0);
    }
}

static void read_some(struct rn_self *self)
{
    ssize_t got = recv(self->descriptor, self->space, READ_BYTES, 0);
    if (got > 0) {
        take(self, rn_bytes_of(self->space, (size_t)got));
    } else if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    } else if (self->equal == self->expected.len && self->expects_eof &&
               self->expects_reset == (got < 0)) {
        row_done(self);
    } else {
        differ(self, RN_LIT(""));
    }
}

/* --- sending ------------------------------------------------------------------------------------------------------- */

/* Without a byte to come there is nothing to read for: the answer was left before it began. */
static void all_sent(struct rn_self *self)
{
    rn_watch_set(self->watch, true, false);
    if (self->expected.len == 0 && !self->expects_eof) {
        rn_timer_start(self->moment, 0);
    }
}

static void write_some(struct rn_self *self)
{
    struct rn_bytes rest = rn_bytes_from(rn_buffer_bytes(&self->request), self->sent);
    ssize_t put = send(self->descriptor, rest.data, rest.len, MSG_NOSIGNAL);
    if (put < 0 && errno != EAGAIN && errno != EINTR) {
        differ(self, RN_LIT("")); /* the gateway would not have it */
        return;
    }
    self->sent += put > 0 ? (size_t)put : 0;
    if (self->sent == self->request.len) {
        all_sent(self);
    }
}

static void on_ready(void *owner, bool readable, bool writable)
{
    struct rn_self *self = owner;
    if (readable) {
        read_some(self);
    } else if (writable && self->sent < self->request.len) {
        write_some(self);
    }
}

static bool connect_to(struct rn_self *self, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    self->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (self->descriptor < 0) {
        return false;
    }
    int result = connect(self->descriptor, (const struct sockaddr *)&address, sizeof address);
    return result == 0 || errno == EINPROGRESS;
}

static enum rn_status prepare(struct rn_self *self)
{
    rn_arena_free(&self->arena);
    rn_buffer_clear(&self->request);
    rn_buffer_clear(&self->expected);
    self->sent = self->equal = 0;
    enum rn_status status = rn_catalog_event(self->settings.catalog, self->row, &self->arena,
                                             &self->event, &self->error);
    if (status == RN_OK) {
        status = rn_self_request(&self->event, &self->request);
    }
    if (status == RN_OK) {
        status = rn_self_expected(&self->event, &self->expected);
    }
    bool closes = byte_of(&self->event, RN_TAG_RESPONSE_FRAMING, 0) == RN_FRAMING_CLOSE ||
                  byte_of(&self->event, RN_TAG_CLIENT, 1) == 0;
    self->expects_eof = is_cut(&self->event) || (is_whole(&self->event) && closes);
    self->expects_reset = is_cut(&self->event) &&
                          byte_of(&self->event, RN_TAG_RESPONSE_FRAMING, 0) == RN_FRAMING_CLOSE;
    self->skips_continue = rn_bytes_find_nocase(rn_event_get(&self->event, RN_TAG_REQUEST_HEAD),
                                                RN_LIT("100-continue")) != RN_NPOS;
    return status;
}

static void next_row(struct rn_self *self)
{
    const struct rn_catalog *catalog = self->settings.catalog;
    if (self->row == catalog->count) {
        finish(self);
        return;
    }
    enum rn_status status = prepare(self);
    if (status != RN_OK) {
        fail(self, status, "a recorded request could not be made again");
        return;
    }
    rn_replayer_force_trace(self->settings.replayer, catalog->rows[self->row].trace);
    uint16_t port =
        rn_venue_port(self->settings.venue, rn_event_get(&self->event, RN_TAG_UPSTREAM));
    if (!connect_to(self, port)) {
        fail(self, RN_IO, "no connection to our own port");
        return;
    }
    self->watch = rn_watch_new(self->settings.loop, self->descriptor, on_ready, self);
    if (self->watch == NULL) {
        fail(self, RN_NOMEM, "out of memory");
        return;
    }
    rn_watch_set(self->watch, true, true);
    rn_timer_start(self->timer, self->settings.patience_ns);
}

/* --- the door ------------------------------------------------------------------------------------------------------ */

struct rn_self *rn_self_new(const struct rn_self_settings *settings)
{
    struct rn_self *self = rn_calloc(1, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    self->settings = *settings;
    if (settings->patience_ns == 0) {
        self->settings.patience_ns = PATIENCE_NS;
    }
    self->descriptor = -1;
    self->timer = rn_timer_new(settings->loop, on_patience, self);
    self->moment = rn_timer_new(settings->loop, on_moment, self);
    self->space = rn_alloc(READ_BYTES);
    if (self->timer == NULL || self->moment == NULL || self->space == NULL) {
        rn_self_free(self);
        return NULL;
    }
    return self;
}

void rn_self_free(struct rn_self *self)
{
    if (self == NULL) {
        return;
    }
    if (self->timer != NULL && self->moment != NULL) {
        hang_up(self);
    }
    if (self->timer != NULL) {
        rn_timer_free(self->timer);
    }
    if (self->moment != NULL) {
        rn_timer_free(self->moment);
    }
    rn_buffer_free(&self->request);
    rn_buffer_free(&self->expected);
    rn_arena_free(&self->arena);
    rn_arena_free(&self->words);
    rn_free(self->space);
    rn_free(self);
}

void rn_self_start(struct rn_self *self)
{
    self->row = 0;
    next_row(self);
}

uint64_t rn_self_compared(const struct rn_self *self)
{
    return self->compared;
}

const struct rn_finding *rn_self_difference(const struct rn_self *self)
{
    return self->differs ? &self->difference : NULL;
}

enum rn_status rn_self_status(const struct rn_self *self, struct rn_error *error)
{
    return self->error.status == RN_OK ? RN_OK
                                       : rn_fail(error, self->error.status, "%s", self->error.text);
}
