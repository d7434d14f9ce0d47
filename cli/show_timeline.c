/*
 * The trace as a page: a head with what is known of it as a whole, then its calls in order, and beneath each who said what.
 * Events are read one at a time; a trace of a million calls needs no more memory than its largest one.
 */
#include "show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/varint.h"
#include "human.h"
#include "printable.h"
#include "shell.h"
#include "talk.h"

#define UPSTREAM_COLUMNS_MAX 16
#define REQUEST_COLUMNS_MIN 16
#define LABEL_COLUMNS 9

/* Columns of the lines, known before the first of them is written. */
struct layout {
    size_t ordinal;
    size_t upstream;
    size_t request;
};

/* --- the head ------------------------------------------------------------------------------------------------------ */

static enum rn_status add_fact(struct rn_buffer *out, const struct rn_show *show, const char *label,
                               struct rn_bytes text)
{
    if (text.len == 0) {
        return RN_OK;
    }
    char padded[LABEL_COLUMNS + 2];
    (void)snprintf(padded, sizeof padded, "%-*s ", LABEL_COLUMNS, label);
    enum rn_status status =
        rn_screen_paint(out, show->screen.colour, RN_PAINT_DIM, rn_bytes_text(padded));
    status = status == RN_OK ? rn_printable(out, text, RN_PRINTABLE_LINE) : status;
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

static enum rn_status add_fact_text(struct rn_buffer *out, const struct rn_show *show,
                                    const char *label, const char *text)
{
    return add_fact(out, show, label, rn_bytes_text(text));
}

static enum rn_status add_fact_id(struct rn_buffer *out, const struct rn_show *show,
                                  const char *label, const struct rn_trace_id *id)
{
    static const struct rn_trace_id none;
    char text[33];
    rn_trace_id_text(id, text);
    return rn_trace_id_equal(id, &none) ? RN_OK : add_fact_text(out, show, label, text);
}

static enum rn_status add_fact_runs(struct rn_buffer *out, const struct rn_show *show,
                                    const char *label, struct rn_bytes runs)
{
    struct rn_buffer joined = {0};
    struct rn_bytes run;
    enum rn_status status = RN_OK;
    while (status == RN_OK && runs.len > 0 && rn_run_get(&runs, &run)) {
        status = joined.len > 0 ? rn_buffer_add(&joined, RN_LIT("  ")) : RN_OK;
        status = status == RN_OK ? rn_buffer_add(&joined, run) : status;
    }
    status = status == RN_OK ? add_fact(out, show, label, rn_buffer_bytes(&joined)) : status;
    rn_buffer_free(&joined);
    return status;
}

static enum rn_status add_when(struct rn_buffer *out, const struct rn_show *show)
{
    const struct rn_trace_summary *summary = &show->summary;
    struct rn_human moment, ago, took;
    char text[128];
    /* Only a run ends by itself; what is written last is else the closing of an idle trace, or a note. */
    bool is_known = summary->has_run && summary->notes == 0 &&
                    summary->ended_wall_ns > summary->started_wall_ns;
    uint64_t ns = is_known ? summary->ended_wall_ns - summary->started_wall_ns : 0;
    (void)snprintf(text, sizeof text, "%s (%s)%s%s",
                   rn_human_moment(&moment, summary->started_wall_ns),
                   rn_human_ago(&ago, summary->started_wall_ns, rn_clock_wall_ns()),
                   is_known ? ", took " : "", is_known ? rn_human_duration(&took, ns) : "");
    return add_fact_text(out, show, "when", text);
}

static enum rn_status add_state(struct rn_buffer *out, const struct rn_show *show)
{
    const struct rn_trace_summary *summary = &show->summary;
    const char *state = summary->state == RN_TRACE_OPEN   ? "open: still being recorded"
                        : summary->state == RN_TRACE_LOST ? "lost: its recorder died"
                                                          : "closed";
    const char *complete = summary->complete == RN_COMPLETE_YES  ? ", complete"
                           : summary->complete == RN_COMPLETE_NO ? ", NOT complete"
                                                                 : ", perhaps not complete";
    char text[128];
    (void)snprintf(text, sizeof text, "%s%s%s", state,
                   summary->state == RN_TRACE_OPEN ? "" : complete,
                   summary->late > 0 ? ", with late answers" : "");
    return add_fact_text(out, show, "state", text);
}

static enum rn_status add_sizes(struct rn_buffer *out, const struct rn_show *show)
{
    const struct rn_trace_summary *summary = &show->summary;
    struct rn_human calls, raw, stored;
    char text[160];
    int len = snprintf(text, sizeof text, "%s, %s raw, %s stored",
                       rn_human_count(&calls, summary->events, "call", "calls"),
                       rn_human_bytes(&raw, summary->raw_bytes),
                       rn_human_bytes(&stored, summary->stored_bytes));
    if (summary->gaps > 0 && len > 0) {
        (void)snprintf(text + len, sizeof text - (size_t)len, ", %u gaps", summary->gaps);
    }
    return add_fact_text(out, show, "size", text);
}

static enum rn_status add_digest(struct rn_buffer *out, const struct rn_show *show,
                                 const char *label, const uint8_t digest[RN_SHA256_BYTES])
{
    char text[2 * RN_SHA256_BYTES + 1];
    rn_hex(rn_bytes_of(digest, RN_SHA256_BYTES), text);
    return add_fact_text(out, show, label, text);
}

/* argv as one would type it, and how it ended. */
static enum rn_status add_command(struct rn_buffer *out, struct rn_show *show)
{
    struct rn_arena arena = {0};
    struct rn_event event;
    struct rn_buffer text = {0};
    struct rn_human ended;
    struct rn_bytes run;
    memset(&event, 0, sizeof event);
    enum rn_status status =
        rn_trace_event(show->store, &show->summary.id, RN_CLASS_EVENT, 0, &arena, &event, NULL);
    struct rn_bytes argv = rn_event_get(&event, RN_TAG_ARGV);
    while (status == RN_OK && argv.len > 0 && rn_run_get(&argv, &run)) {
        status = text.len > 0 ? rn_buffer_add_byte(&text, ' ') : RN_OK;
        status = status == RN_OK ? rn_shell_word(&text, run) : status;
    }
    if (status == RN_OK) {
        status = add_fact(out, show, "command", rn_buffer_bytes(&text));
    }
    status = status == RN_OK ? add_fact(out, show, "in", rn_event_get(&event, RN_TAG_CWD)) : status;
    if (status == RN_OK) {
        status =
            add_fact_text(out, show, "ended", rn_human_exit(&ended, show->summary.exit_status));
    }
    rn_buffer_free(&text);
    rn_arena_free(&arena);
    if (status == RN_DAMAGED || status == RN_NOTFOUND) {
        show->damaged += status == RN_DAMAGED ? 1 : 0;
        return status == RN_DAMAGED ? add_fact_text(out, show, "command", "damaged") : RN_OK;
    }
    return status;
}

static enum rn_status add_head(struct rn_buffer *out, struct rn_show *show)
{
    const struct rn_trace_summary *summary = &show->summary;
    enum rn_status status = add_fact_id(out, show, "trace", &summary->id);
    if (status == RN_OK && !rn_trace_id_equal(&summary->session, &summary->id)) {
        status = add_fact_id(out, show, "session", &summary->session);
    }
    status = status == RN_OK ? add_fact_id(out, show, "parent", &summary->parent) : status;
    status = status == RN_OK ? add_fact(out, show, "name", summary->name) : status;
    status = status == RN_OK ? add_fact(out, show, "release", summary->release) : status;
    status = status == RN_OK ? add_fact_runs(out, show, "tags", summary->tags) : status;
    status = status == RN_OK ? add_when(out, show) : status;
    status = status == RN_OK && summary->has_run ? add_command(out, show) : status;
    status = status == RN_OK ? add_state(out, show) : status;
    status = status == RN_OK ? add_sizes(out, show) : status;
    if (status == RN_OK && summary->state != RN_TRACE_OPEN) {
        status = add_digest(out, show, "evidence", summary->digests.evidence);
        status = status == RN_OK ? add_digest(out, show, "said", summary->digests.said) : status;
    }
    return status;
}

/* --- the lines ----------------------------------------------------------------------------------------------------- */

static struct layout layout_of(const struct rn_show *show)
{
    struct layout layout = {2, 8, 0};
    struct rn_bytes upstreams = show->summary.upstreams;
    struct rn_bytes name;
    for (uint32_t n = show->summary.events; n >= 100; n /= 10) {
        layout.ordinal++;
    }
    while (upstreams.len > 0 && rn_run_get(&upstreams, &name)) {
        size_t columns = rn_printable_width(name);
        layout.upstream = columns > layout.upstream ? columns : layout.upstream;
    }
    if (layout.upstream > UPSTREAM_COLUMNS_MAX) {
        layout.upstream = UPSTREAM_COLUMNS_MAX;
    }
    /* What stands to its right: status, took, first, sent, got, redacted. */
    size_t others = layout.ordinal + 2 + layout.upstream + 2 + 2 + 3 + 11 + 11 + 8 + 8 + 10;
    size_t width = rn_show_width(show);
    layout.request = width > others + REQUEST_COLUMNS_MIN ? width - others : REQUEST_COLUMNS_MIN;
    return layout;
}

static enum rn_status add_column(struct rn_buffer *out, struct rn_bytes text, size_t columns)
{
    struct rn_buffer shown = {0};
    enum rn_status status = rn_printable_short(&shown, text, columns);
    size_t used = rn_printable_width(rn_buffer_bytes(&shown));
    status = status == RN_OK ? rn_buffer_add(out, rn_buffer_bytes(&shown)) : status;
    if (status == RN_OK) {
        status = rn_buffer_addf(out, "%*s", (int)(columns - used + 2), "");
    }
    rn_buffer_free(&shown);
    return status;
}

static enum rn_status add_titles(struct rn_buffer *out, const struct rn_show *show,
                                 const struct layout *layout)
{
    char text[512];
    int request = layout->request > 300 ? 300 : (int)layout->request;
    (void)snprintf(text, sizeof text, "%*s  %-*s  %-*s  %3s%11s%11s%8s%8s%10s",
                   (int)layout->ordinal, "#", (int)layout->upstream, "upstream", request, "request",
                   "", "took", "first", "sent", "got", "redacted");
    enum rn_status status = rn_buffer_add_byte(out, '\n');
    status = status == RN_OK
                 ? rn_screen_paint(out, show->screen.colour, RN_PAINT_DIM, rn_bytes_text(text))
                 : status;
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

static enum rn_status add_status(struct rn_buffer *out, const struct rn_show *show,
                                 const struct rn_view *view)
{
    char text[16];
    enum rn_paint paint = view->status >= 400 ? RN_PAINT_RED : RN_PAINT_GREEN;
    if (view->status == 0) {
        return rn_buffer_addf(out, "  -");
    }
    (void)snprintf(text, sizeof text, "%3u", view->status);
    return rn_screen_paint(out, show->screen.colour, paint, rn_bytes_text(text));
}

static enum rn_status add_measures(struct rn_buffer *out, const struct rn_view *view)
{
    struct rn_human took, first, sent, got;
    uint64_t sent_bytes = rn_event_get(view->event, RN_TAG_REQUEST_BODY).len;
    uint64_t got_bytes = rn_event_get(view->event, RN_TAG_RESPONSE_BODY).len;
    char redactions[16] = "";
    if (view->redactions > 0) {
        (void)snprintf(redactions, sizeof redactions, "%10u", view->redactions);
    }
    return rn_buffer_addf(
        out, "%11s%11s%8s%8s%s",
        view->has_complete ? rn_human_duration(&took, view->complete_ns) : "-",
        view->has_first_byte ? rn_human_duration(&first, view->first_byte_ns) : "-",
        rn_human_bytes(&sent, sent_bytes), rn_human_bytes(&got, got_bytes), redactions);
}

/* What is out of the ordinary: how it ended, and flags. A line of its own, since lines are full already. */
static enum rn_status add_oddities(struct rn_buffer *out, const struct rn_show *show, size_t indent,
                                   const struct rn_view *view)
{
    struct rn_buffer text = {0};
    enum rn_end end = rn_event_end_of(view->event);
    struct rn_bytes reason = rn_event_get(view->event, RN_TAG_END_REASON);
    enum rn_status status = RN_OK;
    if (end != RN_END_ENDED) {
        status = rn_buffer_addf(
            &text, "%s%s%.*s, ", end == RN_END_NONE ? "still open" : rn_end_name(end),
            reason.len > 0 ? ": " : "", (int)reason.len, (const char *)reason.data);
    }
    const struct {
        uint64_t bit;
        const char *words;
    } flags[] = {{RN_FLAG_LATE, "its end was sent before its commit"},
                 {RN_FLAG_TRUNCATED, "truncated"},
                 {RN_FLAG_WITHHELD, "a body is withheld: a credential inside a coding"}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags && status == RN_OK; i++) {
        status = (view->flags & flags[i].bit) != 0 ? rn_buffer_addf(&text, "%s, ", flags[i].words)
                                                   : RN_OK;
    }
    if (status == RN_OK && text.len > 0) {
        text.len -= 2;
        status = rn_buffer_addf(out, "%*s", (int)indent + 2, "");
        struct rn_buffer shown = {0};
        status = status == RN_OK ? rn_printable_short(&shown, rn_buffer_bytes(&text),
                                                      rn_show_width(show) - indent - 2)
                                 : status;
        status = status == RN_OK
                     ? rn_screen_paint(out, show->screen.colour,
                                       end == RN_END_ENDED ? RN_PAINT_DIM : RN_PAINT_YELLOW,
                                       rn_buffer_bytes(&shown))
                     : status;
        status = status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
        rn_buffer_free(&shown);
    }
    rn_buffer_free(&text);
    return status;
}

static enum rn_status add_exchange(struct rn_buffer *out, const struct rn_show *show,
                                   const struct layout *layout, struct rn_talk *talk,
                                   const struct rn_view *view)
{
    struct rn_buffer request = {0};
    struct rn_talk_news news;
    size_t indent = layout->ordinal + 2;
    const struct rn_event *event = view->event;
    enum rn_status status = rn_event_kind_of(event) == RN_EVENT_DECISION
                                ? rn_buffer_addf(&request, "decision ")
                                : RN_OK;
    status = status == RN_OK ? rn_buffer_add(&request, rn_event_get(event, RN_TAG_METHOD)) : status;
    status = status == RN_OK ? rn_buffer_add_byte(&request, ' ') : status;
    status = status == RN_OK ? rn_buffer_add(&request, rn_event_get(event, RN_TAG_TARGET)) : status;
    status =
        status == RN_OK ? rn_buffer_addf(out, "%*u  ", (int)layout->ordinal, event->n) : status;
    status = status == RN_OK
                 ? add_column(out, rn_event_get(event, RN_TAG_UPSTREAM), layout->upstream)
                 : status;
    status = status == RN_OK ? add_column(out, rn_buffer_bytes(&request), layout->request) : status;
    status = status == RN_OK ? add_status(out, show, view) : status;
    status = status == RN_OK ? add_measures(out, view) : status;
    status = status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
    status = status == RN_OK ? add_oddities(out, show, indent, view) : status;
    if (status == RN_OK && view->reading.dialect != RN_DIALECT_NONE) {
        status = rn_talk_hear(talk, event->n, &view->reading, &news);
        status = status == RN_OK ? rn_talk_lines(out, &show->screen, indent, rn_show_width(show),
                                                 &view->reading, &news)
                                 : status;
    }
    rn_buffer_free(&request);
    return status;
}

/* An event that cannot be read has a line as well: nothing may look as if it had never been. */
static enum rn_status add_unreadable(struct rn_buffer *out, struct rn_show *show,
                                     const struct layout *layout, const char *name,
                                     enum rn_status why, const struct rn_error *error)
{
    if (why != RN_DAMAGED && why != RN_NOTFOUND) {
        return why;
    }
    struct rn_buffer text = {0};
    show->damaged += why == RN_DAMAGED ? 1 : 0;
    enum rn_status status = rn_buffer_addf(out, "%*s  ", (int)layout->ordinal, name);
    status =
        status == RN_OK
            ? rn_printable(&text, rn_bytes_text(why == RN_DAMAGED ? error->text : "not here (yet)"),
                           RN_PRINTABLE_LINE)
            : status;
    status = status == RN_OK
                 ? rn_screen_paint(out, show->screen.colour, RN_PAINT_RED, rn_buffer_bytes(&text))
                 : status;
    rn_buffer_free(&text);
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

static enum rn_status add_other(struct rn_buffer *out, const struct layout *layout,
                                const char *name, const struct rn_event *event)
{
    uint64_t count = 0;
    uint64_t skipped = 0;
    struct rn_bytes gap = rn_event_get(event, RN_TAG_GAP);
    enum rn_status status = rn_buffer_addf(out, "%*s  ", (int)layout->ordinal, name);
    if (status != RN_OK) {
        return status;
    }
    if (event->class == RN_CLASS_GAP && rn_varint_get(&gap, &count) &&
        rn_varint_get(&gap, &skipped) && rn_varint_get(&gap, &skipped)) {
        status = rn_buffer_addf(out, "gap: %" PRIu64 " events are missing: ", count);
        status = status == RN_OK ? rn_printable(out, gap, RN_PRINTABLE_LINE) : status;
    } else if (event->class == RN_CLASS_NOTE) {
        status = rn_buffer_addf(out, "note: ");
        status = status == RN_OK
                     ? rn_printable(out, rn_event_get(event, RN_TAG_NOTE), RN_PRINTABLE_LINE)
                     : status;
    } else {
        status = rn_buffer_addf(out, "%s", rn_event_kind_name(rn_event_kind_of(event)));
    }
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

static enum rn_status add_event(struct rn_buffer *out, struct rn_show *show,
                                const struct layout *layout, struct rn_talk *talk,
                                enum rn_event_class class, uint32_t n)
{
    struct rn_arena arena = {0};
    struct rn_event event;
    struct rn_view view;
    struct rn_error error = {RN_OK, ""};
    char name[16];
    memset(&event, 0, sizeof event);
    memset(&view, 0, sizeof view);
    (void)rn_show_event_name(class, n, name);
    enum rn_status status =
        rn_trace_event(show->store, &show->summary.id, class, n, &arena, &event, &error);
    if (status != RN_OK) {
        status = add_unreadable(out, show, layout, name, status, &error);
    } else if (rn_event_kind_of(&event) == RN_EVENT_EXCHANGE ||
               rn_event_kind_of(&event) == RN_EVENT_DECISION) {
        status = rn_view_make(&arena, &event, &view);
        view.flags |= rn_trace_marked_flags(show->store, &show->summary, n);
        status = status == RN_OK ? add_exchange(out, show, layout, talk, &view) : status;
        rn_view_free(&view);
    } else {
        status = add_other(out, layout, name, &event);
    }
    rn_arena_free(&arena);
    return status;
}

static enum rn_status add_class(struct rn_show *show, const struct layout *layout,
                                struct rn_talk *talk, enum rn_event_class class, uint32_t last,
                                struct rn_error *error)
{
    struct rn_buffer out = {0};
    enum rn_status status = RN_OK;
    for (uint32_t n = 1; n <= last && status == RN_OK; n++) {
        status = add_event(&out, show, layout, talk, class, n);
        if (status == RN_OK && !rn_screen_put(stdout, &out)) {
            status = rn_fail(error, RN_IO, "cannot write to standard output");
        } else if (status != RN_OK) {
            rn_fail(error, status, "event %u cannot be shown: %s", n, rn_status_name(status));
        }
    }
    rn_buffer_free(&out);
    return status;
}

enum rn_status rn_show_timeline(struct rn_show *show, struct rn_error *error)
{
    struct layout layout = layout_of(show);
    struct rn_buffer out = {0};
    struct rn_talk talk;
    memset(&talk, 0, sizeof talk);
    enum rn_status status = add_head(&out, show);
    if (status == RN_OK && show->summary.events > 0) {
        status = add_titles(&out, show, &layout);
    } else if (status == RN_OK) {
        status = rn_buffer_addf(&out, "\nno calls were recorded\n");
    }
    (void)rn_screen_put(stdout, &out);
    rn_buffer_free(&out);
    if (status != RN_OK) {
        return rn_fail(error, status, "cannot show the trace: %s", rn_status_name(status));
    }
    status = add_class(show, &layout, &talk, RN_CLASS_EVENT, show->summary.events, error);
    status = status == RN_OK
                 ? add_class(show, &layout, &talk, RN_CLASS_GAP, show->summary.gaps, error)
                 : status;
    status = status == RN_OK
                 ? add_class(show, &layout, &talk, RN_CLASS_NOTE, show->summary.notes, error)
                 : status;
    rn_talk_free(&talk);
    return status;
}
