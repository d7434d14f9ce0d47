/*
 * One request to an upstream and its answer: curl's easy side.
 *
 * In come requests (forward.c puts them to curl) and what curl's callbacks bring; out go the answer's heads, body pieces,
 * trailers and end to the handler. curl says what it thinks of the framing; we believe an end only when curl
 * calls it a success and a final head was seen, because curl 7.88 also calls it a success when the connection ends inside
 * the head. It declines to know which multi handle runs it and what the bytes mean.
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/memory.h"
#include "upstream_internal.h"

#define NS_PER_MS UINT64_C(1000000)
/* Easy handles beyond these are freed after a peak; each is about 10 KB. */
#define SPARE_MAX 256u

/* --- what curl tells us ---------------------------------------------------------------------- */

/* Refuses the answer; `clause` continues "http://... ". curl ends the transfer because the callback says so. */
static size_t refuse(struct rn_transfer *transfer, const char *clause)
{
    transfer->fault = clause;
    return 0;
}

static bool head_is_complete(struct rn_transfer *transfer)
{
    long status = 0;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    struct rn_bytes head = rn_buffer_bytes(&transfer->head);
    if (status == 101) {
        refuse(transfer, "switched protocols, which was not asked for");
        return false;
    }
    if (status >= 200) {
        transfer->state = RN_TRANSFER_BODY;
        transfer->handler->on_head(transfer->self, head);
    } else if ((transfer->interim_bytes += head.len) > RN_HEAD_BYTES_MAX) {
        refuse(transfer, "sent interim heads that are too large together");
        return false;
    } else if (status != 100) {
        transfer->handler->on_interim(transfer->self, head);
    }
    rn_buffer_clear(&transfer->head);
    return !transfer->cancelled && !(status >= 200 && transfer->ends_with_head);
}

static bool is_blank(struct rn_bytes line)
{
    return rn_bytes_equal(line, RN_LIT("\r\n")) || rn_bytes_equal(line, RN_LIT("\n"));
}

/* One line of a head or, after the body began, of the trailers. */
static size_t on_line(char *data, size_t one, size_t len, void *self)
{
    (void)one;
    struct rn_transfer *transfer = self;
    struct rn_bytes line = rn_bytes_of(data, len);
    if (transfer->cancelled) {
        return 0;
    }
    transfer->heard_ns = rn_loop_now_ns(transfer->upstreams->loop);
    if (transfer->state == RN_TRANSFER_BODY) {
        if (!is_blank(line) && rn_buffer_add(&transfer->trailers, line) != RN_OK) {
            return refuse(transfer, "sent trailers that are too large");
        }
        return len;
    }
    if (rn_buffer_add(&transfer->head, line) != RN_OK) {
        return refuse(transfer, "sent a head that is too large");
    }
    return !is_blank(line) || head_is_complete(transfer) ? len : 0;
}

static size_t on_piece(char *data, size_t one, size_t len, void *self)
{
    (void)one;
    struct rn_transfer *transfer = self;
    if (transfer->cancelled) {
        return CURL_WRITEFUNC_ERROR;
    }
    transfer->heard_ns = rn_loop_now_ns(transfer->upstreams->loop);
    if (transfer->paused) {
        transfer->halted = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (len == 0) {
        return 0;
    }
    transfer->body_bytes += len;
    if (!transfer->handler->on_body(transfer->self, rn_bytes_of(data, len))) {
        transfer->paused = true;
    }
    return transfer->cancelled ? CURL_WRITEFUNC_ERROR : len;
}

static ssize_t read_spill(const struct rn_transfer *transfer, char *out, size_t len)
{
    ssize_t got;
    do {
        got = pread(transfer->spill, out, len, (off_t)transfer->body_at);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* The next piece of the request's body. Never more than was announced; less is a failure. */
static size_t on_read(char *out, size_t one, size_t count, void *self)
{
    struct rn_transfer *transfer = self;
    if (transfer->cancelled) {
        return CURL_READFUNC_ABORT;
    }
    uint64_t left = transfer->body_len - transfer->body_at;
    size_t len = one * count < left ? one * count : (size_t)left;
    if (len > 0 && transfer->spill >= 0) {
        ssize_t got = read_spill(transfer, out, len);
        if (got <= 0) {
            return CURL_READFUNC_ABORT;
        }
        len = (size_t)got;
    } else if (len > 0) {
        memcpy(out, transfer->body.data + transfer->body_at, len);
    }
    transfer->body_at += len;
    return len;
}

/*
 * Called before each attempt. When a kept connection ends without an answer, curl sends the request again. What it may have
 * caused upstream (a bill, a message) must not be caused twice, so that holds for methods that RFC 9110 9.2.2 calls
 * idempotent, and for requests of which nothing had gone out.
 */
static int on_attempt(void *self, char *theirs, char *ours, int their_port, int our_port)
{
    struct rn_transfer *transfer = self;
    long sent = 0;
    (void)theirs;
    (void)ours;
    (void)their_port;
    (void)our_port;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &sent);
    if (sent == 0 || transfer->may_repeat) {
        return CURL_PREREQFUNC_OK;
    }
    refuse(transfer, "closed a kept connection without an answer to this request");
    return CURL_PREREQFUNC_ABORT;
}

/* curl rewinds when a kept connection turned out to be dead and it sends the request again. */
static int on_seek(void *self, curl_off_t offset, int origin)
{
    struct rn_transfer *transfer = self;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > transfer->body_len ||
        transfer->is_gone) {
        return CURL_SEEKFUNC_FAIL;
    }
    transfer->body_at = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* --- silence --------------------------------------------------------------------------------- */

/*
 * Fires once per period, not per piece. Time does not count while the handler makes us wait, nor while the upstream still
 * takes the request.
 */
static void on_idle(void *self)
{
    struct rn_transfer *transfer = self;
    uint64_t limit_ns = (uint64_t)transfer->idle_ms * NS_PER_MS;
    uint64_t now_ns = rn_loop_now_ns(transfer->upstreams->loop);
    curl_off_t sent = 0;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    if (transfer->paused || sent != transfer->sent_bytes) {
        transfer->sent_bytes = sent;
        transfer->heard_ns = now_ns;
    }
    uint64_t silent_ns = now_ns - transfer->heard_ns;
    if (silent_ns < limit_ns) {
        rn_timer_start(transfer->idle, limit_ns - silent_ns);
        return;
    }
    (void)snprintf(transfer->detail, sizeof transfer->detail, "was silent for %ld ms",
                   transfer->idle_ms);
    transfer->fault = transfer->detail;
    rn_shard_remove(transfer);
    rn_transfer_end(transfer, CURLE_OPERATION_TIMEDOUT);
}

/* --- making and keeping ---------------------------------------------------------------------- */

/* Options that are the same for every request; http.md 5 says why. */
static bool configure(struct rn_transfer *transfer)
{
    CURL *easy = transfer->easy;
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_NOSIGNAL, 1},       {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
        {CURLOPT_PATH_AS_IS, 1},     {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_HTTP09_ALLOWED, 0}, {CURLOPT_TCP_KEEPALIVE, 1},
        {CURLOPT_FAILONERROR, 0},    {CURLOPT_MAXAGE_CONN, RN_KEPT_IDLE_S},
    };
    CURLcode code = CURLE_OK;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] && code == CURLE_OK; i++) {
        code = curl_easy_setopt(easy, numbers[i].option, numbers[i].value);
    }
    return code == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           /* Not even http_proxy of our environment, which may be us. */
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           /* Spares it looking for no_proxy in the environment, twice per request. */
           curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->detail) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_line) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_piece) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_READDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SEEKDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_attempt) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, rn_socket_open) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer->upstreams) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, rn_socket_close) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, transfer->upstreams) == CURLE_OK;
}

void rn_transfer_destroy(struct rn_transfer *transfer)
{
    if (transfer == NULL) {
        return;
    }
    if (transfer->easy != NULL) {
        curl_easy_cleanup(transfer->easy);
    }
    rn_timer_free(transfer->idle);
    rn_buffer_free(&transfer->text);
    rn_buffer_free(&transfer->head);
    rn_buffer_free(&transfer->trailers);
    rn_free(transfer->fields);
    rn_free(transfer);
}

static struct rn_transfer *transfer_new(struct rn_upstreams *upstreams)
{
    struct rn_transfer *transfer = rn_calloc(1, sizeof *transfer);
    if (transfer == NULL) {
        return NULL;
    }
    transfer->upstreams = upstreams;
    rn_buffer_init(&transfer->head, RN_HEAD_BYTES_MAX);
    rn_buffer_init(&transfer->trailers, RN_TRAILER_BYTES_MAX);
    transfer->idle = rn_timer_new(upstreams->loop, on_idle, transfer);
    transfer->easy = transfer->idle == NULL ? NULL : curl_easy_init();
    if (transfer->easy == NULL || !configure(transfer)) {
        rn_transfer_destroy(transfer);
        return NULL;
    }
    return transfer;
}

static struct rn_transfer *transfer_obtain(struct rn_upstreams *upstreams)
{
    struct rn_transfer *transfer = upstreams->spare;
    if (transfer == NULL) {
        return transfer_new(upstreams);
    }
    upstreams->spare = transfer->next;
    upstreams->spare_count--;
    transfer->next = NULL;
    return transfer;
}

void rn_transfer_recycle(struct rn_transfer *transfer)
{
    struct rn_upstreams *upstreams = transfer->upstreams;
    assert(transfer->shard == NULL && !transfer->added && !transfer->todo);
    if (upstreams->spare_count >= SPARE_MAX) {
        rn_transfer_destroy(transfer);
        return;
    }
    rn_timer_stop(transfer->idle);
    rn_buffer_clear(&transfer->text);
    rn_buffer_clear(&transfer->head);
    rn_buffer_clear(&transfer->trailers);
    transfer->handler = NULL;
    transfer->upstream = NULL;
    transfer->next = upstreams->spare;
    upstreams->spare = transfer;
    upstreams->spare_count++;
}

/* --- life ------------------------------------------------------------------------------------ */

struct rn_transfer *rn_transfer_start(struct rn_upstreams *upstreams,
                                      const struct rn_upstream *upstream,
                                      const struct rn_forward *forward,
                                      const struct rn_transfer_handler *handler, void *self)
{
    struct rn_transfer *transfer = transfer_obtain(upstreams);
    if (transfer == NULL) {
        return NULL;
    }
    transfer->upstream = upstream;
    transfer->handler = handler;
    transfer->self = self;
    transfer->cancelled = transfer->paused = transfer->halted = false;
    transfer->state = RN_TRANSFER_HEAD;
    transfer->body_bytes = 0;
    transfer->interim_bytes = 0;
    transfer->fault = NULL;
    transfer->detail[0] = '\0';
    transfer->sent_bytes = 0;
    transfer->body_at = transfer->body_len = 0;
    transfer->is_copied = transfer->is_gone = false;
    transfer->idle_ms = upstreams->idle_ms;
    transfer->heard_ns = rn_loop_now_ns(upstreams->loop);
    if (!rn_transfer_prepare(transfer, forward) || !rn_shard_take(transfer)) {
        rn_transfer_recycle(transfer);
        return NULL;
    }
    rn_timer_start(transfer->idle, (uint64_t)transfer->idle_ms * NS_PER_MS);
    return transfer;
}

void rn_transfer_resume(struct rn_transfer *transfer)
{
    assert(!transfer->cancelled);
    transfer->paused = false;
    transfer->heard_ns = rn_loop_now_ns(transfer->upstreams->loop);
    if (transfer->halted) {
        rn_shard_resume(transfer);
    }
}

bool rn_transfer_let_go(struct rn_transfer *transfer)
{
    bool has_all = transfer->is_copied || transfer->body_at == transfer->body_len;
    if (transfer->state != RN_TRANSFER_BODY || !has_all) {
        return false;
    }
    transfer->body = rn_bytes_of(NULL, 0);
    transfer->is_gone = true;
    return true;
}

void rn_transfer_cancel(struct rn_transfer *transfer)
{
    assert(!transfer->cancelled);
    transfer->cancelled = true;
    rn_shard_drop(transfer);
}

/* --- the end --------------------------------------------------------------------------------- */

#define NAME_OF(code)                                                                              \
    case code:                                                                                     \
        return #code

static const char *code_name(CURLcode code)
{
    switch ((int)code) {
        NAME_OF(CURLE_OK);
        NAME_OF(CURLE_UNSUPPORTED_PROTOCOL);
        NAME_OF(CURLE_URL_MALFORMAT);
        NAME_OF(CURLE_COULDNT_RESOLVE_HOST);
        NAME_OF(CURLE_COULDNT_CONNECT);
        NAME_OF(CURLE_WEIRD_SERVER_REPLY);
        NAME_OF(CURLE_PARTIAL_FILE);
        NAME_OF(CURLE_WRITE_ERROR);
        NAME_OF(CURLE_READ_ERROR);
        NAME_OF(CURLE_OUT_OF_MEMORY);
        NAME_OF(CURLE_OPERATION_TIMEDOUT);
        NAME_OF(CURLE_SSL_CONNECT_ERROR);
        NAME_OF(CURLE_ABORTED_BY_CALLBACK);
        NAME_OF(CURLE_GOT_NOTHING);
        NAME_OF(CURLE_SEND_ERROR);
        NAME_OF(CURLE_RECV_ERROR);
        NAME_OF(CURLE_SSL_CERTPROBLEM);
        NAME_OF(CURLE_PEER_FAILED_VERIFICATION);
        NAME_OF(CURLE_SSL_CACERT_BADFILE);
        NAME_OF(CURLE_BAD_CONTENT_ENCODING);
        NAME_OF(CURLE_SEND_FAIL_REWIND);
        NAME_OF(CURLE_SSL_CIPHER);
        NAME_OF(CURLE_SSL_ISSUER_ERROR);
        NAME_OF(CURLE_UNRECOVERABLE_POLL);
    default:
        return "CURLE_OTHER";
    }
}

#undef NAME_OF

/* The system's or curl's reason in lower case, for use in brackets. */
static void reason_of(const struct rn_transfer *transfer, CURLcode code, char *out, size_t size)
{
    long cause = 0;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &cause);
    bool of_socket =
        code == CURLE_COULDNT_CONNECT || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR;
    const char *reason = transfer->detail[0] != '\0' ? transfer->detail : curl_easy_strerror(code);
    if (code == CURLE_OK) {
        reason = "the connection ended";
    } else if (of_socket && cause != 0) {
        reason = strerror((int)cause);
    }
    (void)snprintf(out, size, "%s", reason);
    if (!isupper((unsigned char)out[0]) || !isupper((unsigned char)out[1])) {
        out[0] = (char)rn_byte_lower((uint8_t)out[0]);
    }
}

/* What happened before there was a head. */
static const char *early_pattern(CURLcode code)
{
    switch ((int)code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return "cannot resolve the host of %.120s (%.80s)";
    case CURLE_COULDNT_CONNECT:
        return "could not connect to %.120s (%.80s)";
    case CURLE_OPERATION_TIMEDOUT:
        return "no answer from %.120s in time (%.80s)";
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return "the certificate of %.120s cannot be trusted (%.80s)";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
        return "no TLS with %.120s (%.80s)";
    case CURLE_GOT_NOTHING:
        return "%.120s closed the connection without an answer (%.80s)";
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        return "%.120s does not answer in HTTP/1.1 (%.80s)";
    case CURLE_OK:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
        return "%.120s broke off before its answer's head was complete (%.80s)";
    default:
        return "the request to %.120s failed (%.80s)";
    }
}

static void write_sentence(const struct rn_transfer *transfer, CURLcode code, char *out,
                           size_t size)
{
    const char *url = transfer->upstream->url;
    char reason[CURL_ERROR_SIZE];
    reason_of(transfer, code, reason, sizeof reason);
    int len;
    if (transfer->fault != NULL) {
        len = snprintf(out, size, "%s %s", url, transfer->fault);
    } else if (transfer->state == RN_TRANSFER_BODY) {
        len = snprintf(out, size, "%.120s cut its answer after %llu bytes of the body (%.80s)", url,
                       (unsigned long long)transfer->body_bytes, reason);
    } else {
        /* The patterns are all ours and take the same two strings. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        len = snprintf(out, size, early_pattern(code), url, reason);
#pragma GCC diagnostic pop
    }
    (void)len; /* a long reason may be cut */
}

void rn_transfer_end(struct rn_transfer *transfer, CURLcode code)
{
    struct rn_transfer_end end = {0};
    if (transfer->ends_with_head && transfer->state == RN_TRANSFER_BODY) {
        code = CURLE_OK; /* we broke it off ourselves */
    }
    end.complete = code == CURLE_OK && transfer->state == RN_TRANSFER_BODY;
    end.timed_out = code == CURLE_OPERATION_TIMEDOUT;
    end.trailers = rn_buffer_bytes(&transfer->trailers);
    if (!end.complete) {
        write_sentence(transfer, code, end.sentence, sizeof end.sentence);
        if (code == CURLE_OK) {
            code = CURLE_PARTIAL_FILE; /* the end of the connection inside the head */
        }
    }
    end.code = (int)code;
    end.name = code_name(code);
    rn_timer_stop(transfer->idle);
    transfer->handler->on_done(transfer->self, &end);
    rn_transfer_recycle(transfer);
}
