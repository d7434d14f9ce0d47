/* One event in full: an exchange with its heads and bodies, or a run, a gap, a note. */
#include "show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/varint.h"
#include "human.h"
#include "printable.h"
#include "shell.h"

#define LABEL_COLUMNS 11
#define NAMES_COLUMNS 80 /* lists of names are broken here */

/* Static names of wire/redact.h's kinds, in their order. */
static const char *secret_name(uint64_t kind)
{
    static const char *const names[] = {"?",      "header", "query", "userinfo",
                                        "member", "shape",  "seen",  "placeholder"};
    return kind < sizeof names / sizeof *names ? names[kind] : names[0];
}

static enum rn_status add_title(struct rn_buffer *out, const struct rn_show *show,
                                const char *title)
{
    char line[80];
    (void)snprintf(line, sizeof line, "--- %s", title);
    enum rn_status status = rn_buffer_add_byte(out, '\n');
    status = status == RN_OK
                 ? rn_screen_paint(out, show->screen.colour, RN_PAINT_BOLD, rn_bytes_text(line))
                 : status;
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

static enum rn_status add_fact(struct rn_buffer *out, const char *label, struct rn_bytes text)
{
    if (text.len == 0) {
        return RN_OK;
    }
    enum rn_status status = rn_buffer_addf(out, "%-*s ", LABEL_COLUMNS, label);
    status = status == RN_OK ? rn_printable(out, text, RN_PRINTABLE_LINE) : status;
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

static enum rn_status add_text(struct rn_buffer *out, struct rn_bytes text)
{
    enum rn_status status = rn_printable(out, text, RN_PRINTABLE_TEXT);
    if (status == RN_OK && text.len > 0 && text.data[text.len - 1] != '\n') {
        status = rn_buffer_add_byte(out, '\n');
    }
    return status;
}

/* --- exchanges ----------------------------------------------------------------------------------------------------- */

static enum rn_status add_times(struct rn_buffer *out, const struct rn_view *view)
{
    struct rn_human moment, first, complete;
    enum rn_status status = rn_buffer_addf(out, "%-*s %s", LABEL_COLUMNS, "arrived",
                                           rn_human_moment(&moment, view->arrived_wall_ns));
    if (status == RN_OK && view->has_first_byte) {
        status = rn_buffer_addf(out, ", first byte after %s",
                                rn_human_duration(&first, view->first_byte_ns));
    }
    if (status == RN_OK && view->has_complete) {
        status = rn_buffer_addf(out, ", complete after %s",
                                rn_human_duration(&complete, view->complete_ns));
    }
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

static enum rn_status add_end(struct rn_buffer *out, const struct rn_view *view)
{
    struct rn_bytes reason = rn_event_get(view->event, RN_TAG_END_REASON);
    enum rn_end end = rn_event_end_of(view->event);
    enum rn_status status = rn_buffer_addf(out, "%-*s %s", LABEL_COLUMNS, "end",
                                           end == RN_END_NONE ? "not yet" : rn_end_name(end));
    if (status == RN_OK && reason.len > 0) {
        status = rn_buffer_addf(out, ": ");
        status = status == RN_OK ? rn_printable(out, reason, RN_PRINTABLE_LINE) : status;
    }
    const char *const flags[] = {(view->flags & RN_FLAG_LATE) != 0 ? ", late" : "",
                                 (view->flags & RN_FLAG_TRUNCATED) != 0 ? ", truncated" : "",
                                 (view->flags & RN_FLAG_WITHHELD) != 0 ? ", body withheld" : ""};
    return status == RN_OK ? rn_buffer_addf(out, "%s%s%s\n", flags[0], flags[1], flags[2]) : status;
}

static enum rn_status add_redactions(struct rn_buffer *out, const struct rn_view *view)
{
    struct rn_bytes list = rn_event_get(view->event, RN_TAG_REDACTIONS);
    struct rn_view_redaction redaction;
    enum rn_status status = RN_OK;
    const char *label = "redacted";
    while (status == RN_OK && rn_view_redaction_next(&list, &redaction)) {
        status = rn_buffer_addf(out, "%-*s %s, bytes %" PRIu64 "..%" PRIu64 " (%s)\n",
                                LABEL_COLUMNS, label, rn_tag_name(redaction.tag), redaction.offset,
                                redaction.offset + redaction.len, secret_name(redaction.kind));
        label = "";
    }
    return status;
}

/* Pairs of runs: name, value. */
static enum rn_status add_pairs(struct rn_buffer *out, const char *label, struct rn_bytes pairs)
{
    enum rn_status status = RN_OK;
    struct rn_bytes name;
    struct rn_bytes value;
    while (status == RN_OK && pairs.len > 0 && rn_run_get(&pairs, &name) &&
           rn_run_get(&pairs, &value)) {
        status = rn_buffer_addf(out, "%-*s ", LABEL_COLUMNS, label);
        status = status == RN_OK ? rn_printable(out, name, RN_PRINTABLE_LINE) : status;
        status = status == RN_OK ? rn_buffer_add_byte(out, '=') : status;
        status = status == RN_OK ? rn_printable(out, value, RN_PRINTABLE_LINE) : status;
        status = status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
        label = "";
    }
    return status;
}

static enum rn_status add_message(struct rn_buffer *out, const struct rn_show *show,
                                  const struct rn_view *view, const struct rn_view_body *body,
                                  enum rn_tag head, enum rn_tag trailers)
{
    bool is_request = body == &view->request;
    struct rn_bytes raw_head = rn_event_get(view->event, head);
    struct rn_bytes raw_trailers = rn_event_get(view->event, trailers);
    if (raw_head.len == 0) {
        enum rn_status status = add_title(out, show, is_request ? "request" : "response");
        return status == RN_OK ? rn_buffer_addf(out, "none\n") : status;
    }
    enum rn_status status = add_title(out, show, is_request ? "request head" : "response head");
    if (rn_bytes_ends_with(raw_head, RN_LIT("\r\n\r\n"))) {
        raw_head.len -= 2;
    }
    status = status == RN_OK ? add_text(out, raw_head) : status;
    status = status == RN_OK ? add_title(out, show, is_request ? "request body" : "response body")
                             : status;
    status = status == RN_OK ? rn_show_body(out, view, body) : status;
    if (status == RN_OK && raw_trailers.len > 0) {
        status = add_title(out, show, is_request ? "request trailers" : "response trailers");
        status = status == RN_OK ? add_text(out, raw_trailers) : status;
    }
    return status;
}

/* What an exchange of a backtest has beside: the call it sends again, and what was changed in that. */
static enum rn_status add_backtest(struct rn_buffer *out, const struct rn_event *event)
{
    struct rn_view_answered answered;
    struct rn_bytes moves = rn_event_get(event, RN_TAG_MOVES);
    struct rn_bytes move;
    char id[33];
    const char *label = "changed";
    enum rn_status status = RN_OK;
    if (rn_view_answered(event, &answered)) {
        rn_trace_id_text(&answered.trace, id);
        status = rn_buffer_addf(out, "%-*s %s:%" PRIu32 ", attempt %" PRIu64 "\n", LABEL_COLUMNS,
                                "sent again", id, answered.n, answered.attempt);
    }
    while (status == RN_OK && moves.len > 0 && rn_run_get(&moves, &move)) {
        status = add_fact(out, label, move);
        label = "";
    }
    return status;
}

static enum rn_status add_exchange(struct rn_buffer *out, const struct rn_show *show,
                                   const struct rn_view *view)
{
    const struct rn_event *event = view->event;
    struct rn_bytes interim = rn_event_get(event, RN_TAG_INTERIM);
    enum rn_status status = add_fact(out, "upstream", rn_event_get(event, RN_TAG_UPSTREAM));
    status = status == RN_OK ? add_times(out, view) : status;
    status = status == RN_OK ? add_end(out, view) : status;
    if (status == RN_OK) {
        status = rn_buffer_addf(out, "%-*s %" PRIu64 "\n", LABEL_COLUMNS, "connection",
                                rn_event_number(event, RN_TAG_CONNECTION, 0));
    }
    status = status == RN_OK ? add_fact(out, "trace by", rn_event_get(event, RN_TAG_RULE)) : status;
    status = status == RN_OK ? add_backtest(out, event) : status;
    status =
        status == RN_OK ? add_pairs(out, "labels", rn_event_get(event, RN_TAG_LABELS)) : status;
    status = status == RN_OK ? rn_show_reading(out, &view->reading) : status;
    status = status == RN_OK ? add_redactions(out, view) : status;
    status = status == RN_OK ? rn_show_documents(out, show, &view->reading) : status;
    status = status == RN_OK ? add_message(out, show, view, &view->request, RN_TAG_REQUEST_HEAD,
                                           RN_TAG_REQUEST_TRAILERS)
                             : status;
    if (status == RN_OK && interim.len > 0) {
        status = add_title(out, show, "interim responses");
        status = status == RN_OK ? add_text(out, interim) : status;
    }
    return status == RN_OK ? add_message(out, show, view, &view->response, RN_TAG_RESPONSE_HEAD,
                                         RN_TAG_RESPONSE_TRAILERS)
                           : status;
}

/* --- runs ---------------------------------------------------------------------------------------------------------- */

static enum rn_status add_argv(struct rn_buffer *out, struct rn_bytes argv)
{
    struct rn_bytes run;
    enum rn_status status = rn_buffer_addf(out, "%-*s", LABEL_COLUMNS, "command");
    while (status == RN_OK && argv.len > 0 && rn_run_get(&argv, &run)) {
        status = rn_buffer_add_byte(out, ' ');
        status = status == RN_OK ? rn_shell_word(out, run) : status;
    }
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

static enum rn_status add_names(struct rn_buffer *out, const char *label, struct rn_bytes runs)
{
    struct rn_bytes run;
    if (runs.len == 0) {
        return RN_OK;
    }
    enum rn_status status = rn_buffer_addf(out, "%-*s", LABEL_COLUMNS, label);
    size_t column = LABEL_COLUMNS;
    while (status == RN_OK && runs.len > 0 && rn_run_get(&runs, &run)) {
        if (column > LABEL_COLUMNS && column + 1 + run.len > NAMES_COLUMNS) {
            status = rn_buffer_addf(out, "\n%*s", LABEL_COLUMNS, "");
            column = LABEL_COLUMNS;
        }
        status = status == RN_OK ? rn_buffer_add_byte(out, ' ') : status;
        status = status == RN_OK ? rn_printable(out, run, RN_PRINTABLE_LINE) : status;
        column += 1 + run.len;
    }
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

static enum rn_status add_ports(struct rn_buffer *out, struct rn_bytes ports)
{
    enum rn_status status = RN_OK;
    struct rn_bytes name;
    uint64_t port = 0;
    const char *label = "ports";
    while (status == RN_OK && ports.len > 0 && rn_run_get(&ports, &name) &&
           rn_varint_get(&ports, &port)) {
        status = rn_buffer_addf(out, "%-*s %" PRIu64 " ", LABEL_COLUMNS, label, port);
        status = status == RN_OK ? rn_printable(out, name.len > 0 ? name : RN_LIT("(REENACT_URL)"),
                                                RN_PRINTABLE_LINE)
                                 : status;
        status = status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
        label = "";
    }
    return status;
}

/* "stdin null, stdout terminal, stderr pipe; 80 x 24, xterm" */
static enum rn_status add_stdio(struct rn_buffer *out, struct rn_bytes stdio)
{
    static const char *const streams[] = {"stdin", ", stdout", ", stderr"};
    if (stdio.len < 7) {
        return RN_OK;
    }
    enum rn_status status = rn_buffer_addf(out, "%-*s ", LABEL_COLUMNS, "stdio");
    for (size_t i = 0; i < 3 && status == RN_OK; i++) {
        status = rn_buffer_addf(out, "%s %s", streams[i], rn_view_stdio_name(stdio.data[i]));
    }
    unsigned rows = (unsigned)stdio.data[3] << 8 | stdio.data[4];
    unsigned columns = (unsigned)stdio.data[5] << 8 | stdio.data[6];
    if (status == RN_OK && rows > 0) {
        status = rn_buffer_addf(out, "; %u x %u, ", columns, rows);
        status = status == RN_OK ? rn_printable(out, rn_bytes_from(stdio, 7), RN_PRINTABLE_LINE)
                                 : status;
    }
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

/* Pairs of runs: name of a lock file, its SHA-256 as bytes. */
static enum rn_status add_locks(struct rn_buffer *out, struct rn_bytes pairs)
{
    enum rn_status status = RN_OK;
    struct rn_bytes name;
    struct rn_bytes digest;
    while (status == RN_OK && pairs.len > 0 && rn_run_get(&pairs, &name) &&
           rn_run_get(&pairs, &digest)) {
        char hex[2 * RN_SHA256_BYTES + 1];
        rn_hex(rn_bytes_sub(digest, 0, RN_SHA256_BYTES), hex);
        status = rn_buffer_addf(out, "%-*s ", LABEL_COLUMNS, "lock file");
        status = status == RN_OK ? rn_printable(out, name, RN_PRINTABLE_LINE) : status;
        status = status == RN_OK ? rn_buffer_addf(out, " sha256 %s\n", hex) : status;
    }
    return status;
}

static enum rn_status add_output(struct rn_buffer *out, const struct rn_show *show,
                                 const char *title, struct rn_bytes bytes)
{
    if (bytes.len == 0) {
        return RN_OK;
    }
    enum rn_status status = add_title(out, show, title);
    return status == RN_OK ? add_text(out, bytes) : status;
}

/* "2 malformed, 1 misdirected" */
static enum rn_status add_refusals(struct rn_buffer *out, struct rn_bytes refusals)
{
    uint64_t malformed = 0;
    uint64_t misdirected = 0;
    if (refusals.len == 0 || !rn_varint_get(&refusals, &malformed) ||
        !rn_varint_get(&refusals, &misdirected)) {
        return RN_OK;
    }
    return rn_buffer_addf(out, "%-*s %" PRIu64 " malformed, %" PRIu64 " misdirected\n",
                          LABEL_COLUMNS, "refused", malformed, misdirected);
}

static enum rn_status add_run(struct rn_buffer *out, const struct rn_show *show,
                              const struct rn_view *view)
{
    const struct rn_event *event = view->event;
    struct rn_human ended, moment, took;
    uint64_t wait_status = rn_event_number(event, RN_TAG_EXIT, UINT64_MAX);
    enum rn_status status = add_argv(out, rn_event_get(event, RN_TAG_ARGV));
    status = status == RN_OK ? add_fact(out, "input", rn_event_get(event, RN_TAG_INPUT)) : status;
    status = status == RN_OK ? add_fact(out, "in", rn_event_get(event, RN_TAG_CWD)) : status;
    if (status == RN_OK) {
        status = add_fact(out, "started",
                          rn_bytes_text(rn_human_moment(&moment, view->arrived_wall_ns)));
    }
    if (status == RN_OK && view->has_complete) {
        status = add_fact(out, "took", rn_bytes_text(rn_human_duration(&took, view->complete_ns)));
    }
    if (status == RN_OK && wait_status != UINT64_MAX) {
        status = add_fact(out, "ended", rn_bytes_text(rn_human_exit(&ended, (int)wait_status)));
    }
    status = status == RN_OK ? add_refusals(out, rn_event_get(event, RN_TAG_REFUSALS)) : status;
    status = status == RN_OK ? add_fact(out, "commit", rn_event_get(event, RN_TAG_COMMIT)) : status;
    status = status == RN_OK ? add_locks(out, rn_event_get(event, RN_TAG_LOCKS)) : status;
    status = status == RN_OK ? add_stdio(out, rn_event_get(event, RN_TAG_STDIO)) : status;
    status = status == RN_OK ? add_ports(out, rn_event_get(event, RN_TAG_PORTS)) : status;
    status = status == RN_OK ? add_pairs(out, "variables", rn_event_get(event, RN_TAG_VARIABLES))
                             : status;
    status = status == RN_OK
                 ? add_names(out, "environment", rn_event_get(event, RN_TAG_ENVIRONMENT))
                 : status;
    status = status == RN_OK ? add_redactions(out, view) : status;
    status = status == RN_OK ? add_output(out, show, "stdin", rn_event_get(event, RN_TAG_STDIN))
                             : status;
    status = status == RN_OK ? add_output(out, show, "stdout", rn_event_get(event, RN_TAG_STDOUT))
                             : status;
    return status == RN_OK ? add_output(out, show, "stderr", rn_event_get(event, RN_TAG_STDERR))
                           : status;
}

/* --- gaps and notes ------------------------------------------------------------------------------------------------ */

static enum rn_status add_gap(struct rn_buffer *out, const struct rn_event *event)
{
    struct rn_bytes gap = rn_event_get(event, RN_TAG_GAP);
    struct rn_human from, until;
    uint64_t count = 0;
    uint64_t first_ns = 0;
    uint64_t last_ns = 0;
    if (!rn_varint_get(&gap, &count) || !rn_varint_get(&gap, &first_ns) ||
        !rn_varint_get(&gap, &last_ns)) {
        return rn_buffer_addf(out, "a gap that cannot be read\n");
    }
    enum rn_status status =
        rn_buffer_addf(out, "%-*s %" PRIu64 " events, from %s until %s\n", LABEL_COLUMNS, "missing",
                       count, rn_human_moment(&from, first_ns), rn_human_moment(&until, last_ns));
    return status == RN_OK ? add_fact(out, "because", gap) : status;
}

static enum rn_status add_event(struct rn_buffer *out, const struct rn_show *show,
                                const struct rn_view *view)
{
    char name[16];
    char id[33];
    rn_trace_id_text(&show->summary.id, id);
    enum rn_event_kind kind = rn_event_kind_of(view->event);
    enum rn_status status =
        rn_buffer_addf(out, "%-*s %s of trace %s\n", LABEL_COLUMNS, rn_event_kind_name(kind),
                       rn_show_event_name(view->event->class, view->event->n, name), id);
    if (status != RN_OK) {
        return status;
    }
    switch (kind) {
    case RN_EVENT_EXCHANGE:
    case RN_EVENT_DECISION:
        return add_exchange(out, show, view);
    case RN_EVENT_RUN:
        return add_run(out, show, view);
    case RN_EVENT_GAP:
        return add_gap(out, view->event);
    case RN_EVENT_NOTE:
        return add_text(out, rn_event_get(view->event, RN_TAG_NOTE));
    default:
        return rn_buffer_addf(out, "this build cannot show events of that kind\n");
    }
}

enum rn_status rn_show_event(struct rn_show *show, enum rn_event_class class, uint32_t n,
                             struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_event event;
    struct rn_view view;
    struct rn_buffer out = {0};
    memset(&event, 0, sizeof event);
    memset(&view, 0, sizeof view);
    enum rn_status status =
        rn_trace_event(show->store, &show->summary.id, class, n, &arena, &event, error);
    if (status != RN_OK) {
        goto done;
    }
    status = rn_view_make(&arena, &event, &view);
    if (class == RN_CLASS_EVENT) {
        view.flags |= rn_trace_marked_flags(show->store, &show->summary, n);
    }
    status = status == RN_OK ? add_event(&out, show, &view) : status;
    if (status != RN_OK) {
        rn_fail(error, status, "event %u cannot be shown: %s", n, rn_status_name(status));
    } else if (!rn_screen_put(stdout, &out)) {
        status = rn_fail(error, RN_IO, "cannot write to standard output");
    }
done:
    rn_buffer_free(&out);
    rn_view_free(&view);
    rn_arena_free(&arena);
    return status;
}
