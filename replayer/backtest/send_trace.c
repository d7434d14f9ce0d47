/* The traces of a run: opened when there is something to keep, full after so many events, closed when nothing is on its way. */
#include <stdio.h>

#include "base/clock.h"
#include "base/memory.h"
#include "send.h"

static void close_trace(struct rn_send *send, struct rn_send_trace *trace)
{
    trace->is_closing = true;
    trace->closing =
        (struct rn_entry){.kind = RN_ENTRY_TRACE_CLOSE, .trace = trace->recording, .owner = NULL};
    rn_writer_submit(send->writer, &trace->closing);
}

void rn_send_traces_close(struct rn_send *send)
{
    for (struct rn_send_trace *trace = send->traces; trace != NULL; trace = trace->next) {
        bool is_done = trace->is_full || send->is_ended;
        if (is_done && !trace->is_closing && trace->open == 0 && trace->n > 0) {
            close_trace(send, trace);
        }
    }
}

void rn_send_trace_closed(struct rn_send *send, struct rn_entry *entry)
{
    struct rn_send_trace **at = &send->traces;
    while (&(*at)->closing != entry) {
        at = &(*at)->next;
    }
    struct rn_send_trace *trace = *at;
    if (entry->status != RN_OK && send->end == RN_BACKTEST_DONE) {
        send->is_stopping = false; /* what was to be the end is none */
        rn_send_stop(send, RN_BACKTEST_STORE,
                     "the store did not take the end of a trace; what was answered is kept");
    }
    *at = trace->next;
    rn_free(trace);
}

/* A new recording shares what it knows of credentials with the ones before. */
bool rn_send_trace_open(struct rn_send *send)
{
    struct rn_send_trace *before = send->traces;
    if (before != NULL && before->n < RN_SEND_TRACE_EVENTS) {
        return true;
    }
    char name[256];
    struct rn_send_trace *trace = rn_calloc(1, sizeof *trace);
    struct rn_recording_settings settings = {.session = send->plan.id, .kind = RN_PLAN_KIND};
    rn_uuid7(settings.id.bytes);
    (void)snprintf(name, sizeof name, "%.*s", (int)send->plan.name.len,
                   send->plan.name.len == 0 ? "" : (const char *)send->plan.name.data);
    settings.name = name[0] == '\0' ? NULL : name;
    if (trace != NULL) {
        trace->recording =
            rn_recording_open(send->writer, &settings, before == NULL ? NULL : before->recording);
    }
    if (trace == NULL || trace->recording == NULL ||
        (send->credential.len > 0 &&
         rn_recording_learn(trace->recording, rn_buffer_bytes(&send->credential)) != RN_OK)) {
        rn_free(trace);
        rn_send_fail(send, RN_NOMEM, "out of memory before a trace could be opened");
        return false;
    }
    if (before != NULL) {
        before->is_full = true;
    }
    trace->next = before;
    send->traces = trace;
    return true;
}
