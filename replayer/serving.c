/*
 * One answer on its way to the client. In: a recorded event, the book of orders, the clock of the loop. Out: heads, pieces,
 * ends. Knows nothing of matching and verdicts.
 */
#include "serving.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "base/memory.h"
#include "base/varint.h"

enum step { STEP_HEAD, STEP_PIECES, STEP_END, STEP_OVER };

/* The body as the pieces it was passed on in. */
struct pieces {
    struct rn_bytes body;
    struct rn_bytes cuts;
    struct rn_bytes times;
    struct rn_bytes stamps;
    struct rn_bytes next; /* the piece that comes next; empty at the end */
    uint64_t next_ns;     /* since arrival */
    uint64_t given;       /* the last stamp that was given before it */
    bool has_stamps;
    bool lacks; /* there is less than the cuts say: some of it was not kept */
};

struct rn_serving {
    struct rn_hold hold;
    struct rn_stage *stage;
    struct rn_exchange *exchange;
    struct rn_arena arena;
    struct rn_event event;
    struct pieces pieces;
    struct rn_timer *timer;
    uint64_t arrived_ns; /* on the loop's clock */
    uint64_t passed;     /* the highest stamp whose point passed */
    uint64_t sent_bytes;
    size_t cursor; /* of rn_order_stamp_at */
    uint32_t row;
    enum step step;
    bool quiet;     /* no client came or left while it was on its way */
    bool waiting;   /* for room or a time */
    bool full;      /* for room */
    bool lingering; /* for its client to leave */
    bool outstayed; /* it did not */
    uint64_t moves; /* of the stage, when its patience began */
    struct rn_serving *next_lingering;
    struct rn_serving *previous_lingering;
};

void rn_stage_free(struct rn_stage *stage)
{
    rn_free(stage->alterations);
    stage->alterations = NULL;
    stage->alteration_count = stage->alteration_cap = 0;
}

/* --- what is altered ----------------------------------------------------------------------------------------------- */

static void note_alteration(struct rn_stage *stage, const struct rn_alteration *alteration)
{
    uint32_t *counts[] = {&stage->redacted, &stage->retry_after, &stage->framing};
    ++*counts[alteration->what];
    if (stage->alteration_count == RN_ALTERATIONS_MAX) {
        return;
    }
    if (stage->alteration_count == stage->alteration_cap) {
        size_t cap = stage->alteration_cap == 0 ? 16 : 2 * stage->alteration_cap;
        void *grown = rn_realloc(stage->alterations, cap * sizeof *stage->alterations);
        if (grown == NULL) {
            stage->failed = true;
            return;
        }
        stage->alterations = grown;
        stage->alteration_cap = cap;
    }
    stage->alterations[stage->alteration_count++] = *alteration;
}

static void note_redactions(struct rn_serving *serving)
{
    static const enum rn_tag tags[] = {RN_TAG_INTERIM, RN_TAG_RESPONSE_HEAD, RN_TAG_RESPONSE_BODY,
                                       RN_TAG_RESPONSE_TRAILERS};
    struct rn_spans spans = {0};
    if (!rn_event_has(&serving->event, RN_TAG_REDACTIONS)) {
        return;
    }
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        spans.count = 0;
        serving->stage->failed |= rn_event_spans(&serving->event, tags[i], &spans) != RN_OK;
        for (size_t k = 0; k < spans.count; k++) {
            note_alteration(serving->stage, &(struct rn_alteration){.row = serving->row,
                                                                    .what = RN_ALTERED_REDACTED,
                                                                    .tag = tags[i],
                                                                    .offset = spans.at[k].offset,
                                                                    .len = spans.at[k].len});
        }
    }
    rn_spans_free(&spans);
}

/* --- pieces -------------------------------------------------------------------------------------------------------- */

/* What the cuts do not cover (there should be nothing) comes as one last piece. */
static void piece_next(struct pieces *pieces)
{
    uint64_t len = 0;
    uint64_t since = 0;
    if (!rn_varint_get(&pieces->cuts, &len) || len == 0 || len > pieces->body.len) {
        pieces->lacks = pieces->lacks || len > pieces->body.len;
        len = pieces->body.len;
        pieces->cuts.len = 0;
    }
    if (rn_varint_get(&pieces->times, &since)) {
        pieces->next_ns += since;
    }
    if (rn_varint_get(&pieces->stamps, &since)) {
        pieces->given += since;
    }
    pieces->next = rn_bytes_sub(pieces->body, 0, (size_t)len);
    pieces->body = rn_bytes_from(pieces->body, (size_t)len);
}

static bool piece_is_last(const struct pieces *pieces)
{
    return pieces->body.len == 0;
}

/* --- birth and death ----------------------------------------------------------------------------------------------- */

static const struct rn_order_fact *fact_of(const struct rn_serving *serving)
{
    return &serving->stage->catalog->facts[serving->row];
}

static const struct rn_recorded *row_of(const struct rn_serving *serving)
{
    return &serving->stage->catalog->rows[serving->row];
}

static bool ends_itself(const struct rn_serving *serving)
{
    return row_of(serving)->end != RN_END_ABORTED && row_of(serving)->end != RN_END_LOST;
}

struct rn_serving *rn_serving_new(struct rn_stage *stage, struct rn_exchange *exchange,
                                  uint32_t row, const struct rn_event *event,
                                  struct rn_arena *arena)
{
    struct rn_serving *serving = rn_calloc(1, sizeof *serving);
    if (serving == NULL) {
        return NULL;
    }
    serving->stage = stage;
    serving->exchange = exchange;
    serving->row = row;
    serving->hold.given_ns = fact_of(serving)->arrived_ns;
    serving->event = *event;
    serving->arena = *arena;
    *arena = (struct rn_arena){0};
    serving->arrived_ns = rn_loop_now_ns(stage->loop);
    serving->pieces = (struct pieces){.body = rn_event_get(event, RN_TAG_RESPONSE_BODY),
                                      .cuts = rn_event_get(event, RN_TAG_RESPONSE_CUTS),
                                      .times = rn_event_get(event, RN_TAG_PIECE_TIMES),
                                      .stamps = rn_event_get(event, RN_TAG_PIECE_STAMPS),
                                      .given = fact_of(serving)->arrival,
                                      .has_stamps = rn_event_has(event, RN_TAG_PIECE_STAMPS)};
    piece_next(&serving->pieces);
    serving->quiet = rn_order_is_off(stage->order) ||
                     rn_order_is_quiet(stage->order, row, fact_of(serving)->first_byte);
    rn_exchange_set_context(exchange, serving);
    stage->on_the_way[row] = serving;
    return serving;
}

static void linger_begin(struct rn_serving *serving)
{
    struct rn_stage *stage = serving->stage;
    serving->lingering = true;
    rn_order_linger(stage->order, 1);
    serving->next_lingering = stage->lingering;
    if (stage->lingering != NULL) {
        stage->lingering->previous_lingering = serving;
    }
    stage->lingering = serving;
}

static void linger_end(struct rn_serving *serving)
{
    if (!serving->lingering) {
        return;
    }
    rn_order_linger(serving->stage->order, -1);
    if (serving->previous_lingering == NULL) {
        serving->stage->lingering = serving->next_lingering;
    } else {
        serving->previous_lingering->next_lingering = serving->next_lingering;
    }
    if (serving->next_lingering != NULL) {
        serving->next_lingering->previous_lingering = serving->previous_lingering;
    }
    serving->lingering = false;
}

void rn_serving_free(struct rn_serving *serving)
{
    if (serving == NULL) {
        return;
    }
    serving->stage->on_the_way[serving->row] = NULL;
    rn_order_forget(serving->stage->order, &serving->hold);
    linger_end(serving);
    if (serving->timer != NULL) {
        rn_timer_free(serving->timer);
    }
    rn_arena_free(&serving->arena);
    rn_free(serving);
}

struct rn_serving *rn_serving_of(struct rn_hold *hold)
{
    return (struct rn_serving *)(void *)((char *)hold - offsetof(struct rn_serving, hold));
}

struct rn_hold *rn_serving_hold(struct rn_serving *serving)
{
    return &serving->hold;
}

uint32_t rn_serving_row(const struct rn_serving *serving)
{
    return serving->row;
}

struct rn_exchange *rn_serving_exchange(const struct rn_serving *serving)
{
    return serving->exchange;
}

bool rn_serving_outstayed(const struct rn_serving *serving)
{
    return serving->outstayed;
}

enum rn_unread rn_serving_unread(const struct rn_serving *serving)
{
    if (serving->step == STEP_OVER && !serving->lingering) {
        return RN_UNREAD_WHOLE;
    }
    return serving->full ? RN_UNREAD_PART : RN_UNREAD_NOT;
}

uint64_t rn_serving_sent_bytes(const struct rn_serving *serving)
{
    return serving->sent_bytes;
}

/* --- points -------------------------------------------------------------------------------------------------------- */

static void linger_on(struct rn_serving *serving);

static void on_time(void *self)
{
    struct rn_serving *serving = self;
    serving->waiting = false;
    if (serving->lingering) {
        if (serving->moves != serving->stage->moves) {
            linger_on(serving); /* the application is at work, however slowly */
            return;
        }
        serving->outstayed = true;
        rn_exchange_cut(serving->exchange);
        return;
    }
    rn_serving_go(serving);
}

static bool has_timer(struct rn_serving *serving)
{
    if (serving->timer == NULL) {
        serving->timer = rn_timer_new(serving->stage->loop, on_time, serving);
        serving->stage->failed = serving->stage->failed || serving->timer == NULL;
    }
    return serving->timer != NULL;
}

/* With a pace: whether the time of a point has come. Sets the timer when it has not. */
static bool is_time(struct rn_serving *serving, uint64_t recorded_ns)
{
    if (serving->stage->pace <= 0) {
        return true;
    }
    double due = (double)recorded_ns / serving->stage->pace;
    uint64_t now = rn_loop_now_ns(serving->stage->loop) - serving->arrived_ns;
    if (due <= (double)now) {
        return true;
    }
    if (!has_timer(serving)) {
        return true;
    }
    serving->waiting = true;
    rn_timer_start(serving->timer, (uint64_t)(due - (double)now) + 1);
    return false;
}

/* A point that comes again after its hold or its timer passes by what was noted. */
static bool may_pass(struct rn_serving *serving, uint64_t stamp, uint64_t recorded_ns)
{
    if (stamp > serving->passed) {
        if (!rn_order_pass(serving->stage->order, &serving->hold, serving->row, stamp)) {
            serving->hold.since_ns = rn_loop_now_ns(serving->stage->loop);
            return false;
        }
        serving->passed = stamp;
    }
    if (!is_time(serving, recorded_ns)) {
        return false;
    }
    serving->hold.given = serving->passed;
    serving->hold.given_ns = fact_of(serving)->arrived_ns + recorded_ns;
    return true;
}

/* The body came in one piece and no client did anything meanwhile: the head need not go before the end. */
static bool is_whole(const struct rn_serving *serving)
{
    return serving->quiet && serving->step <= STEP_PIECES && serving->sent_bytes == 0 &&
           piece_is_last(&serving->pieces) && ends_itself(serving);
}

/*
 * The last piece is given together with the end when the framing makes it the end (a Content-Length that it fills), or when no
 * client did anything between the two: clients act on a stream's last event, not on the empty chunk behind it.
 */
static bool goes_with_end(const struct rn_serving *serving, uint64_t stamp)
{
    struct rn_bytes framing = rn_event_get(&serving->event, RN_TAG_RESPONSE_FRAMING);
    if (!ends_itself(serving) || !piece_is_last(&serving->pieces)) {
        return false;
    }
    bool is_filled = framing.len == 1 && framing.data[0] == RN_FRAMING_LENGTH &&
                     row_of(serving)->end != RN_END_CUT;
    return is_filled || serving->quiet ||
           rn_order_is_quiet(serving->stage->order, serving->row, stamp);
}

static uint64_t piece_stamp(struct rn_serving *serving)
{
    const struct rn_order_fact *fact = fact_of(serving);
    const struct rn_order_book *order = serving->stage->order;
    if (serving->pieces.has_stamps) {
        return rn_order_stamp_of(order, serving->row, serving->pieces.given);
    }
    if (serving->quiet) {
        return fact->first_byte;
    }
    return rn_order_stamp_at(order, serving->row, fact->arrived_ns + serving->pieces.next_ns,
                             &serving->cursor);
}

static bool piece_may_pass(struct rn_serving *serving)
{
    uint64_t stamp = piece_stamp(serving);
    if (goes_with_end(serving, stamp)) {
        stamp = fact_of(serving)->end;
    }
    return may_pass(serving, stamp, serving->pieces.next_ns);
}

/* --- heads --------------------------------------------------------------------------------------------------------- */

static bool is_same_client(const struct rn_serving *serving)
{
    struct rn_bytes recorded = rn_event_get(&serving->event, RN_TAG_CLIENT);
    struct rn_client live = rn_exchange_client(serving->exchange);
    return recorded.len == 3 && recorded.data[0] == live.version_minor &&
           recorded.data[1] == (live.keep_alive ? 1 : 0) &&
           recorded.data[2] == (live.is_head ? 1 : 0);
}

/* Takes the next line off `rest`. False at the end. */
static bool line_next(struct rn_bytes *rest, struct rn_bytes *line)
{
    size_t end = rn_bytes_find_byte(*rest, '\n');
    *line = rn_bytes_sub(*rest, 0, end == RN_NPOS ? rest->len : end + 1);
    *rest = rn_bytes_from(*rest, line->len);
    return line->len > 0;
}

/* A waiting time becomes zeros of the same length; a date becomes a zero and blanks. */
static void zero_wait(uint8_t *value, size_t len)
{
    bool is_number = true;
    for (size_t i = 0; i < len; i++) {
        is_number = is_number && ((value[i] >= '0' && value[i] <= '9') || value[i] == '.');
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_number) {
            value[i] = i == 0 ? '0' : ' ';
        } else if (value[i] != '.') {
            value[i] = '0';
        }
    }
}

static void zero_retry_after(struct rn_serving *serving, uint8_t *head, size_t len)
{
    struct rn_bytes rest = rn_bytes_of(head, len);
    struct rn_bytes line;
    while (line_next(&rest, &line)) {
        struct rn_http_field field;
        if (rn_http_field_split(line, &field) && field.value.len > 0 &&
            (rn_bytes_equal_nocase(field.name, RN_LIT("retry-after")) ||
             rn_bytes_equal_nocase(field.name, RN_LIT("retry-after-ms")))) {
            size_t offset = (size_t)(field.value.data - head);
            zero_wait(head + offset, field.value.len);
            note_alteration(serving->stage, &(struct rn_alteration){.row = serving->row,
                                                                    .what = RN_ALTERED_RETRY_AFTER,
                                                                    .tag = RN_TAG_RESPONSE_HEAD,
                                                                    .offset = offset,
                                                                    .len = field.value.len});
        }
    }
}

static uint64_t announced_length(struct rn_bytes head)
{
    struct rn_bytes line;
    uint64_t length = 0;
    while (line_next(&head, &line)) {
        struct rn_http_field field;
        if (rn_http_field_split(line, &field) &&
            rn_bytes_equal_nocase(field.name, RN_LIT("content-length")) &&
            rn_bytes_to_u64(field.value, &length)) {
            break;
        }
    }
    return length;
}

static struct rn_bytes head_to_send(struct rn_serving *serving)
{
    struct rn_bytes head = rn_event_get(&serving->event, RN_TAG_RESPONSE_HEAD);
    if (serving->stage->pace > 0 || serving->stage->exact ||
        rn_bytes_find_nocase(head, RN_LIT("retry-after")) == RN_NPOS) {
        return head;
    }
    struct rn_bytes copy = rn_arena_copy(&serving->arena, head);
    if (copy.data == NULL) {
        serving->stage->failed = true;
        return head;
    }
    zero_retry_after(serving, (uint8_t *)(uintptr_t)copy.data, copy.len);
    return copy;
}

/* For a client of another kind. False: there is no head to send, and the exchange was cut. */
static bool send_composed(struct rn_serving *serving, struct rn_bytes head)
{
    struct rn_buffer composed = {0};
    struct rn_answer answer = {0};
    enum rn_status status =
        rn_answer_compose(&composed, head, rn_exchange_client(serving->exchange), &answer);
    if (status != RN_OK) {
        serving->stage->failed = true;
        rn_exchange_cut(serving->exchange);
    } else {
        rn_exchange_start(serving->exchange, rn_buffer_bytes(&composed), answer.framing,
                          answer.length);
        note_alteration(serving->stage, &(struct rn_alteration){.row = serving->row,
                                                                .what = RN_ALTERED_FRAMING,
                                                                .tag = RN_TAG_RESPONSE_HEAD,
                                                                .len = head.len});
    }
    rn_buffer_free(&composed);
    return status == RN_OK;
}

static void send_interim(struct rn_serving *serving)
{
    struct rn_bytes interim = rn_event_get(&serving->event, RN_TAG_INTERIM);
    note_redactions(serving);
    if (interim.len > 0) {
        rn_exchange_inform(serving->exchange, interim);
    }
}

static bool send_head(struct rn_serving *serving)
{
    struct rn_bytes framing = rn_event_get(&serving->event, RN_TAG_RESPONSE_FRAMING);
    struct rn_bytes head = head_to_send(serving);
    send_interim(serving);
    if (!is_same_client(serving) || framing.len != 1) {
        return send_composed(serving, head);
    }
    rn_exchange_start(serving->exchange, head, (enum rn_http_framing)framing.data[0],
                      announced_length(head));
    return true;
}

/* --- going on ------------------------------------------------------------------------------------------------------ */

static bool go_head(struct rn_serving *serving)
{
    const struct rn_order_fact *fact = fact_of(serving);
    const struct rn_recorded *row = row_of(serving);
    bool whole = is_whole(serving);
    if (rn_event_get(&serving->event, RN_TAG_RESPONSE_HEAD).len == 0) {
        send_interim(serving);
        serving->step = STEP_END; /* its client left before there was an answer */
        return true;
    }
    if (!may_pass(serving, whole ? fact->end : fact->first_byte,
                  whole ? row->end_ns : row->first_ns)) {
        return false;
    }
    serving->step = send_head(serving) ? STEP_PIECES : STEP_OVER;
    return true;
}

static bool go_pieces(struct rn_serving *serving)
{
    while (serving->pieces.next.len > 0) {
        if (!piece_may_pass(serving)) {
            return false;
        }
        struct rn_bytes piece = serving->pieces.next;
        piece_next(&serving->pieces);
        serving->sent_bytes += piece.len;
        if (!rn_exchange_write(serving->exchange, piece)) {
            serving->waiting = serving->full = true;
            return false;
        }
    }
    serving->step = STEP_END;
    return true;
}

/*
 * The client is the one who leaves, but not for ever: one that was ended by a signal when recorded would stay. A time-out of
 * its own takes as long as when recorded. It counts from the last sign of life of the application.
 */
static void linger_on(struct rn_serving *serving)
{
    const struct rn_stage *stage = serving->stage;
    double slowness = stage->pace > 0 && stage->pace < 1 ? stage->pace : 1;
    double limit = 3 * (double)row_of(serving)->end_ns / slowness;
    double least = (double)stage->patience_ns;
    serving->moves = stage->moves;
    rn_timer_start(serving->timer, (uint64_t)(limit > least ? limit : least));
}

static void linger(struct rn_serving *serving)
{
    linger_begin(serving);
    if (serving->stage->dismissed) {
        rn_exchange_cut(serving->exchange);
    } else if (has_timer(serving)) {
        linger_on(serving);
    }
}

void rn_stage_dismiss(struct rn_stage *stage)
{
    stage->dismissed = true;
    for (struct rn_serving *s = stage->lingering; s != NULL; s = s->next_lingering) {
        rn_exchange_cut(s->exchange);
    }
}

static bool go_end(struct rn_serving *serving)
{
    const struct rn_recorded *row = row_of(serving);
    if (!ends_itself(serving)) {
        serving->step = STEP_OVER;
        linger(serving);
        return false;
    }
    if (!may_pass(serving, fact_of(serving)->end, row->end_ns)) {
        return false;
    }
    serving->step = STEP_OVER;
    /* What was not kept whole is not given as whole. */
    if (row->end == RN_END_CUT || serving->pieces.lacks ||
        rn_event_get(&serving->event, RN_TAG_RESPONSE_HEAD).len == 0) {
        rn_exchange_cut(serving->exchange);
    } else {
        rn_exchange_finish(serving->exchange,
                           rn_event_get(&serving->event, RN_TAG_RESPONSE_TRAILERS));
    }
    return false;
}

void rn_serving_go(struct rn_serving *serving)
{
    bool more = !serving->waiting && !serving->hold.waiting;
    while (more) {
        switch (serving->step) {
        case STEP_HEAD:
            more = go_head(serving);
            break;
        case STEP_PIECES:
            more = go_pieces(serving);
            break;
        case STEP_END:
            more = go_end(serving);
            break;
        case STEP_OVER:
            more = false;
            break;
        }
    }
}

void rn_serving_drained(struct rn_serving *serving)
{
    if (serving->timer != NULL) {
        rn_timer_stop(serving->timer);
    }
    serving->waiting = serving->full = false;
    rn_serving_go(serving);
}

void rn_serving_released(struct rn_hold *hold)
{
    struct rn_serving *serving = rn_serving_of(hold);
    assert(!hold->waiting);
    serving->passed = hold->stamp;
    rn_serving_go(serving);
}
