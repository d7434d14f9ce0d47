/*
 * Readings: which dialect an exchange speaks, its request, and its answer whole or streamed.
 *
 * A call is recognised by method, the end of its path and the shape of its body, never by host: the same dialects are
 * spoken by dozens of servers. Behind the table each dialect has a file of its own.
 */
#include "reading_parts.h"

#include <string.h>

#include "base/memory.h"
#include "sse.h"

/* A stream that opens more slots than this is no answer of a model. */
#define SLOTS_MAX 1024u

static const struct rn_dialect_row *const table[] = {
    &rn_openai_chat, &rn_anthropic_messages, &rn_openai_responses, &rn_openai_embeddings,
    /* tools, retrieval and search; by lines, by path, and last by the body alone */
    &rn_mcp, &rn_elasticsearch_lines, &rn_pinecone_lines, &rn_rerank, &rn_qdrant, &rn_chroma,
    &rn_pinecone, &rn_openai_vector_stores, &rn_weaviate, &rn_elasticsearch, &rn_tavily, &rn_exa,
    &rn_brave, &rn_ollama_search, &rn_rerank_score, &rn_pinecone_body, &rn_tavily_body,
    &rn_exa_body, &rn_mcp_body};

static const struct rn_dialect_row *row_of(enum rn_dialect dialect)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i]->dialect == dialect) {
            return table[i];
        }
    }
    return NULL;
}

const char *rn_dialect_name(enum rn_dialect dialect)
{
    const struct rn_dialect_row *row = row_of(dialect);
    return row == NULL ? "" : row->name;
}

const struct rn_dialect_facts *rn_dialect_facts(enum rn_dialect dialect)
{
    static const char *const none[] = {NULL};
    static const struct rn_dialect_facts nothing = {0, none, none, none};
    const struct rn_dialect_row *row = row_of(dialect);
    return row == NULL || row->facts == NULL ? &nothing : row->facts;
}

static const char *name_of(const char *const *names, size_t count, size_t index)
{
    return index < count ? names[index] : "";
}

const char *rn_reading_kind_name(enum rn_reading_kind kind)
{
    static const char *const names[] = {"other",  "model",     "embedding",
                                        "rerank", "retrieval", "tool"};
    return name_of(names, sizeof names / sizeof names[0], (size_t)kind);
}

const char *rn_score_kind_name(enum rn_score_kind kind)
{
    static const char *const names[] = {"none", "similarity", "distance", "relevance"};
    return name_of(names, sizeof names / sizeof names[0], (size_t)kind);
}

const char *rn_finish_name(enum rn_finish finish)
{
    static const char *const names[] = {"",          "stop",     "length",           "tool",
                                        "refusal",   "filtered", "context_full",     "paused",
                                        "cancelled", "error",    "truncated_stream", "other"};
    return name_of(names, sizeof names / sizeof names[0], (size_t)finish);
}

/* --- what dialects need -------------------------------------------------------------------------------------------- */

void rn_reader_fail(struct rn_reader *reader, enum rn_status status)
{
    reader->status = reader->status == RN_OK ? status : reader->status;
}

/* Text that must be in the arena: NULL data means that memory ran out. */
static struct rn_bytes checked(struct rn_reader *reader, struct rn_bytes text)
{
    if (text.data == NULL) {
        rn_reader_fail(reader, RN_NOMEM);
    }
    return text;
}

struct rn_bytes rn_reader_text(struct rn_reader *reader, const struct rn_json *value)
{
    if (value == NULL || value->kind != RN_JSON_STRING) {
        return rn_bytes_of(NULL, 0);
    }
    return checked(reader, rn_json_text(reader->arena, value));
}

struct rn_bytes rn_reader_raw(struct rn_reader *reader, const struct rn_json *value)
{
    return value == NULL ? rn_bytes_of(NULL, 0) : rn_reader_copy(reader, value->raw);
}

struct rn_bytes rn_reader_copy(struct rn_reader *reader, struct rn_bytes text)
{
    return checked(reader, rn_arena_copy(reader->arena, text));
}

struct rn_document *rn_reader_document(struct rn_reader *reader)
{
    struct rn_document *document = rn_arena_alloc(reader->arena, sizeof *document);
    if (document == NULL) {
        rn_reader_fail(reader, RN_NOMEM);
        return NULL;
    }
    *document = (struct rn_document){.next = NULL};
    *reader->documents = document;
    reader->documents = &document->next;
    return document;
}

struct rn_bytes rn_reader_spoken(struct rn_reader *reader, const struct rn_json *value)
{
    if (value == NULL || value->kind == RN_JSON_NULL) {
        return rn_bytes_of(NULL, 0);
    }
    return value->kind == RN_JSON_STRING ? rn_reader_text(reader, value)
                                         : rn_reader_raw(reader, value);
}

bool rn_reader_count(const struct rn_json *value, uint64_t *count)
{
    return value != NULL && value->kind == RN_JSON_NUMBER && rn_bytes_to_u64(value->raw, count);
}

bool rn_reader_is_type(const struct rn_json *value, const char *type)
{
    return rn_json_is(rn_json_member(value, "type"), type);
}

const struct rn_json *rn_reader_first(const struct rn_json *array)
{
    return array == NULL || array->kind != RN_JSON_ARRAY_BEGIN ? NULL : array->child;
}

bool rn_reader_has_messages(const struct rn_json *body)
{
    const struct rn_json *messages = rn_json_member(body, "messages");
    return messages != NULL && messages->kind == RN_JSON_ARRAY_BEGIN;
}

struct rn_said *rn_reader_say(struct rn_reader *reader, enum rn_said_kind kind,
                              struct rn_bytes role, struct rn_bytes text)
{
    struct rn_said *said =
        reader->status == RN_OK ? rn_arena_alloc(reader->arena, sizeof *said) : NULL;
    if (said == NULL) {
        rn_reader_fail(reader, RN_NOMEM);
        return NULL;
    }
    said->kind = kind;
    said->role = role;
    said->text = text;
    *reader->tail = said;
    reader->tail = &said->next;
    return said;
}

void rn_reader_say_string(struct rn_reader *reader, enum rn_said_kind kind, struct rn_bytes role,
                          const struct rn_json *value)
{
    struct rn_bytes text = rn_reader_text(reader, value);
    if (text.len > 0) {
        (void)rn_reader_say(reader, kind, role, text);
    }
}

void rn_reader_say_call(struct rn_reader *reader, struct rn_bytes role, struct rn_bytes arguments,
                        const struct rn_json *name, const struct rn_json *id)
{
    struct rn_said *said = rn_reader_say(reader, RN_SAID_TOOL_CALL, role, arguments);
    if (said != NULL) {
        said->name = rn_reader_text(reader, name);
        said->id = rn_reader_text(reader, id);
    }
}

void rn_reader_say_other(struct rn_reader *reader, struct rn_bytes role, const struct rn_json *part)
{
    struct rn_said *said = rn_reader_say(reader, RN_SAID_OTHER, role, rn_bytes_of(NULL, 0));
    if (said != NULL) {
        said->name = rn_reader_text(reader, rn_json_member(part, "type"));
    }
}

/* <0, 0, >0: where a slot of this kind stands in an answer, beside another one. */
static int compare_slots(const struct rn_slot *slot, enum rn_said_kind kind, uint64_t group,
                         uint64_t index)
{
    static const int rank[] = {
        [RN_SAID_THINKING] = 0,  [RN_SAID_TEXT] = 1,        [RN_SAID_REFUSAL] = 2,
        [RN_SAID_TOOL_CALL] = 3, [RN_SAID_TOOL_RESULT] = 4, [RN_SAID_OTHER] = 5};
    if (slot->group != group) {
        return slot->group < group ? -1 : 1;
    }
    if (slot->kind != kind) {
        return rank[slot->kind] - rank[kind];
    }
    return (slot->index > index) - (slot->index < index);
}

struct rn_slot *rn_reader_slot(struct rn_reader *reader, enum rn_said_kind kind, uint64_t group,
                               uint64_t index)
{
    struct rn_slot **place = &reader->slots;
    while (*place != NULL && compare_slots(*place, kind, group, index) < 0) {
        place = &(*place)->next;
    }
    if (*place != NULL && compare_slots(*place, kind, group, index) == 0) {
        return *place;
    }
    if (reader->slot_count == SLOTS_MAX) {
        rn_reader_fail(reader, RN_INVALID);
    }
    struct rn_slot *slot =
        reader->status == RN_OK ? rn_arena_alloc(reader->arena, sizeof *slot) : NULL;
    if (slot == NULL) {
        rn_reader_fail(reader, RN_NOMEM);
        return NULL;
    }
    *slot = (struct rn_slot){.next = *place, .kind = kind, .group = group, .index = index};
    *place = slot;
    reader->slot_count++;
    return slot;
}

void rn_reader_forget(struct rn_reader *reader)
{
    for (struct rn_slot *slot = reader->slots; slot != NULL; slot = slot->next) {
        rn_buffer_free(&slot->text);
    }
    reader->slots = NULL;
}

void rn_reader_append(struct rn_reader *reader, struct rn_slot *slot, const struct rn_json *value)
{
    if (slot == NULL || value == NULL) {
        return;
    }
    if (value->kind == RN_JSON_STRING) {
        rn_reader_fail(reader, rn_json_unescape(value->raw, &slot->text));
    } else if (value->kind == RN_JSON_OBJECT_BEGIN || value->kind == RN_JSON_ARRAY_BEGIN) {
        rn_reader_fail(reader, rn_buffer_add(&slot->text, value->raw));
    }
}

void rn_reader_error(struct rn_reader *reader, const struct rn_json *body)
{
    /* Wherever providers put the sentence; the first string counts. */
    static const char *const places[] = {"/error/message",  "/error/reason", "/error/detail",
                                         "/error",          "/message",      "/detail/error",
                                         "/detail/message", "/detail",       "/status/error"};
    const struct rn_json *message = NULL;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        message = rn_json_at(body, places[i]);
        if (message != NULL && message->kind == RN_JSON_STRING) {
            break;
        }
    }
    reader->out->error = rn_reader_text(reader, message);
}

/* --- streams ------------------------------------------------------------------------------------------------------- */

/* Says what the slots gathered. */
static void say_slots(struct rn_reader *reader)
{
    for (struct rn_slot *slot = reader->slots; slot != NULL; slot = slot->next) {
        struct rn_bytes text = slot->whole;
        if (slot->text.len > 0) {
            text = rn_reader_copy(reader, rn_buffer_bytes(&slot->text));
        }
        bool nothing = text.len == 0 && slot->name.len == 0 && slot->id.len == 0;
        struct rn_said *said = nothing ? NULL : rn_reader_say(reader, slot->kind, slot->role, text);
        if (said != NULL) {
            said->name = slot->name;
            said->id = slot->id;
        }
    }
    rn_reader_forget(reader);
}

static void read_event(struct rn_reader *reader, const struct rn_dialect_row *row,
                       const struct rn_sse_event *event)
{
    struct rn_arena arena = {0};
    struct rn_json *data = NULL;
    /* an event without text only says from where a stream may go on */
    if (!event->has_data || rn_bytes_trim(event->data).len == 0 || reader->status == RN_NOMEM) {
        return;
    }
    if (rn_bytes_equal(rn_bytes_trim(event->data), RN_LIT("[DONE]"))) {
        row->event(reader, NULL);
        return;
    }
    enum rn_status status = rn_json_parse(&arena, event->data, &data, NULL, NULL);
    if (status == RN_OK) {
        row->event(reader, data);
    }
    rn_arena_free(&arena);
    rn_reader_fail(reader, status);
}

/* Forgets trouble that concerns one event only, and tells of it: what can be read behind it is worth having. */
static bool take_trouble(struct rn_reader *reader)
{
    bool trouble = reader->status != RN_OK;
    reader->status = reader->status == RN_NOMEM ? RN_NOMEM : RN_OK;
    return trouble;
}

static void read_stream(struct rn_reader *reader, const struct rn_dialect_row *row,
                        struct rn_bytes body)
{
    struct rn_sse_splitter splitter = {.offset = 0};
    struct rn_sse_event event;
    bool trouble = false;
    bool found = true;
    while (found && reader->status == RN_OK) {
        rn_reader_fail(reader, rn_sse_next(&splitter, &body, &event, &found));
        if (reader->status != RN_OK) {
            found = false;
        } else if (found || rn_sse_rest(&splitter, &event)) {
            read_event(reader, row, &event);
        }
        trouble = take_trouble(reader) || trouble;
    }
    rn_sse_free(&splitter);
    say_slots(reader);
    rn_reader_fail(reader, trouble ? RN_INVALID : RN_OK);
}

/* --- exchanges ----------------------------------------------------------------------------------------------------- */

static bool fits(const struct rn_dialect_row *row, const struct rn_reading_input *input,
                 struct rn_bytes path)
{
    if (row->fits != NULL) {
        return row->fits(input, path);
    }
    return rn_bytes_equal(input->method, RN_LIT("POST")) &&
           rn_bytes_ends_with(path, rn_bytes_text(row->path));
}

/* A request on its way to its dialect: parsed once, whoever wants to look at it. */
struct asked {
    const struct rn_reading_input *input;
    struct rn_bytes path; /* without query and last slashes */
    struct rn_arena arena;
    struct rn_json *body; /* NULL where there is none, or none that can be read */
    bool parsed;
    enum rn_status status;
    struct rn_error error;
};

static struct asked asked_of(const struct rn_reading_input *input)
{
    struct rn_bytes path = rn_bytes_sub(input->target, 0, rn_bytes_find_byte(input->target, '?'));
    while (path.len > 0 && path.data[path.len - 1] == '/') {
        path.len--;
    }
    return (struct asked){.input = input, .path = path};
}

static void parse(struct asked *asked)
{
    if (!asked->parsed) {
        asked->parsed = true;
        asked->status = rn_json_parse(&asked->arena, asked->input->request_body, &asked->body, NULL,
                                      &asked->error);
    }
}

/* What cannot be read is of a dialect only where more than the body would have told. */
static bool is_of(const struct rn_dialect_row *row, struct asked *asked)
{
    if (row->request_text != NULL) {
        return true;
    }
    if (asked->input->request_body.len == 0 && (row->knows == NULL || row->knows(NULL))) {
        asked->parsed = true;
        return true;
    }
    parse(asked);
    return asked->status != RN_OK ? !row->by_body : row->knows == NULL || row->knows(asked->body);
}

static const struct rn_dialect_row *find_row(struct asked *asked)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (fits(table[i], asked->input, asked->path) && is_of(table[i], asked)) {
            return table[i];
        }
    }
    return NULL;
}

enum rn_dialect rn_dialect_of(const struct rn_reading_input *input)
{
    struct asked asked = asked_of(input);
    const struct rn_dialect_row *row = find_row(&asked);
    rn_arena_free(&asked.arena);
    return row == NULL ? RN_DIALECT_NONE : row->dialect;
}

static enum rn_status read_request(struct rn_reader *reader, const struct rn_dialect_row *row,
                                   const struct asked *asked, struct rn_error *error)
{
    reader->tail = &reader->out->request;
    if (row->request_text != NULL) {
        row->request_text(reader, asked->input->request_body);
    } else if (asked->status != RN_OK) {
        return rn_fail(error, asked->status == RN_NOMEM ? RN_NOMEM : RN_INVALID, "%s",
                       asked->error.text);
    } else {
        rn_reader_request(reader, row, asked->body);
        row->request(reader, asked->body);
    }
    return reader->status == RN_LIMIT ? RN_INVALID : reader->status;
}

static bool is_event_stream(struct rn_bytes type)
{
    struct rn_bytes essence = rn_bytes_trim(rn_bytes_sub(type, 0, rn_bytes_find_byte(type, ';')));
    return rn_bytes_equal_nocase(essence, RN_LIT("text/event-stream"));
}

/* Whatever came with a status of 400 or more. An error page of somebody in between says nothing. */
static enum rn_status read_failure(struct rn_reader *reader, struct rn_bytes text)
{
    struct rn_arena arena = {0};
    struct rn_json *body = NULL;
    enum rn_status status = rn_json_parse(&arena, text, &body, NULL, NULL);
    if (status == RN_OK) {
        rn_reader_error(reader, body);
        status = reader->status;
    }
    rn_arena_free(&arena);
    return status == RN_NOMEM ? RN_NOMEM : RN_OK;
}

static enum rn_status read_whole(struct rn_reader *reader, const struct rn_dialect_row *row,
                                 struct rn_bytes text, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_json *body = NULL;
    enum rn_status status = RN_OK;
    if (row->answer_text != NULL) {
        status = row->answer_text(reader, text, error);
    } else {
        status = rn_json_parse(&arena, text, &body, NULL, error);
        if (status == RN_OK) {
            row->answer(reader, body);
        }
    }
    status = status == RN_OK ? reader->status : status;
    rn_arena_free(&arena);
    return status == RN_LIMIT ? RN_INVALID : status;
}

static enum rn_status read_answer(struct rn_reader *reader, const struct rn_dialect_row *row,
                                  const struct rn_reading_input *input, struct rn_error *error)
{
    reader->tail = &reader->out->response;
    if (row->event != NULL && is_event_stream(input->response_type)) {
        reader->out->streamed = true;
        read_stream(reader, row, input->response_body);
        return reader->status == RN_INVALID
                   ? rn_fail(error, RN_INVALID,
                             "The streamed answer holds events that are not of its dialect.")
                   : reader->status;
    }
    return input->status >= 400 ? read_failure(reader, input->response_body)
                                : read_whole(reader, row, input->response_body, error);
}

enum rn_status rn_reading_make(struct rn_arena *arena, const struct rn_reading_input *input,
                               struct rn_reading *out, struct rn_error *error)
{
    *out = (struct rn_reading){.dialect = RN_DIALECT_NONE};
    struct asked asked = asked_of(input);
    const struct rn_dialect_row *row = find_row(&asked);
    if (row == NULL) {
        rn_arena_free(&asked.arena);
        return asked.status == RN_NOMEM ? RN_NOMEM : RN_OK;
    }
    struct rn_reader reader = {
        .arena = arena, .input = input, .out = out, .documents = &out->documents, .status = RN_OK};
    out->dialect = row->dialect;
    out->kind = row->kind;
    enum rn_status status = read_request(&reader, row, &asked, error);
    rn_arena_free(&asked.arena);
    if (status == RN_OK && input->response_body.len > 0) {
        status = read_answer(&reader, row, input, error);
    }
    out->finished = rn_finish_of(out);
    out->unread = status == RN_INVALID;
    return status;
}
