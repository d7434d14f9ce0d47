/* Words for a step (step_text.h). What a reading does not say is left out; nothing is guessed. */
#include "step_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/varint.h"
#include "human.h"
#include "printable.h"
#include "shell.h"

#define PART_BYTES_MAX 400u /* of one text: more than a line of any terminal */
#define PARTS_MAX 8u        /* documents and tool calls: more than a line of any terminal */

/* Text that grows; the first status that is not RN_OK stays. */
struct text {
    struct rn_buffer *out;
    enum rn_status status;
};

static void put(struct text *text, struct rn_bytes bytes)
{
    if (text->status == RN_OK) {
        text->status = rn_buffer_add(text->out, rn_bytes_sub(bytes, 0, PART_BYTES_MAX));
    }
}

static void put_word(struct text *text, const char *word)
{
    put(text, rn_bytes_text(word));
}

/* With a blank before it where something stands already; nothing where it is empty. */
static void put_next(struct text *text, struct rn_bytes bytes)
{
    if (bytes.len > 0 && text->out->len > 0) {
        put(text, RN_LIT(" "));
    }
    put(text, bytes);
}

static void put_next_word(struct text *text, const char *word)
{
    put_next(text, rn_bytes_text(word));
}

static void put_number(struct text *text, uint64_t number)
{
    char digits[24];
    (void)snprintf(digits, sizeof digits, "%" PRIu64, number);
    put_word(text, digits);
}

/* --- kinds ---------------------------------------------------------------------------------------------------------- */

static bool has_heads(const struct rn_view *view)
{
    enum rn_event_kind kind = rn_event_kind_of(view->event);
    return kind == RN_EVENT_EXCHANGE || kind == RN_EVENT_DECISION || kind == RN_EVENT_CALL;
}

const char *rn_step_kind(const struct rn_step *step)
{
    static const char *const unread[] = {"event", "gap", "note", "mark"};
    if (step->derived != NULL) {
        return "tool";
    }
    if (step->view == NULL) {
        return step->class == RN_CLASS_EVENT && step->n == 0 ? "run" : unread[step->class];
    }
    enum rn_event_kind kind = rn_event_kind_of(step->view->event);
    return kind == RN_EVENT_EXCHANGE ? rn_reading_kind_name(step->view->reading.kind)
                                     : rn_event_kind_name(kind);
}

static bool is_tool_error(const struct rn_reading *reading)
{
    for (const struct rn_said *said = reading->response; said != NULL; said = said->next) {
        if (said->kind == RN_SAID_TOOL_RESULT && said->is_error) {
            return true;
        }
    }
    return false;
}

bool rn_step_is_failed(const struct rn_step *step)
{
    if (step->derived != NULL) {
        return step->derived->is_error;
    }
    if (step->view == NULL || step->class == RN_CLASS_GAP) {
        return true;
    }
    if (!has_heads(step->view)) {
        return false;
    }
    const struct rn_reading *reading = &step->view->reading;
    return rn_event_end_of(step->view->event) != RN_END_ENDED || step->view->status >= 400 ||
           reading->error.len > 0 || (reading->streamed && !reading->complete) ||
           is_tool_error(reading);
}

/* --- who and what --------------------------------------------------------------------------------------------------- */

/* " 1904>31 tok", " 12 tok" */
static void put_tokens(struct text *text, const struct rn_reading *reading)
{
    if ((reading->counted & (RN_COUNTED_IN | RN_COUNTED_OUT)) == 0) {
        return;
    }
    put_word(text, " ");
    put_number(text, reading->tokens_in);
    if ((reading->counted & RN_COUNTED_OUT) != 0 && reading->kind == RN_READING_MODEL) {
        put_word(text, ">");
        put_number(text, reading->tokens_out);
    }
    put_word(text, " tok");
}

/* What may be shortened. */
static void put_who(struct text *text, const struct rn_view *view)
{
    const struct rn_reading *reading = &view->reading;
    const struct rn_event *event = view->event;
    struct rn_bytes upstream = rn_event_get(event, RN_TAG_UPSTREAM);
    if (reading->model_asked.len > 0) {
        put(text, reading->model_asked);
    } else if (reading->kind == RN_READING_RETRIEVAL || reading->kind == RN_READING_RERANK) {
        put(text, reading->service.len > 0 ? reading->service
                                           : rn_bytes_text(rn_dialect_name(reading->dialect)));
        put_next(text, reading->target.len > 0 ? reading->target : reading->operation);
    } else if (reading->kind == RN_READING_TOOL) {
        put(text, reading->target.len > 0 ? reading->target : reading->operation);
        put_next_word(text, "at");
        put_next(text, upstream);
    } else {
        put(text, rn_event_kind_of(event) == RN_EVENT_DECISION ? RN_LIT("") : upstream);
        put_next(text, rn_event_get(event, RN_TAG_METHOD));
        struct rn_bytes target = rn_event_get(event, RN_TAG_TARGET);
        put_next(text, rn_bytes_sub(target, 0, rn_bytes_find_byte(target, '?')));
    }
}

/* What stands behind it in full: tokens and time; of a decision and of what nobody reads, the status. */
static void put_measures(struct text *text, const struct rn_view *view)
{
    struct rn_human took;
    char status[16];
    if (view->reading.dialect == RN_DIALECT_NONE && view->status > 0) {
        (void)snprintf(status, sizeof status, " %u", view->status);
        put_word(text, status);
    }
    if (view->reading.kind == RN_READING_MODEL || view->reading.kind == RN_READING_EMBEDDING) {
        put_tokens(text, &view->reading);
    }
    if (view->has_complete) {
        put_word(text, " ");
        put_word(text, rn_human_duration(&took, view->complete_ns));
    }
}

static void put_told(struct text *who, struct text *rest, const struct rn_derived *derived)
{
    char told[40];
    (void)snprintf(told, sizeof told, " (as told to %" PRIu32 ")", derived->told_n);
    put(who, derived->name.len > 0 ? derived->name : RN_LIT("a tool"));
    put_word(rest, told);
}

static void put_run(struct text *who, const struct rn_view *view)
{
    struct rn_human ended, took;
    uint64_t exit = rn_event_number(view->event, RN_TAG_EXIT, UINT64_MAX);
    if (exit != UINT64_MAX) {
        put_word(who, rn_human_exit(&ended, (int)exit));
    }
    if (view->has_complete) {
        put_next_word(who, rn_human_duration(&took, view->complete_ns));
    }
}

/* `who` shortened so that both fit. */
static enum rn_status join(struct rn_buffer *out, struct rn_bytes who, struct rn_bytes rest,
                           size_t columns)
{
    size_t used = rn_printable_width(rest);
    if (who.len == 0) {
        return rn_printable_short(out, rn_bytes_trim(rest), columns);
    }
    if (used + 6 > columns) {
        return rn_printable_short(out, who, columns);
    }
    enum rn_status status = rn_printable_short(out, who, columns - used);
    return status == RN_OK ? rn_buffer_add(out, rest) : status;
}

enum rn_status rn_step_what(struct rn_buffer *out, const struct rn_step *step, size_t columns)
{
    struct rn_buffer first = {0};
    struct rn_buffer second = {0};
    struct text who = {&first, RN_OK};
    struct text rest = {&second, RN_OK};
    if (step->derived != NULL) {
        put_told(&who, &rest, step->derived);
    } else if (step->view != NULL && has_heads(step->view)) {
        put_who(&who, step->view);
        put_measures(&rest, step->view);
    } else if (step->view != NULL && rn_event_kind_of(step->view->event) == RN_EVENT_RUN) {
        put_run(&who, step->view);
    }
    enum rn_status status = who.status == RN_OK ? rest.status : who.status;
    status = status == RN_OK ? join(out, rn_buffer_bytes(&first), rn_buffer_bytes(&second), columns)
                             : status;
    rn_buffer_free(&first);
    rn_buffer_free(&second);
    return status;
}

/* --- what is out of the ordinary ------------------------------------------------------------------------------------ */

uint32_t rn_step_redactions(const struct rn_step *step)
{
    uint32_t count = 0;
    struct rn_view_redaction redaction;
    if (step->view == NULL) {
        return 0;
    }
    struct rn_bytes list = rn_event_get(step->view->event, RN_TAG_REDACTIONS);
    while (rn_view_redaction_next(&list, &redaction)) {
        count += redaction.tag != RN_TAG_REQUEST_HEAD && redaction.tag != RN_TAG_RESPONSE_HEAD;
    }
    return count;
}

static void put_mark(struct text *text, const char *word, struct rn_bytes why)
{
    put_next_word(text, word);
    if (why.len > 0) {
        put_word(text, " (");
        put(text, why);
        put_word(text, ")");
    }
    put_word(text, ";");
}

static void put_finish(struct text *text, const struct rn_reading *reading)
{
    static const char *const words[] = {
        [RN_FINISH_LENGTH] = "stopped at its length",
        [RN_FINISH_FILTERED] = "filtered",
        [RN_FINISH_CONTEXT_FULL] = "stopped: context full",
        [RN_FINISH_PAUSED] = "paused",
        [RN_FINISH_CANCELLED] = "cancelled",
        [RN_FINISH_OTHER] = NULL,
    };
    const char *word = words[reading->finished];
    if (reading->kind == RN_READING_MODEL && word != NULL) {
        put_mark(text, word, RN_LIT(""));
    }
    if (reading->streamed && !reading->complete) {
        put_mark(text, "the stream has no end", RN_LIT(""));
    }
}

/* "gpt-4.1-2025-04-14" is gpt-4.1 said in full. */
static void put_answered(struct text *text, const struct rn_reading *reading)
{
    if (reading->model_answered.len > 0 && reading->model_asked.len > 0 &&
        !rn_bytes_starts_with(reading->model_answered, reading->model_asked)) {
        put_mark(text, "answered by another model", reading->model_answered);
    }
}

static void put_marks(struct text *text, const struct rn_step *step)
{
    const struct rn_view *view = step->view;
    const struct rn_reading *reading = &view->reading;
    enum rn_end end = rn_event_end_of(view->event);
    char word[48];
    if (end != RN_END_ENDED) {
        put_mark(text, end == RN_END_NONE ? "still open" : rn_end_name(end),
                 rn_event_get(view->event, RN_TAG_END_REASON));
    }
    if (view->status >= 400) {
        (void)snprintf(word, sizeof word, "status %u", view->status);
        put_mark(text, word, RN_LIT(""));
    }
    if (reading->attempt > 1) {
        (void)snprintf(word, sizeof word, "attempt %u", reading->attempt);
        put_mark(text, word, RN_LIT(""));
    }
    if (reading->error.len > 0) {
        put_mark(text, "error", reading->error);
    }
    put_finish(text, reading);
    put_answered(text, reading);
    if (reading->unread) {
        put_mark(text, "read in part", reading->unread_why);
    }
    if ((view->flags & RN_FLAG_TRUNCATED) != 0) {
        put_mark(text, "truncated", RN_LIT(""));
    }
    if ((view->flags & RN_FLAG_WITHHELD) != 0) {
        put_mark(text, "a body is withheld", RN_LIT(""));
    }
    if ((view->flags & RN_FLAG_LATE) != 0) {
        put_mark(text, "committed late", RN_LIT(""));
    }
    if (rn_step_redactions(step) > 0) {
        put_mark(text, "redacted", RN_LIT(""));
    }
}

/* --- what was said -------------------------------------------------------------------------------------------------- */

static void put_quoted(struct text *text, const char *before, struct rn_bytes said)
{
    put_next_word(text, before);
    put_next_word(text, "\"");
    put(text, said);
    put_word(text, "\"");
}

static void put_call(struct text *text, const struct rn_said *said, bool is_first)
{
    put_next_word(text, is_first ? "asks" : "and");
    put_next(text, said->name);
    put_word(text, "(");
    put(text, said->text);
    put_word(text, ")");
}

static bool is_vector(const struct rn_said *said)
{
    return said->kind == RN_SAID_OTHER && rn_bytes_equal(said->name, RN_LIT("embedding"));
}

static void put_vectors(struct text *text, const struct rn_reading *reading)
{
    uint64_t count = 0;
    const struct rn_said *said = reading->request;
    for (const struct rn_said *each = reading->response; each != NULL; each = each->next) {
        count += is_vector(each);
    }
    if (said != NULL && said->text.len > 0) {
        put_quoted(text, "", said->text);
    }
    put_next_word(text, "->");
    put_word(text, " ");
    put_number(text, count);
    put_word(text, count == 1 ? " vector" : " vectors");
}

/* Thinking is told only where nothing else was said. */
static void put_answer(struct text *text, const struct rn_said *response)
{
    unsigned told = 0;
    bool asked = false;
    const struct rn_said *thought = NULL;
    for (const struct rn_said *said = response; said != NULL && told < PARTS_MAX;
         said = said->next) {
        if (said->kind == RN_SAID_THINKING) {
            thought = thought == NULL ? said : thought;
            continue;
        }
        if (said->kind == RN_SAID_TOOL_CALL) {
            put_call(text, said, !asked);
            asked = true;
        } else if (said->kind == RN_SAID_REFUSAL) {
            put_quoted(text, "refuses", said->text);
        } else if (said->kind == RN_SAID_TOOL_RESULT) {
            put_next_word(text, said->is_error ? "failed:" : "");
            put_next(text, said->text);
        } else if (said->text.len > 0) {
            put_quoted(text, "", said->text);
        }
        told++;
    }
    if (told == 0 && thought != NULL) {
        put_quoted(text, "thinks", thought->text);
    }
}

static void put_documents(struct text *text, const struct rn_reading *reading)
{
    unsigned told = 0;
    for (const struct rn_document *each = reading->documents; each != NULL; each = each->next) {
        if (told == PARTS_MAX) {
            put_word(text, ", ...");
            return;
        }
        put_word(text, told > 0 ? "," : "");
        put_next(text, each->id.len > 0 ? each->id : each->title);
        put_next(text, rn_bytes_sub(each->score, 0, 6));
        told++;
    }
    if (told == 0 && reading->error.len == 0) {
        put_next_word(text, "no documents");
    }
}

static struct rn_bytes body_of(const struct rn_view *view, const struct rn_view_body *body,
                               enum rn_tag tag)
{
    return body->decoded.len > 0 ? body->decoded : rn_event_get(view->event, tag);
}

/* What was asked and what came back, where no reading says more: only where it is text. */
static void put_bodies(struct text *text, const struct rn_view *view)
{
    struct rn_bytes asked = body_of(view, &view->request, RN_TAG_REQUEST_BODY);
    struct rn_bytes got = body_of(view, &view->response, RN_TAG_RESPONSE_BODY);
    struct rn_human size;
    if (asked.len > 0 && rn_printable_is_utf8(asked)) {
        put_next(text, asked);
    }
    if (got.len == 0) {
        return;
    }
    put_next_word(text, "->");
    put_next(text, rn_printable_is_utf8(got) ? got : rn_bytes_text(rn_human_bytes(&size, got.len)));
}

static void put_exchange(struct text *text, const struct rn_step *step)
{
    const struct rn_reading *reading = &step->view->reading;
    put_marks(text, step);
    if (reading->kind == RN_READING_RETRIEVAL || reading->kind == RN_READING_RERANK) {
        put_documents(text, reading);
    } else if (reading->kind == RN_READING_EMBEDDING) {
        put_vectors(text, reading);
    } else if (reading->response != NULL) {
        put_answer(text, reading->response);
    } else if (reading->kind == RN_READING_OTHER && reading->error.len == 0) {
        put_bodies(text, step->view);
    }
}

static void put_command(struct text *text, struct rn_bytes argv)
{
    struct rn_bytes word;
    for (const char *before = ""; text->status == RN_OK && rn_run_get(&argv, &word); before = " ") {
        put_word(text, before);
        text->status = text->status == RN_OK ? rn_shell_word(text->out, word) : text->status;
    }
}

static void put_gap(struct text *text, struct rn_bytes gap)
{
    uint64_t count = 0;
    uint64_t moment = 0;
    if (rn_varint_get(&gap, &count) && rn_varint_get(&gap, &moment) &&
        rn_varint_get(&gap, &moment)) {
        put_number(text, count);
        put_word(text, " events are missing: ");
        put(text, gap);
    } else {
        put_word(text, "a gap that cannot be read");
    }
}

static void put_event(struct text *text, const struct rn_step *step)
{
    const struct rn_event *event = step->view->event;
    switch (rn_event_kind_of(event)) {
    case RN_EVENT_RUN:
        put_command(text, rn_event_get(event, RN_TAG_ARGV));
        break;
    case RN_EVENT_GAP:
        put_gap(text, rn_event_get(event, RN_TAG_GAP));
        break;
    case RN_EVENT_NOTE:
        put(text, rn_event_get(event, RN_TAG_NOTE));
        break;
    default:
        put_exchange(text, step);
        break;
    }
}

enum rn_status rn_step_said(struct rn_buffer *out, const struct rn_step *step)
{
    struct text text = {out, RN_OK};
    if (step->derived != NULL) {
        put_word(&text, step->derived->is_error ? "failed: " : "");
        put(&text, step->derived->result);
    } else if (step->view != NULL) {
        put_event(&text, step);
    } else {
        put_word(&text, step->error->status == RN_DAMAGED ? step->error->text : "not here (yet)");
    }
    out->len -=
        out->len > 0 && out->data[out->len - 1] == ';'; /* a mark behind which nothing was said */
    return text.status;
}
