/*
 * The trace as a list: a line per step, and beneath it what to do next. One event is in memory at a time.
 */
#include "show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "human.h"
#include "lineage_text.h"
#include "printable.h"
#include "step_text.h"

#define KIND_COLUMNS 9
#define WHAT_COLUMNS_MIN 24
#define WHAT_COLUMNS_MAX 44
#define SAID_COLUMNS_MIN 16
#define SAID_BESIDE_MARK 24 /* with less room left the mark has a line of its own */
#define CHEAP_BYTES ((uint64_t)8 * 1024 * 1024) /* in larger traces --lineage looks */

struct listing {
    struct rn_show *show;
    struct rn_buffer out;
    size_t name; /* columns */
    size_t what;
    size_t said;
    uint64_t redactions;   /* in all heads and bodies */
    uint32_t asks_a_model; /* the last call that does; 0: none */
    struct rn_lineage lineage;
};

static struct listing listing_of(struct rn_show *show)
{
    struct listing listing = {.show = show, .name = 4};
    size_t width = rn_show_width(show);
    for (uint32_t n = show->summary.events; n >= 10; n /= 10) {
        listing.name++;
    }
    listing.what = width * 36 / 100;
    listing.what = listing.what < WHAT_COLUMNS_MIN ? WHAT_COLUMNS_MIN : listing.what;
    listing.what = listing.what > WHAT_COLUMNS_MAX ? WHAT_COLUMNS_MAX : listing.what;
    size_t others = listing.name + 1 + KIND_COLUMNS + 2 + listing.what + 2;
    listing.said = width > others + SAID_COLUMNS_MIN ? width - others : SAID_COLUMNS_MIN;
    return listing;
}

/* --- the head: one line --------------------------------------------------------------------------------------------- */

/* "NOT complete: 1 gap, 2 cut" */
static void describe_state(const struct rn_trace_summary *summary, char out[160])
{
    const struct {
        uint32_t count;
        const char *word;
    } counts[] = {{summary->gaps, summary->gaps == 1 ? "gap" : "gaps"},
                  {summary->cut, "cut"},
                  {summary->aborted, "aborted"},
                  {summary->refused, "refused"},
                  {summary->lost, "lost"},
                  {summary->late, "late"}};
    const char *state = summary->state == RN_TRACE_OPEN            ? "open: still being recorded"
                        : summary->state == RN_TRACE_LOST          ? "lost: its recorder died"
                        : summary->complete == RN_COMPLETE_YES     ? "complete"
                        : summary->complete == RN_COMPLETE_UNKNOWN ? "perhaps not complete"
                                                                   : "NOT complete";
    const char *before = ": ";
    int len = snprintf(out, 160, "%s%s", state,
                       summary->state != RN_TRACE_CLOSED && summary->complete == RN_COMPLETE_NO
                           ? ", NOT complete"
                           : "");
    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && len > 0 && len < 160; i++) {
        if (counts[i].count > 0) {
            len += snprintf(out + len, 160 - (size_t)len, "%s%" PRIu32 " %s", before,
                            counts[i].count, counts[i].word);
            before = ", ";
        }
    }
}

/* "trace 0c1d2e3f  run  2.14.1  2026-11-20 18:35:12 +0000  complete" */
static enum rn_status add_head(struct listing *listing)
{
    const struct rn_trace_summary *summary = &listing->show->summary;
    struct rn_buffer line = {0};
    struct rn_buffer shown = {0};
    struct rn_human moment;
    char id[33];
    char state[160];
    rn_trace_id_text(&summary->id, id);
    describe_state(summary, state);
    const struct rn_bytes parts[] = {
        rn_bytes_text(id + 24), summary->name, summary->release,
        rn_bytes_text(rn_human_moment(&moment, summary->started_wall_ns)), rn_bytes_text(state)};
    enum rn_status status = rn_buffer_add(&line, RN_LIT("trace"));
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == RN_OK; i++) {
        if (parts[i].len > 0) {
            status = rn_buffer_addf(&line, "%s", i == 0 ? " " : "  ");
            status = status == RN_OK ? rn_buffer_add(&line, parts[i]) : status;
        }
    }
    status = status == RN_OK
                 ? rn_printable_short(&shown, rn_buffer_bytes(&line), rn_show_width(listing->show))
                 : status;
    bool is_good = summary->complete == RN_COMPLETE_YES && summary->state == RN_TRACE_CLOSED;
    status = status == RN_OK ? rn_screen_paint(&listing->out, listing->show->screen.colour,
                                               is_good ? RN_PAINT_DIM : RN_PAINT_YELLOW,
                                               rn_buffer_bytes(&shown))
                             : status;
    rn_buffer_free(&line);
    rn_buffer_free(&shown);
    return status == RN_OK ? rn_buffer_add_byte(&listing->out, '\n') : status;
}

/* --- the lines ------------------------------------------------------------------------------------------------------ */

/* `text` and blanks up to `columns`; a line that ends there has none. */
static enum rn_status add_cell(struct rn_buffer *out, bool colour, enum rn_paint paint,
                               struct rn_bytes text, size_t columns)
{
    size_t used = rn_printable_width(text);
    enum rn_status status = rn_screen_paint(out, colour, paint, text);
    return status == RN_OK
               ? rn_buffer_addf(out, "%*s", used < columns ? (int)(columns - used) : 0, "")
               : status;
}

/* Of an answer what most of it stands in; NULL: nothing. */
static const struct rn_lineage_link *mark_of(const struct listing *listing,
                                             const struct rn_step *step)
{
    const struct rn_lineage_link *longest = NULL;
    for (const struct rn_lineage_link *link = listing->lineage.links; link != NULL;
         link = link->next) {
        bool fits = step->view != NULL && step->class == RN_CLASS_EVENT && link->n == step->n &&
                    link->in_answer;
        longest = fits && (longest == NULL || link->bytes > longest->bytes) ? link : longest;
    }
    return longest;
}

/* "<- verbatim in refund-v1 (event 2, rank 2)" */
static enum rn_status describe_mark(const struct listing *listing, const struct rn_step *step,
                                    struct rn_buffer *out)
{
    const struct rn_lineage_link *link = mark_of(listing, step);
    struct rn_buffer source = {0};
    if (link == NULL) {
        return RN_OK;
    }
    enum rn_status status = rn_lineage_source_text(link->source, &source);
    status = status == RN_OK ? rn_buffer_addf(out, "<- verbatim in ") : status;
    status = status == RN_OK
                 ? rn_printable_short(out, rn_buffer_bytes(&source),
                                      listing->what + listing->said - 13) /* and 2 between them */
                 : status;
    rn_buffer_free(&source);
    return status;
}

/* What was said, and where it has it from: beside it where there is room, else beneath. */
static enum rn_status add_said(struct listing *listing, const struct rn_step *step)
{
    struct rn_buffer said = {0};
    struct rn_buffer shown = {0};
    struct rn_buffer mark = {0};
    bool colour = listing->show->screen.colour;
    enum rn_status status = rn_step_said(&said, step);
    status = status == RN_OK ? describe_mark(listing, step, &mark) : status;
    size_t needed = mark.len > 0 ? rn_printable_width(rn_buffer_bytes(&mark)) + 2 : 0;
    bool beside = needed > 0 && listing->said >= needed + SAID_BESIDE_MARK;
    status = status == RN_OK ? rn_printable_short(&shown, rn_buffer_bytes(&said),
                                                  beside ? listing->said - needed : listing->said)
                             : status;
    status = status == RN_OK
                 ? rn_screen_paint(&listing->out, colour,
                                   rn_step_is_failed(step) ? RN_PAINT_YELLOW : RN_PAINT_NONE,
                                   rn_buffer_bytes(&shown))
                 : status;
    if (status == RN_OK && needed > 0) {
        int indent = (int)(listing->name + 1 + KIND_COLUMNS + 2);
        status = beside ? rn_buffer_addf(&listing->out, "  ")
                        : rn_buffer_addf(&listing->out, "\n%*s", indent, "");
        status = status == RN_OK ? rn_screen_paint(&listing->out, colour, RN_PAINT_GREEN,
                                                   rn_buffer_bytes(&mark))
                                 : status;
    }
    rn_buffer_free(&said);
    rn_buffer_free(&shown);
    rn_buffer_free(&mark);
    return status;
}

static enum rn_status add_line(struct listing *listing, const struct rn_step *step)
{
    struct rn_buffer what = {0};
    char name[RN_DERIVED_NAME_BYTES];
    bool colour = listing->show->screen.colour;
    enum rn_status status = add_cell(&listing->out, colour, RN_PAINT_NONE,
                                     rn_bytes_text(rn_step_name(step, name)), listing->name);
    status = status == RN_OK ? rn_buffer_add_byte(&listing->out, ' ') : status;
    status = status == RN_OK ? add_cell(&listing->out, colour, RN_PAINT_CYAN,
                                        rn_bytes_text(rn_step_kind(step)), KIND_COLUMNS + 2)
                             : status;
    status = status == RN_OK ? rn_step_what(&what, step, listing->what) : status;
    status = status == RN_OK ? add_cell(&listing->out, colour, RN_PAINT_NONE,
                                        rn_buffer_bytes(&what), listing->what + 2)
                             : status;
    status = status == RN_OK ? add_said(listing, step) : status;
    rn_buffer_free(&what);
    while (listing->out.len > 0 && listing->out.data[listing->out.len - 1] == ' ') {
        listing->out.len--;
    }
    return status == RN_OK ? rn_buffer_add_byte(&listing->out, '\n') : status;
}

static enum rn_status add_step(void *self, const struct rn_step *step)
{
    struct listing *listing = self;
    listing->show->damaged += step->error != NULL && step->error->status == RN_DAMAGED;
    if (step->view != NULL) {
        listing->redactions += step->view->redactions;
        listing->asks_a_model =
            step->view->reading.kind == RN_READING_MODEL && !rn_step_is_failed(step)
                ? step->n
                : listing->asks_a_model;
    }
    enum rn_status status = add_line(listing, step);
    return status == RN_OK && !rn_screen_put(stdout, &listing->out) ? RN_IO : status;
}

/* --- the foot: what to do next -------------------------------------------------------------------------------------- */

/* Only commands that this build has. */
static enum rn_status add_next(struct listing *listing)
{
    char id[33];
    char words[96];
    char call[48];
    rn_trace_id_text(&listing->show->summary.id, id);
    const struct {
        const char *command;
        const char *more;
        bool of_call;
        bool fits;
    } ways[] = {{"ask", " --times 10", true, listing->asks_a_model > 0},
                {"show", "", true, true},
                {"export", " --html page.html", false, true},
                {"replay", "", false, true}};
    uint32_t n = listing->asks_a_model > 0 ? listing->asks_a_model : 1;
    size_t width = rn_show_width(listing->show);
    size_t used = 6;
    (void)snprintf(call, sizeof call, "%s:%" PRIu32, id + 24, n);
    enum rn_status status = rn_buffer_addf(&listing->out, "next: ");
    for (size_t i = 0; i < sizeof ways / sizeof ways[0] && status == RN_OK; i++) {
        if (!ways[i].fits || rn_cli_command_find(ways[i].command) == NULL) {
            continue;
        }
        (void)snprintf(words, sizeof words, "%sreenact %s %s", used > 6 ? " | " : "",
                       ways[i].command, ways[i].of_call ? call : id + 24);
        (void)strncat(words, ways[i].more, sizeof words - strlen(words) - 1);
        if (used + strlen(words) <= width || used == 6) {
            status = rn_buffer_addf(&listing->out, "%s", words);
            used += strlen(words);
        }
    }
    return status == RN_OK ? rn_buffer_add_byte(&listing->out, '\n') : status;
}

static enum rn_status add_foot(struct listing *listing)
{
    struct rn_human count;
    enum rn_status status = RN_OK;
    if (listing->show->summary.events == 0) {
        return rn_buffer_addf(&listing->out, "no calls were recorded\n");
    }
    if (listing->redactions > 0) {
        status = rn_buffer_addf(
            &listing->out, "%s redacted\n",
            rn_human_count(&count, listing->redactions, "credential", "credentials"));
    }
    return status == RN_OK ? add_next(listing) : status;
}

enum rn_status rn_show_steps(struct rn_show *show, struct rn_error *error)
{
    struct listing listing = listing_of(show);
    enum rn_status status = RN_OK;
    if (show->summary.raw_bytes <= CHEAP_BYTES) {
        status = rn_lineage_make(show->store, &show->summary, RN_LINEAGE_BYTES_CHEAP, true,
                                 &listing.lineage, error);
    }
    status = status == RN_OK ? add_head(&listing) : status;
    status = status == RN_OK && !rn_screen_put(stdout, &listing.out) ? RN_IO : status;
    status = status == RN_OK ? rn_steps_walk(show->store, &show->summary, add_step, &listing, error)
                             : status;
    status = status == RN_OK ? add_foot(&listing) : status;
    status = status == RN_OK && !rn_screen_put(stdout, &listing.out) ? RN_IO : status;
    rn_buffer_free(&listing.out);
    rn_lineage_free(&listing.lineage);
    if (status == RN_IO && error->text[0] == '\0') {
        return rn_fail(error, RN_IO, "cannot write to standard output");
    }
    return status == RN_OK || error->text[0] != '\0'
               ? status
               : rn_fail(error, status, "cannot show the trace: %s", rn_status_name(status));
}
