/* Remembers marks (hashes), not texts. A chance collision would hide a line from a human, nothing more. */
#include "talk.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "printable.h"

#define ROLE_COLUMNS 9

/* --- memory -------------------------------------------------------------------------------------------------------- */

/* FNV-1a, with the length in front so that neighbours cannot lend each other bytes. */
static uint64_t mark_add(uint64_t mark, struct rn_bytes bytes)
{
    mark = (mark ^ bytes.len) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < bytes.len; i++) {
        mark = (mark ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    }
    return mark;
}

/*
 * A tool call is known by its id: its arguments come as text in pieces and go back as JSON, blanks and all different.
 */
static uint64_t mark_of(const struct rn_said *said)
{
    uint64_t mark = UINT64_C(0xcbf29ce484222325) + (uint64_t)said->kind;
    mark = mark_add(mark, said->role);
    mark = mark_add(mark, said->name);
    mark = mark_add(mark, said->id);
    bool known_by_id = said->kind == RN_SAID_TOOL_CALL && said->id.len > 0;
    return known_by_id ? mark : mark_add(mark, said->text);
}

/* SDKs drop or invent empty texts and leave out thinking when they send an answer back. */
static bool counts(const struct rn_said *said)
{
    return said->kind != RN_SAID_THINKING && !(said->kind == RN_SAID_TEXT && said->text.len == 0);
}

static size_t count_of(const struct rn_said *said)
{
    size_t count = 0;
    for (; said != NULL; said = said->next) {
        count += counts(said) ? 1 : 0;
    }
    return count;
}

static size_t marks_put(uint64_t *marks, size_t at, const struct rn_said *said)
{
    for (; said != NULL; said = said->next) {
        if (counts(said)) {
            marks[at++] = mark_of(said);
        }
    }
    return at;
}

void rn_talk_free(struct rn_talk *talk)
{
    for (size_t i = 0; i < RN_TALK_MEMORY; i++) {
        rn_free(talk->calls[i].marks);
    }
    memset(talk, 0, sizeof *talk);
}

static size_t shared(const struct rn_talk_call *call, const uint64_t *marks, size_t count)
{
    size_t same = 0;
    while (same < count && same < call->count && call->marks[same] == marks[same]) {
        same++;
    }
    return same;
}

static const struct rn_said *skip(const struct rn_said *said, size_t known)
{
    while (said != NULL && (known > 0 || !counts(said))) {
        known -= counts(said) ? 1 : 0;
        said = said->next;
    }
    return said;
}

enum rn_status rn_talk_hear(struct rn_talk *talk, uint32_t ordinal,
                            const struct rn_reading *reading, struct rn_talk_news *news)
{
    size_t asked = count_of(reading->request);
    size_t all = asked + count_of(reading->response);
    uint64_t *marks = rn_calloc(all > 0 ? all : 1, sizeof *marks);
    memset(news, 0, sizeof *news);
    if (marks == NULL) {
        return RN_NOMEM;
    }
    (void)marks_put(marks, marks_put(marks, 0, reading->request), reading->response);
    /* The newest first, so that of two equally long beginnings the nearer call is named. */
    for (size_t back = 1; back <= RN_TALK_MEMORY; back++) {
        const struct rn_talk_call *call =
            &talk->calls[(talk->next + RN_TALK_MEMORY - back) % RN_TALK_MEMORY];
        size_t same = shared(call, marks, asked);
        if (same > news->known) {
            news->known = same;
            news->as_in = call->ordinal;
        }
    }
    news->first_new = skip(reading->request, news->known);
    struct rn_talk_call *slot = &talk->calls[talk->next];
    rn_free(slot->marks);
    *slot = (struct rn_talk_call){ordinal, marks, all};
    talk->next = (talk->next + 1) % RN_TALK_MEMORY;
    return RN_OK;
}

/* --- lines --------------------------------------------------------------------------------------------------------- */

/* A tool's result names its call by id only; the call itself stands earlier in the same request. */
static struct rn_bytes tool_name(const struct rn_said *said, const struct rn_said *request)
{
    for (; said->name.len == 0 && said->id.len > 0 && request != NULL; request = request->next) {
        if (request->kind == RN_SAID_TOOL_CALL && rn_bytes_equal(request->id, said->id)) {
            return request->name;
        }
    }
    return said->name;
}

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
        tool = tool_name(said, request);
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
        status =
            counts(said) ? line_of(out, screen, indent, width, '>', said, reading->request) : RN_OK;
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
