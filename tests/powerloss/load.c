/*
 * One round of work on a store. In comes a seed, out come the disk's log and what was promised at which point of it. Whether
 * the promises hold is judge.c's.
 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "image.h"

#define TEXT_BYTES ((size_t)1 << 20)
#define BURST_MAX 6u
#define OPEN_TRACES_MAX 3u

struct round {
    struct load *load;
    struct load_desk desk;
    const char *directory;
    const char *bundle;
    uint64_t seed;
    bool is_failing;
    bool is_broken; /* not as it should be: the round ends */
    bool is_over;   /* the store cannot be opened */
    bool has_imported;
    struct rn_error error;
};

/* What an entry of a burst was about. */
struct errand {
    struct rn_entry entry;
    struct load_event *event;
    size_t bytes;
    bool is_last;
};

static size_t chance(struct round *round, size_t below)
{
    return (size_t)(image_chance(&round->seed) % below);
}

/* --- what is recorded ----------------------------------------------------------------------------------------------- */

struct rn_bytes load_text(uint64_t seed, size_t len)
{
    static char text[TEXT_BYTES];
    if (text[0] == '\0') {
        uint64_t state = 1;
        for (size_t i = 0; i < sizeof text; i++) {
            text[i] = i % 7 == 6 ? ' ' : (char)('a' + image_chance(&state) % 26);
        }
    }
    return rn_bytes_of(text + seed % (sizeof text - len), len);
}

void load_exchange(struct rn_event *event, uint32_t n, struct rn_bytes body, const char *head)
{
    *event = (struct rn_event){.class = RN_CLASS_EVENT, .n = n};
    rn_event_set(event, RN_TAG_KIND, RN_LIT("\2"));
    rn_event_set(event, RN_TAG_TIMES, RN_LIT("\1\2\3"));
    rn_event_set(event, RN_TAG_RULE, RN_LIT("run"));
    rn_event_set(event, RN_TAG_UPSTREAM, RN_LIT("openai"));
    rn_event_set(event, RN_TAG_METHOD, RN_LIT("POST"));
    rn_event_set(event, RN_TAG_TARGET, RN_LIT("/v1/chat/completions"));
    rn_event_set(event, RN_TAG_REQUEST_HEAD,
                 RN_LIT("POST /v1/chat/completions HTTP/1.1\r\nhost: api\r\n"
                        "content-type: application/json\r\n\r\n"));
    rn_event_set(event, RN_TAG_REQUEST_BODY, load_text(n * 977u, 300));
    rn_event_set(event, RN_TAG_RESPONSE_HEAD, rn_bytes_text(head));
    rn_event_set(event, RN_TAG_RESPONSE_BODY, body);
    rn_event_set(event, RN_TAG_END, RN_LIT("\1"));
}

/* Whether it was done. What a failing disk refuses is counted; anything else ends the round. */
static bool was_done(struct round *round, enum rn_status status, const char *what)
{
    if (status == RN_OK) {
        return true;
    }
    round->load->refusals++;
    bool is_clear = round->error.text[0] != '\0' && round->error.status == status;
    if (!round->is_failing || !is_clear) {
        fprintf(stderr, "load: %s on a %s disk: %s: %s\n", what,
                round->is_failing ? "failing" : "sound", rn_status_name(status), round->error.text);
        round->is_broken = true;
    }
    round->error = (struct rn_error){.text = ""};
    return false;
}

static struct load_trace *trace_new(struct load *load)
{
    struct load_trace *trace = &load->traces[load->trace_count++];
    *trace = (struct load_trace){.closed = LOAD_NEVER};
    trace->span = (struct load_span){disk_position(), LOAD_NEVER, LOAD_NEVER, LOAD_NEVER};
    return trace;
}

static bool trace_open(struct round *round)
{
    struct load_trace *trace = trace_new(round->load);
    struct rn_recording_settings settings = {.kind = "run", .release = "1"};
    settings.name = chance(round, 2) == 0 ? "name" : NULL;
    rn_uuid7(settings.id.bytes);
    trace->id = settings.id;
    trace->recording = rn_recording_open(round->desk.writer, &settings, NULL);
    return trace->recording != NULL;
}

/* Any trace whose recording is open; opens one when there are few. NULL: there is room for none. */
static struct load_trace *trace_any(struct round *round)
{
    struct load *load = round->load;
    size_t open[LOAD_TRACES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < load->trace_count; i++) {
        if (load->traces[i].recording != NULL) {
            open[count++] = i;
        }
    }
    if (count < OPEN_TRACES_MAX && load->trace_count + 8 < LOAD_TRACES_MAX &&
        (count == 0 || chance(round, 4) == 0)) {
        return trace_open(round) ? &load->traces[load->trace_count - 1] : NULL;
    }
    return count > 0 ? &load->traces[open[chance(round, count)]] : NULL;
}

/* --- bursts of events ----------------------------------------------------------------------------------------------- */

static size_t body_bytes(struct round *round)
{
    switch (chance(round, 12)) {
    case 0:
        return 0;
    case 1:
        return 20000 + chance(round, 60000);
    case 2:
        return 4000 + chance(round, 200);
    default:
        return chance(round, 3000);
    }
}

static struct load_event *event_new(struct round *round, struct load_trace *trace)
{
    struct load *load = round->load;
    size_t number = load->event_count++;
    struct load_event *event = &load->events[number];
    *event = (struct load_event){.trace = (size_t)(trace - load->traces),
                                 .n = ++trace->events,
                                 .body = load_text(image_chance(&round->seed), body_bytes(round)),
                                 .begun = disk_position(),
                                 .acked = LOAD_NEVER};
    (void)snprintf(event->head, sizeof event->head,
                   "HTTP/1.1 200 OK\r\nx-request-id: req_%zu_%u\r\n"
                   "content-type: text/plain\r\n\r\n",
                   number, event->n);
    return event;
}

static void errand_whole(struct errand *errand, struct load_event *event)
{
    load_exchange(&errand->entry.event, event->n, event->body, event->head);
    errand->entry.kind = RN_ENTRY_EVENT;
    errand->bytes = event->body.len;
    errand->is_last = true;
}

/* The opening, one more piece, or the last. */
static void errand_piece(struct round *round, struct errand *errand, struct load_event *event)
{
    size_t left = event->body.len - event->sent;
    bool is_first = !event->is_open;
    errand->is_last = !is_first && (event->piece_count >= LOAD_PIECES_MAX || chance(round, 3) == 0);
    size_t bytes = errand->is_last ? left : chance(round, left + 1);
    struct rn_bytes piece = rn_bytes_of(event->body.data + event->sent, bytes);
    struct rn_event *to = &errand->entry.event;
    if (is_first) {
        load_exchange(to, event->n, piece, event->head);
        to->fields &= ~(UINT64_C(1) << RN_TAG_END);
    } else {
        *to = (struct rn_event){.class = RN_CLASS_EVENT, .n = event->n};
        rn_event_set(to, RN_TAG_RESPONSE_BODY, piece);
    }
    if (errand->is_last) {
        rn_event_set(to, RN_TAG_END, RN_LIT("\1"));
    } else {
        event->pieces[event->piece_count].acked = LOAD_NEVER;
        event->pieces[event->piece_count++].bytes = event->sent + bytes;
    }
    errand->entry.kind = is_first          ? RN_ENTRY_EVENT_OPEN
                         : errand->is_last ? RN_ENTRY_EVENT_CLOSE
                                           : RN_ENTRY_EVENT_PART;
    event->is_open = !errand->is_last;
    event->sent += bytes;
    errand->bytes = event->sent;
}

static struct load_event *event_open_in(struct round *round, size_t trace)
{
    struct load *load = round->load;
    for (size_t i = 0; i < load->event_count; i++) {
        if (load->events[i].is_open && load->events[i].trace == trace) {
            return &load->events[i];
        }
    }
    return NULL;
}

static bool errand_choose(struct round *round, struct errand *errand)
{
    struct load_trace *trace = trace_any(round);
    *errand = (struct errand){.entry = {.kind = RN_ENTRY_EVENT}};
    if (trace == NULL || round->load->event_count == LOAD_EVENTS_MAX) {
        return false;
    }
    struct load_event *open = event_open_in(round, (size_t)(trace - round->load->traces));
    errand->event = open != NULL && chance(round, 2) == 0 ? open : event_new(round, trace);
    errand->entry.trace = trace->recording;
    if (errand->event->is_open || (open == NULL && chance(round, 3) == 0)) {
        errand_piece(round, errand, errand->event);
    } else {
        errand_whole(errand, errand->event);
    }
    return true;
}

static void errand_settle(struct round *round, struct errand *errand)
{
    struct load_event *event = errand->event;
    struct load_trace *trace = &round->load->traces[event->trace];
    size_t now = disk_position();
    if (errand->entry.status != RN_OK) {
        round->error.status = errand->entry.status;
        rn_writer_last_error(round->desk.writer, round->error.text, sizeof round->error.text);
        (void)was_done(round, errand->entry.status, "an event");
        trace->has_failed = true;
        event->has_failed = true;
        event->is_open = false;
        return;
    }
    trace->span.acked = trace->span.acked < now ? trace->span.acked : now;
    for (size_t i = 0; i < event->piece_count; i++) {
        if (event->pieces[i].acked == LOAD_NEVER && event->pieces[i].bytes == errand->bytes) {
            event->pieces[i].acked = now;
            break;
        }
    }
    event->acked = errand->is_last ? now : event->acked;
}

static void burst(struct round *round)
{
    struct errand errands[BURST_MAX];
    size_t count = 0;
    size_t wanted = 1 + chance(round, BURST_MAX);
    while (count < wanted && errand_choose(round, &errands[count])) {
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        rn_writer_submit(round->desk.writer, &errands[i].entry);
    }
    for (size_t i = 0; i < count; i++) {
        round->is_broken |= load_desk_collect(&round->desk) != &errands[i].entry;
        errand_settle(round, &errands[i]);
    }
}

/* --- what else happens ---------------------------------------------------------------------------------------------- */

static void trace_close(struct round *round)
{
    struct load_trace *trace = NULL;
    for (size_t i = 0; trace == NULL && i < round->load->trace_count; i++) {
        bool can_close =
            round->load->traces[i].recording != NULL && event_open_in(round, i) == NULL;
        trace = can_close ? &round->load->traces[i] : NULL;
    }
    if (trace == NULL) {
        return;
    }
    enum rn_status status =
        load_desk_do(&round->desk, RN_ENTRY_TRACE_CLOSE, trace->recording, NULL);
    trace->recording = NULL;
    if (status != RN_OK) {
        round->error.status = status;
        rn_writer_last_error(round->desk.writer, round->error.text, sizeof round->error.text);
    }
    if (was_done(round, status, "a closing")) {
        trace->closed = disk_position();
        trace->span.acked = trace->span.acked < trace->closed ? trace->span.acked : trace->closed;
    }
}

static bool is_held(const struct load *load, size_t trace)
{
    for (size_t i = 0; i < load->hold_count; i++) {
        if (load->holds[i].trace == trace && load->holds[i].span.gone == LOAD_NEVER) {
            return true;
        }
    }
    return false;
}

/* A closed trace that is still there, or LOAD_TRACES_MAX. */
static size_t trace_closed(struct round *round)
{
    struct load *load = round->load;
    size_t from = load->trace_count > 0 ? chance(round, load->trace_count) : 0;
    for (size_t i = 0; i < load->trace_count; i++) {
        size_t at = (from + i) % load->trace_count;
        if (load->traces[at].closed != LOAD_NEVER && load->traces[at].span.ending == LOAD_NEVER) {
            return at;
        }
    }
    return LOAD_TRACES_MAX;
}

static struct load_span span_begun(void)
{
    return (struct load_span){disk_position(), LOAD_NEVER, LOAD_NEVER, LOAD_NEVER};
}

static void drop(struct round *round)
{
    size_t at = trace_closed(round);
    if (at == LOAD_TRACES_MAX || is_held(round->load, at)) {
        return;
    }
    struct load_trace *trace = &round->load->traces[at];
    trace->span.ending = disk_position();
    enum rn_status status = rn_trace_drop(round->desk.store, &trace->id, &round->error);
    trace->span.gone = was_done(round, status, "a drop") ? disk_position() : LOAD_NEVER;
}

static void hold(struct round *round)
{
    struct load *load = round->load;
    size_t at = trace_closed(round);
    if (at == LOAD_TRACES_MAX || load->hold_count == LOAD_HOLDS_MAX || is_held(load, at)) {
        return;
    }
    struct load_hold *held = &load->holds[load->hold_count];
    (void)snprintf(held->holder, sizeof held->holder, "baseline/h%zu-%zu", load->hold_count,
                   chance(round, 1000000));
    load->hold_count++;
    held->trace = at;
    held->span = span_begun();
    enum rn_status status =
        rn_trace_hold(round->desk.store, held->holder, &load->traces[at].id, 1, &round->error);
    held->span.acked = was_done(round, status, "a hold") ? disk_position() : LOAD_NEVER;
}

static void release(struct round *round)
{
    struct load *load = round->load;
    struct load_hold *held =
        load->hold_count > 0 ? &load->holds[chance(round, load->hold_count)] : NULL;
    if (held == NULL || held->span.ending != LOAD_NEVER) {
        return;
    }
    held->span.ending = disk_position();
    enum rn_status status = rn_trace_release(round->desk.store, held->holder, &round->error);
    held->span.gone = was_done(round, status, "a release") ? disk_position() : LOAD_NEVER;
}

static void document_put(struct round *round)
{
    struct load *load = round->load;
    if (load->document_count == LOAD_DOCUMENTS_MAX) {
        return;
    }
    struct load_document *document = &load->documents[load->document_count];
    (void)snprintf(document->name, sizeof document->name, "d%zu-%zu", load->document_count,
                   chance(round, 1000000));
    load->document_count++;
    size_t bytes = chance(round, 4) == 0 ? 300000 + chance(round, 300000) : chance(round, 5000);
    document->bytes = load_text(image_chance(&round->seed), bytes);
    document->span = span_begun();
    enum rn_status status =
        rn_document_put(round->desk.store, "plan", document->name, document->bytes, &round->error);
    document->span.acked = was_done(round, status, "a document") ? disk_position() : LOAD_NEVER;
}

static void document_drop(struct round *round)
{
    struct load *load = round->load;
    struct load_document *document =
        load->document_count > 0 ? &load->documents[chance(round, load->document_count)] : NULL;
    if (document == NULL || document->span.acked == LOAD_NEVER ||
        document->span.ending != LOAD_NEVER) {
        return;
    }
    document->span.ending = disk_position();
    enum rn_status status =
        rn_document_drop(round->desk.store, "plan", document->name, &round->error);
    document->span.gone =
        was_done(round, status, "taking a document away") ? disk_position() : LOAD_NEVER;
}

static void import(struct round *round)
{
    struct rn_bundle_item *items = NULL;
    size_t count = 0;
    size_t begun = disk_position();
    if (round->has_imported || round->bundle == NULL) {
        return;
    }
    round->has_imported = true;
    enum rn_status status = rn_bundle_read(round->bundle, round->desk.store, NULL, NULL, NULL,
                                           &items, &count, NULL, &round->error);
    bool done = was_done(round, status, "an import");
    for (size_t i = 0; i < count && round->load->trace_count < LOAD_TRACES_MAX; i++) {
        struct load_trace *trace = trace_new(round->load);
        trace->id = items[i].id;
        trace->is_imported = true;
        memcpy(trace->evidence, items[i].evidence, sizeof trace->evidence);
        trace->span.begun = begun;
        trace->closed = trace->span.acked = done ? disk_position() : LOAD_NEVER;
    }
    rn_free(items);
}

static void open_desk(struct round *round, const char *what)
{
    enum rn_status status = load_desk_open(&round->desk, round->directory, &round->error);
    round->is_over = !was_done(round, status, what);
}

/* The recorder goes without a word; the next one closes what it left. */
static void come_back(struct round *round)
{
    struct load *load = round->load;
    load_desk_close(&round->desk);
    for (size_t i = 0; i < load->trace_count; i++) {
        load->traces[i].recording = NULL;
    }
    for (size_t i = 0; i < load->event_count; i++) {
        load->events[i].is_open = false;
    }
    open_desk(round, "opening the store again");
}

static void step(struct round *round)
{
    static void (*const steps[])(struct round *) = {
        come_back,   import,      document_put, document_drop, hold,  release, drop,  drop,
        trace_close, trace_close, trace_close,  burst,         burst, burst,   burst, burst,
        burst,       burst,       burst,        burst,         burst, burst,   burst, burst,
    };
    steps[chance(round, sizeof steps / sizeof steps[0])](round);
}

bool load_run(struct load *load, const char *directory, const char *bundle,
              const struct load_plan *plan)
{
    struct round round = {.load = load,
                          .directory = directory,
                          .bundle = bundle,
                          .seed = plan->seed,
                          .is_failing = plan->is_failing};
    *load = (struct load){0};
    rn_clock_hold(UINT64_C(1795000000000000000), UINT64_C(1000000000), plan->seed);
    disk_record(&load->log);
    open_desk(&round, "opening");
    for (unsigned i = 0; !round.is_broken && !round.is_over && i < plan->steps; i++) {
        step(&round);
    }
    if (plan->leaves) {
        disk_record(NULL);
    }
    load_desk_close(&round.desk);
    disk_record(NULL);
    rn_clock_release();
    return !round.is_broken;
}

void load_free(struct load *load)
{
    disk_log_free(&load->log);
}

/* --- a bundle ------------------------------------------------------------------------------------------------------- */

/* Two traces that a load has closed and left there. */
static size_t ids_closed(const struct load *load, struct rn_trace_id ids[2])
{
    size_t count = 0;
    for (size_t i = 0; i < load->trace_count && count < 2; i++) {
        if (load->traces[i].closed != LOAD_NEVER && load->traces[i].span.ending == LOAD_NEVER) {
            ids[count++] = load->traces[i].id;
        }
    }
    return count;
}

bool load_bundle_make(const char *directory, const char *path)
{
    struct load *load = calloc(1, sizeof *load);
    struct rn_trace_id ids[2];
    size_t count = 0;
    struct rn_error error = {.text = ""};
    struct rn_store *store = NULL;
    bool ok = load != NULL;
    for (uint64_t seed = 1000; ok && count < 2 && seed < 1100; seed++) {
        ok = load_run(
            load, directory, NULL,
            &(struct load_plan){.seed = seed, .steps = 40}); /* one more round in the same store */
        count = ok ? ids_closed(load, ids) : 0;
        load_free(load);
    }
    ok = ok && rn_store_open(directory, RN_STORE_READ, &store, &error) == RN_OK &&
         rn_bundle_write(store, ids, count, NULL, path, NULL, &error) == RN_OK;
    rn_store_close(store);
    if (!ok) {
        fprintf(stderr, "load: no bundle was made (%zu traces): %s\n", count, error.text);
    }
    free(load);
    return ok;
}
