/* Lines for people: who speaks, cut to the width there is. What is new is wire/talk.h's to say. */
#include "talk.h"

#include <inttypes.h>

#include "printable.h"

#define ROLE_COLUMNS 9

static enum rn_status said_text(struct rn_buffer *out, const struct rn_said *said,
                                const struct rn_said *request)
{
    enum rn_status status = RN_OK;
    struct rn_bytes tool;
    switch (said->kind) {
    case RN_SAID_TOOL_CALL:
        status = rn_buffer_add(out, said->name);
        status = status == RN_OK ? rn_buffer_add_byte(out, '(') : status;
        status = status == RN_OK ? rn_buffer_add(out, said->text) : status;
        return status == RN_OK ? rn_buffer_add_byte(out, ')') : status;
    case RN_SAID_TOOL_RESULT:
        tool = rn_talk_tool_name(said, request);
        if (tool.len > 0) {
            status = rn_buffer_add(out, tool);
            status = status == RN_OK ? rn_buffer_add(out, RN_LIT(": ")) : status;
        }
        return status == RN_OK ? rn_buffer_add(out, said->text) : status;
    case RN_SAID_REFUSAL:
        status = rn_buffer_add(out, RN_LIT("(refuses) "));
        return status == RN_OK ? rn_buffer_add(out, said->text) : status;
    case RN_SAID_THINKING:
        status = rn_buffer_add(out, RN_LIT("(thinks) "));
        return status == RN_OK ? rn_buffer_add(out, said->text) : status;
    case RN_SAID_OTHER:
        status = said->name.len > 0 ? rn_buffer_add(out, RN_LIT("(")) : RN_OK;
        status = status == RN_OK ? rn_buffer_add(out, said->name) : status;
        status = status == RN_OK && said->name.len > 0 ? rn_buffer_add(out, RN_LIT(") ")) : status;
        return status == RN_OK ? rn_buffer_add(out, said->text) : status;
    case RN_SAID_TEXT:
        break;
    }
    return rn_buffer_add(out, said->text);
}

static enum rn_status line_of(struct rn_buffer *out, const struct rn_screen *screen, size_t indent,
                              size_t width, char direction, const struct rn_said *said,
                              const struct rn_said *request)
{
    struct rn_buffer text = {0};
    struct rn_buffer role = {0};
    size_t used = indent + 2 + ROLE_COLUMNS + 2;
    enum rn_status status = rn_printable_short(&role, said->role, ROLE_COLUMNS);
    size_t blanks = ROLE_COLUMNS + 2 - rn_printable_width(rn_buffer_bytes(&role));
    status = status == RN_OK ? said_text(&text, said, request) : status;
    status = status == RN_OK ? rn_buffer_addf(out, "%*s%c ", (int)indent, "", direction) : status;
    status = status == RN_OK
                 ? rn_screen_paint(out, screen->colour, RN_PAINT_CYAN, rn_buffer_bytes(&role))
                 : status;
    status = status == RN_OK ? rn_buffer_addf(out, "%*s", (int)blanks, "") : status;
    if (status == RN_OK) {
        status =
            rn_printable_short(out, rn_buffer_bytes(&text), width > used + 20 ? width - used : 20);
    }
    status = status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
    rn_buffer_free(&text);
    rn_buffer_free(&role);
    return status;
}

/* How many numbers a vector has: its commas tell, or the length of base64 of four bytes each. 0: it is neither. */
static size_t dimensions(struct rn_bytes vector)
{
    size_t count = 1;
    if (vector.len <= 2 || (vector.data[0] != '"' && vector.data[0] != '[')) {
        return 0;
    }
    struct rn_bytes inner = rn_bytes_sub(vector, 1, vector.len - 2);
    if (vector.data[0] == '"') {
        while (inner.len > 0 && inner.data[inner.len - 1] == '=') {
            inner.len--;
        }
        return inner.len * 3 / 4 / 4;
    }
    for (size_t i = 0; i < inner.len; i++) {
        count += inner.data[i] == ',' ? 1 : 0;
    }
    return count;
}

static bool is_vector(const struct rn_said *said)
{
    return said->kind == RN_SAID_OTHER && rn_bytes_equal(said->name, RN_LIT("embedding"));
}

/* One line for all vectors from *said on, which then stands behind them: nobody reads their numbers. */
static enum rn_status vectors_line(struct rn_buffer *out, const struct rn_screen *screen,
                                   size_t indent, size_t width, const struct rn_said **said)
{
    struct rn_buffer text = {0};
    size_t length = dimensions((*said)->text);
    size_t count = 0;
    for (; *said != NULL && is_vector(*said); *said = (*said)->next) {
        count++;
    }
    enum rn_status status = rn_buffer_addf(&text, "%zu vector%s", count, count == 1 ? "" : "s");
    if (status == RN_OK && length > 0) {
        status = rn_buffer_addf(&text, " of %zu numbers", length);
    }
    const struct rn_said all = {
        .kind = RN_SAID_OTHER, .role = RN_LIT("embedding"), .text = rn_buffer_bytes(&text)};
    status = status == RN_OK ? line_of(out, screen, indent, width, '<', &all, NULL) : status;
    rn_buffer_free(&text);
    return status;
}

/* "gpt-4o (as gpt-4o-2024-08-06), 123 tokens in, 45 out, stop": what there is of it. */
static enum rn_status summary_text(struct rn_buffer *out, const struct rn_reading *reading)
{
    enum rn_status status = rn_buffer_add(out, reading->model_asked);
    if (status == RN_OK && reading->model_answered.len > 0 &&
        !rn_bytes_equal(reading->model_answered, reading->model_asked)) {
        status = rn_buffer_addf(out, " (answered by %.*s)", (int)reading->model_answered.len,
                                (const char *)reading->model_answered.data);
    }
    if (status == RN_OK && reading->has_usage) {
        status = rn_buffer_addf(out, ", %" PRIu64 " tokens in, %" PRIu64 " out", reading->tokens_in,
                                reading->tokens_out);
    }
    if (status == RN_OK && reading->finish.len > 0) {
        status = rn_buffer_addf(out, ", %.*s", (int)reading->finish.len,
                                (const char *)reading->finish.data);
    }
    if (status == RN_OK && reading->streamed && !reading->complete) {
        status = rn_buffer_addf(out, ", the stream has no end");
    }
    if (status == RN_OK && reading->error.len > 0) {
        status = rn_buffer_addf(out, ", error: %.*s", (int)reading->error.len,
                                (const char *)reading->error.data);
    }
    return status;
}

/* A remark of our own between the lines. */
static enum rn_status remark(struct rn_buffer *out, const struct rn_screen *screen, size_t indent,
                             size_t width, struct rn_bytes text)
{
    struct rn_buffer shown = {0};
    size_t used = indent + 2;
    enum rn_status status = rn_printable_short(&shown, text, width > used + 20 ? width - used : 20);
    status = status == RN_OK ? rn_buffer_addf(out, "%*s", (int)used, "") : status;
    status = status == RN_OK
                 ? rn_screen_paint(out, screen->colour, RN_PAINT_DIM, rn_buffer_bytes(&shown))
                 : status;
    status = status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
    rn_buffer_free(&shown);
    return status;
}

enum rn_status rn_talk_lines(struct rn_buffer *out, const struct rn_screen *screen, size_t indent,
                             size_t width, const struct rn_reading *reading,
                             const struct rn_talk_news *news)
{
    struct rn_buffer text = {0};
    enum rn_status status = RN_OK;
    if (news->known > 0) {
        status =
            rn_buffer_addf(&text, "(%zu said before, as in %" PRIu32 ")", news->known, news->as_in);
        status =
            status == RN_OK ? remark(out, screen, indent, width, rn_buffer_bytes(&text)) : status;
    }
    for (const struct rn_said *said = news->first_new; said != NULL && status == RN_OK;
         said = said->next) {
        status = rn_talk_counts(said)
                     ? line_of(out, screen, indent, width, '>', said, reading->request)
                     : RN_OK;
    }
    for (const struct rn_said *said = reading->response; said != NULL && status == RN_OK;) {
        if (is_vector(said)) {
            status = vectors_line(out, screen, indent, width, &said);
        } else {
            status = line_of(out, screen, indent, width, '<', said, reading->request);
            said = said->next;
        }
    }
    rn_buffer_clear(&text);
    status = status == RN_OK ? summary_text(&text, reading) : status;
    if (status == RN_OK && text.len > 0) {
        status = remark(out, screen, indent, width, rn_buffer_bytes(&text));
    }
    rn_buffer_free(&text);
    return status;
}
