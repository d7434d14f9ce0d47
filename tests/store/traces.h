/*
 * Traces for tests, recorded through the one way into a store. Header only. Exchanges look like those of a provider, with ids
 * to be found by; what is random in them is the trace's id and secret alone.
 */
#ifndef RN_TESTS_STORE_TRACES_H
#define RN_TESTS_STORE_TRACES_H

#include <pthread.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/varint.h"
#include "room.h"
#include "store/store.h"
#include "store/trace.h"
#include "store/writer.h"

struct maker {
    struct rn_store *store;
    struct rn_writer *writer;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool is_woken;
};

static inline void maker_wake(void *self)
{
    struct maker *maker = self;
    pthread_mutex_lock(&maker->lock);
    maker->is_woken = true;
    pthread_cond_signal(&maker->woken);
    pthread_mutex_unlock(&maker->lock);
}

static inline void maker_open(struct maker *maker, const char *path)
{
    struct rn_error error = {.text = ""};
    memset(maker, 0, sizeof *maker);
    pthread_mutex_init(&maker->lock, NULL);
    pthread_cond_init(&maker->woken, NULL);
    ck_ok(rn_store_open(path, RN_STORE_CREATE, &maker->store, &error));
    ck_ok(rn_writer_start(maker->store, maker_wake, maker, RN_LIT("key"), &maker->writer, &error));
}

static inline void maker_close(struct maker *maker)
{
    rn_writer_free(maker->writer);
    rn_store_close(maker->store);
    pthread_cond_destroy(&maker->woken);
    pthread_mutex_destroy(&maker->lock);
}

/* Submits one entry and waits until it is durable. */
static inline enum rn_status maker_submit(struct maker *maker, enum rn_entry_kind kind,
                                          struct rn_recording *trace, const struct rn_event *event)
{
    struct rn_entry entry = {.kind = kind, .trace = trace};
    if (event != NULL) {
        entry.event = *event;
    }
    rn_writer_submit(maker->writer, &entry);
    while (rn_writer_collect(maker->writer) == NULL) {
        pthread_mutex_lock(&maker->lock);
        while (!maker->is_woken) {
            pthread_cond_wait(&maker->woken, &maker->lock);
        }
        maker->is_woken = false;
        pthread_mutex_unlock(&maker->lock);
    }
    return entry.status;
}

static inline void maker_must(struct maker *maker, enum rn_entry_kind kind,
                              struct rn_recording *trace, const struct rn_event *event)
{
    ck_assert_int_eq(maker_submit(maker, kind, trace, event), RN_OK);
}

static inline struct rn_recording *maker_trace(struct maker *maker, const char *name, bool is_alias,
                                               struct rn_trace_id *id)
{
    static const char *const tags[] = {"team=blue", "case=7", NULL};
    struct rn_recording_settings settings = {
        .name = name, .release = "1.2.3", .kind = "run", .tags = tags, .is_alias = is_alias};
    rn_uuid7(settings.id.bytes);
    *id = settings.id;
    struct rn_recording *recording = rn_recording_open(maker->writer, &settings, NULL);
    ck_assert_ptr_nonnull(recording);
    return recording;
}

static inline void maker_end(struct maker *maker, struct rn_recording *trace)
{
    maker_must(maker, RN_ENTRY_TRACE_CLOSE, trace, NULL);
}

/* Arrival and two offsets. Lives in static memory: one event at a time. */
static inline struct rn_bytes some_times(uint64_t arrival)
{
    static struct rn_buffer times;
    rn_buffer_clear(&times);
    rn_varint_put(&times, arrival);
    rn_varint_put(&times, 1000);
    rn_varint_put(&times, 250000);
    return rn_buffer_bytes(&times);
}

#define EXCHANGE_ARRIVAL UINT64_C(1795000000000000000)

static inline void exchange_request(struct rn_event *event, uint32_t n)
{
    static char body[200];
    snprintf(body, sizeof body,
             "{\"model\":\"m-1\",\"messages\":[{\"role\":\"user\",\"content\":\"question %u\"}]}",
             n);
    *event = (struct rn_event){.class = RN_CLASS_EVENT, .n = n};
    rn_event_set(event, RN_TAG_KIND, RN_LIT("\2"));
    rn_event_set(event, RN_TAG_TIMES, some_times(EXCHANGE_ARRIVAL + n));
    rn_event_set(event, RN_TAG_RULE, RN_LIT("run"));
    rn_event_set(event, RN_TAG_UPSTREAM, n % 2 == 0 ? RN_LIT("openai") : RN_LIT("anthropic"));
    rn_event_set(event, RN_TAG_METHOD, RN_LIT("POST"));
    rn_event_set(event, RN_TAG_TARGET, RN_LIT("/v1/chat/completions"));
    rn_event_set(event, RN_TAG_REQUEST_HEAD,
                 RN_LIT("POST /v1/chat/completions HTTP/1.1\r\nhost: api\r\n"
                        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
                        "content-type: application/json\r\n\r\n"));
    rn_event_set(event, RN_TAG_REQUEST_BODY, rn_bytes_text(body));
}

/* Answered with x-request-id req_TEXT_N and a body with id chatcmpl-TEXT-N and a tool call call_TEXT_N. */
static inline void exchange_response(struct rn_event *event, uint32_t n, const char *text)
{
    static char head[300];
    static char body[400];
    snprintf(
        head, sizeof head,
        "HTTP/1.1 200 OK\r\ndate: Fri, 20 Nov 2026 12:00:%02u GMT\r\nx-request-id: req_%s_%u\r\n"
        "content-type: application/json\r\n\r\n",
        n % 60, text, n);
    snprintf(body, sizeof body,
             "{\"id\": "
             "\"chatcmpl-%s-%u\",\"choices\":[{\"message\":{\"tool_calls\":[{\"id\":\"call_%s_%u\"}"
             "]}}]}",
             text, n, text, n);
    rn_event_set(event, RN_TAG_RESPONSE_HEAD, rn_bytes_text(head));
    rn_event_set(event, RN_TAG_RESPONSE_BODY, rn_bytes_text(body));
    rn_event_set(event, RN_TAG_END, RN_LIT("\1"));
}

static inline void maker_exchange(struct maker *maker, struct rn_recording *trace, uint32_t n,
                                  const char *text)
{
    struct rn_event event;
    exchange_request(&event, n);
    exchange_response(&event, n, text);
    maker_must(maker, RN_ENTRY_EVENT, trace, &event);
}

static inline void stream_part(struct rn_event *event, uint32_t n, unsigned part, const char *text)
{
    static char data[300];
    snprintf(
        data, sizeof data,
        "data: {\"id\":\"chatcmpl-%s-%u\",\"choices\":[{\"delta\":{\"content\":\"word %u\"}}]}\n\n",
        text, n, part);
    *event = (struct rn_event){.class = RN_CLASS_EVENT, .n = n};
    rn_event_set(event, RN_TAG_RESPONSE_BODY, rn_bytes_text(data));
}

/* Opening, `parts` parts, and with `close` a last piece. */
static inline void maker_stream(struct maker *maker, struct rn_recording *trace, uint32_t n,
                                const char *text, unsigned parts, bool close)
{
    struct rn_event event;
    exchange_request(&event, n);
    rn_event_set(&event, RN_TAG_RESPONSE_HEAD,
                 RN_LIT("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nrequest-id: "
                        "req_stream\r\n\r\n"));
    maker_must(maker, RN_ENTRY_EVENT_OPEN, trace, &event);
    for (unsigned i = 0; i < parts; i++) {
        stream_part(&event, n, i, text);
        maker_must(maker, RN_ENTRY_EVENT_PART, trace, &event);
    }
    if (close) {
        stream_part(&event, n, parts, text);
        rn_event_set(&event, RN_TAG_END, RN_LIT("\3"));
        rn_event_set(&event, RN_TAG_FLAGS, RN_LIT("\1"));
        maker_must(maker, RN_ENTRY_EVENT_CLOSE, trace, &event);
    }
}

static inline void maker_run_event(struct maker *maker, struct rn_recording *trace, unsigned exit)
{
    struct rn_event event = {.class = RN_CLASS_EVENT, .n = 0};
    struct rn_buffer wait_status = {0};
    rn_varint_put(&wait_status, (uint64_t)exit << 8);
    rn_event_set(&event, RN_TAG_KIND, RN_LIT("\1"));
    rn_event_set(&event, RN_TAG_TIMES, some_times(EXCHANGE_ARRIVAL));
    rn_event_set(&event, RN_TAG_ARGV, RN_LIT("\3app\4--go"));
    rn_event_set(&event, RN_TAG_CWD, RN_LIT("/srv/app"));
    rn_event_set(&event, RN_TAG_STDOUT, RN_LIT("done\n"));
    rn_event_set(&event, RN_TAG_EXIT, rn_buffer_bytes(&wait_status));
    maker_must(maker, RN_ENTRY_EVENT, trace, &event);
    rn_buffer_free(&wait_status);
}

static inline void maker_gap(struct maker *maker, struct rn_recording *trace)
{
    struct rn_event event = {.class = RN_CLASS_GAP, .n = 1};
    rn_event_set(&event, RN_TAG_KIND, RN_LIT("\6"));
    rn_event_set(&event, RN_TAG_GAP, RN_LIT("\2\5\6the disk was full"));
    maker_must(maker, RN_ENTRY_EVENT, trace, &event);
}

/* Event n went out before its commit, and that became known too late for itself. */
static inline void maker_mark(struct maker *maker, struct rn_recording *trace, uint32_t n)
{
    struct rn_event event = {.class = RN_CLASS_MARK, .n = n};
    rn_event_set(&event, RN_TAG_KIND, RN_LIT("\10"));
    rn_event_set(&event, RN_TAG_TIMES, RN_LIT("\1"));
    rn_event_set(&event, RN_TAG_FLAGS, RN_LIT("\1"));
    maker_must(maker, RN_ENTRY_EVENT, trace, &event);
}

/* A run, three exchanges (the second streamed, cut and late) and, with `gap`, a gap: closed. */
static inline struct rn_trace_id maker_whole(struct maker *maker, const char *name,
                                             const char *text, bool gap)
{
    struct rn_trace_id id;
    struct rn_recording *trace = maker_trace(maker, name, false, &id);
    maker_exchange(maker, trace, 1, text);
    maker_stream(maker, trace, 2, text, 3, true);
    maker_exchange(maker, trace, 3, text);
    if (gap) {
        maker_gap(maker, trace);
    }
    maker_run_event(maker, trace, 3);
    maker_end(maker, trace);
    return id;
}

#endif
