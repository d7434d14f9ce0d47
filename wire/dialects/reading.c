/*
 * Readings: which dialect an exchange speaks, its request, and its answer.
 *
 * A call is recognised by method, path, heads and the shape of its body, never by host: the same dialects are spoken by dozens
 * of servers. Rows are asked in order, and the first whose path fits and whose body it knows has it. Behind the table each
 * dialect has a file of its own.
 */
#include "reading_parts.h"

#include <string.h>

#include "rule.h"

static const struct rn_dialect_row *const table[] = {
    &rn_openai_chat,
    &rn_anthropic_messages,
    &rn_openai_responses,
    &rn_openai_embeddings,
    &rn_openai_completions,
    &rn_openai_responses_kept,
    &rn_gemini_generate,
    &rn_gemini_embed,
    &rn_bedrock_converse,
    &rn_bedrock_invoke,
    &rn_ollama_chat,
    &rn_ollama_generate,
    &rn_ollama_embed,
    &rn_cohere_chat,
    &rn_cohere_embed,
    /* tools, retrieval and search; by lines, by path, and last by the body alone */
    &rn_mcp,
    &rn_elasticsearch_lines,
    &rn_pinecone_lines,
    &rn_rerank,
    &rn_qdrant,
    &rn_chroma,
    &rn_pinecone,
    &rn_openai_vector_stores,
    &rn_weaviate,
    &rn_elasticsearch,
    &rn_tavily,
    &rn_exa,
    &rn_brave,
    &rn_ollama_search,
    &rn_rerank_score,
    &rn_pinecone_body,
    &rn_tavily_body,
    &rn_exa_body,
    &rn_mcp_body,
    &rn_rule_row,
};
#define ROWS (sizeof table / sizeof table[0])

static const struct rn_dialect_row *row_of(enum rn_dialect dialect)
{
    for (size_t i = 0; i < ROWS; i++) {
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

/* --- which dialect ------------------------------------------------------------------------------------------------- */

struct rn_bytes rn_reader_path(const struct rn_reading_input *input)
{
    struct rn_bytes path = rn_bytes_sub(input->target, 0, rn_bytes_find_byte(input->target, '?'));
    while (path.len > 0 && path.data[path.len - 1] == '/') {
        path.len--;
    }
    return path;
}

static bool fits(const struct rn_dialect_row *row, const struct rn_reading_input *input,
                 struct rn_bytes path)
{
    return row->fits != NULL ? row->fits(input, path) : rn_reader_posts_to(input, path, row->path);
}

/* The first row from `from` on that path and heads fit; ROWS: none. */
static size_t find_fit(const struct rn_reading_input *input, struct rn_bytes path, size_t from)
{
    while (from < ROWS && !fits(table[from], input, path)) {
        from++;
    }
    return from;
}

/* The first row that fits and knows the body, NULL where there is none. */
static const struct rn_dialect_row *find_row(const struct rn_reading_input *input,
                                             struct rn_bytes path, const struct rn_json *body)
{
    size_t i = find_fit(input, path, 0);
    while (i < ROWS && table[i]->knows != NULL && !table[i]->knows(body)) {
        i = find_fit(input, path, i + 1);
    }
    return i < ROWS ? table[i] : NULL;
}

/* The first row that fits and needs no body for that. */
static const struct rn_dialect_row *find_strong(const struct rn_reading_input *input,
                                                struct rn_bytes path)
{
    size_t i = find_fit(input, path, 0);
    while (i < ROWS && table[i]->by_body) {
        i = find_fit(input, path, i + 1);
    }
    return i < ROWS ? table[i] : NULL;
}

/*
 * The row of a request, and its body parsed into `arena`, NULL where there is none. A body that cannot be read leaves the first
 * row that fits, and the status says why; so does one that is missing where a row wants it.
 */
static enum rn_status find_dialect(struct rn_arena *arena, const struct rn_reading_input *input,
                                   const struct rn_dialect_row **row, struct rn_json **body,
                                   size_t *duplicates, struct rn_error *error)
{
    struct rn_bytes path = rn_reader_path(input);
    size_t first = find_fit(input, path, 0);
    enum rn_status status = RN_OK;
    *row = NULL;
    *body = NULL;
    *duplicates = 0;
    if (first == ROWS) {
        return RN_OK;
    }
    if (table[first]->request_text != NULL) {
        *row = table[first];
        return RN_OK;
    }
    if (input->request_body.len > 0) {
        status = rn_json_parse(arena, input->request_body, body, duplicates, error);
    }
    *row = status == RN_OK ? find_row(input, path, *body) : find_strong(input, path);
    if (*row == NULL && status == RN_OK && input->request_body.len == 0) {
        *row = find_strong(input, path);
        status = *row == NULL ? RN_OK : rn_fail(error, RN_INVALID, "The request has no body.");
    }
    if (*row == NULL && status != RN_NOMEM) {
        status = RN_OK; /* nothing but the body would have told */
    }
    return status;
}

enum rn_dialect rn_dialect_of(const struct rn_reading_input *input)
{
    struct rn_arena arena = {0};
    struct rn_json *body = NULL;
    const struct rn_dialect_row *row = NULL;
    size_t duplicates = 0;
    if (rn_rule_of(input->rules, input) != NULL) {
        return RN_DIALECT_RULE;
    }
    enum rn_status status = find_dialect(&arena, input, &row, &body, &duplicates, NULL);
    rn_arena_free(&arena);
    return row == NULL || status == RN_NOMEM ? RN_DIALECT_NONE : row->dialect;
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

/* The second of two members of one name, wherever; there is one. */
static const struct rn_json *second_of_two(const struct rn_json *value)
{
    for (size_t i = 1; value->kind == RN_JSON_OBJECT_BEGIN && i < value->count; i++) {
        if (rn_bytes_equal(value->sorted[i - 1]->name, value->sorted[i]->name)) {
            return value->sorted[i];
        }
    }
    const struct rn_json *child = value->child;
    while (child != NULL && !child->duplicated) {
        child = child->next;
    }
    return child == NULL ? value : second_of_two(child);
}

/* Of two members of one name the first is read; another reader may take the last. */
static void doubt_duplicates(struct rn_reader *reader, const struct rn_json *body,
                             size_t duplicates)
{
    if (duplicates > 0) {
        rn_reader_doubt(reader, second_of_two(body),
                        "a member whose name stands before in the same object");
    }
}

/* 1, 2, ... as clients that try again say it; 0 where they do not. */
static unsigned attempt_of(const struct rn_http_head *head)
{
    struct rn_bytes retries = rn_reader_field(head, "x-stainless-retry-count");
    struct rn_bytes request = rn_reader_field(head, "amz-sdk-request");
    size_t at = rn_bytes_find(request, RN_LIT("attempt="));
    uint64_t number = 0;
    if (rn_bytes_to_u64(retries, &number) && number < 1000) {
        return (unsigned)number + 1;
    }
    request = at == RN_NPOS ? RN_LIT("") : rn_bytes_from(request, at + 8);
    request = rn_bytes_trim(rn_bytes_sub(request, 0, rn_bytes_find_byte(request, ';')));
    return rn_bytes_to_u64(request, &number) && number < 1000 ? (unsigned)number : 0;
}

/* RN_OK and no dialect: the call is of none. */
static enum rn_status read_request(struct rn_reader *reader, const struct rn_dialect_row **row,
                                   struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_json *body = NULL;
    size_t duplicates = 0;
    enum rn_status status = find_dialect(&arena, reader->input, row, &body, &duplicates, error);
    if (*row != NULL && status != RN_NOMEM) {
        reader->out->dialect = (*row)->dialect;
        reader->out->kind = (*row)->kind;
        reader->out->attempt = attempt_of(reader->input->request_head);
    }
    if (*row != NULL && status == RN_OK && (*row)->request_text != NULL) {
        reader->tail = &reader->out->request;
        (*row)->request_text(reader, reader->input->request_body);
        status = reader->status;
    } else if (*row != NULL && status == RN_OK) {
        reader->tail = &reader->out->request;
        reader->text = reader->input->request_body;
        reader->text_at = 0;
        doubt_duplicates(reader, body, duplicates);
        rn_reader_request(reader, *row, body);
        (*row)->request(reader, body);
        status = reader->status;
    }
    rn_arena_free(&arena);
    return status == RN_LIMIT ? RN_INVALID : status;
}

/* --- answers ------------------------------------------------------------------------------------------------------- */

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

static enum rn_status read_tree(struct rn_reader *reader, const struct rn_dialect_row *row,
                                struct rn_bytes text, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_json *body = NULL;
    size_t duplicates = 0;
    enum rn_status status = rn_json_parse(&arena, text, &body, &duplicates, error);
    if (status == RN_OK) {
        reader->text = text;
        reader->text_at = 0;
        doubt_duplicates(reader, body, duplicates);
        rn_reader_error_inside(reader, body);
        row->answer(reader, body);
        rn_reader_say_slots(reader);
    }
    rn_arena_free(&arena);
    return status;
}

static enum rn_status read_whole(struct rn_reader *reader, const struct rn_dialect_row *row,
                                 struct rn_bytes text, struct rn_error *error)
{
    enum rn_status status = row->answer_text != NULL ? row->answer_text(reader, text, error)
                                                     : read_tree(reader, row, text, error);
    status = status == RN_OK ? reader->status : status;
    return status == RN_LIMIT ? RN_INVALID : status;
}

static enum rn_status read_answer(struct rn_reader *reader, const struct rn_dialect_row *row,
                                  struct rn_error *error)
{
    const struct rn_reading_input *input = reader->input;
    enum rn_stream_framing framing = RN_STREAM_SSE;
    reader->tail = &reader->out->response;
    if (rn_reader_framing(reader, row, &framing) &&
        (input->status < 400 || framing != RN_STREAM_ARRAY)) {
        reader->out->streamed = true;
        rn_reader_stream(reader, row, framing, input->response_body);
        return reader->status;
    }
    return input->status >= 400 ? read_failure(reader, input->response_body)
                                : read_whole(reader, row, input->response_body, error);
}

/* What is known only when all is read. */
static void finish(struct rn_reading *out)
{
    const unsigned both = RN_COUNTED_IN | RN_COUNTED_OUT;
    out->has_usage = out->has_usage || (out->counted & both) != 0;
    if ((out->counted & RN_COUNTED_TOTAL) == 0) {
        out->tokens_total = rn_reader_sum(out->tokens_in, out->tokens_out);
        out->counted |= (out->counted & both) == both ? RN_COUNTED_TOTAL : 0;
    }
    out->finished = rn_finish_of(out);
}

static enum rn_status read_exchange(struct rn_reader *reader, struct rn_error *why)
{
    const struct rn_dialect_row *row = NULL;
    enum rn_status status = read_request(reader, &row, why);
    if (status == RN_OK && row != NULL && reader->input->response_body.len > 0) {
        status = read_answer(reader, row, why);
    }
    if (status == RN_OK && reader->doubt.status != RN_OK) {
        status = rn_fail(why, RN_INVALID, "%s", reader->doubt.text);
    }
    finish(reader->out);
    return status;
}

enum rn_status rn_reading_make(struct rn_arena *arena, const struct rn_reading_input *input,
                               struct rn_reading *out, struct rn_error *error)
{
    *out = (struct rn_reading){.dialect = RN_DIALECT_NONE};
    struct rn_error why = {.status = RN_OK};
    struct rn_reader reader = {.arena = arena,
                               .input = input,
                               .out = out,
                               .path = rn_reader_path(input),
                               .documents = &out->documents,
                               .status = RN_OK};
    const struct rn_rule *rule = rn_rule_of(input->rules, input);
    enum rn_status status =
        rule != NULL ? rn_rule_read(arena, rule, input, out, &why) : read_exchange(&reader, &why);
    if (status == RN_OK) {
        return RN_OK;
    }
    out->unread = status == RN_INVALID;
    if (out->unread) {
        out->unread_why = rn_arena_copy(arena, rn_bytes_text(why.text));
        status = out->unread_why.data == NULL ? RN_NOMEM : RN_INVALID;
    }
    return rn_fail(error, status, "%s", why.text);
}
