/*
 * The Model Context Protocol over HTTP, both generations (wire.md 2.1): JSON-RPC 2.0 messages in POSTs and in streams.
 *
 * A tool that is called is what a model's tool call is; a resource that is read is a document. A stream brings notifications and
 * requests of the server before the answer; up to 2025-11-25 the client answers those in POSTs of their own, and messages may
 * come in batches; from 2026-07-28 on a result may ask for input instead (resultType "input_required"). The older transport
 * with a stream of its own at /sse is known by its POSTs only.
 */
#include "found.h"

/* --- recognition --------------------------------------------------------------------------------------------------- */

static bool has_field(const struct rn_reading_input *input, struct rn_bytes name)
{
    return input->request_head != NULL && rn_http_find(input->request_head, name) != NULL;
}

static bool fits_heads(const struct rn_reading_input *input, struct rn_bytes path)
{
    (void)path;
    return has_field(input, RN_LIT("mcp-method")) ||
           has_field(input, RN_LIT("mcp-protocol-version")) ||
           has_field(input, RN_LIT("mcp-session-id"));
}

static bool fits_post(const struct rn_reading_input *input, struct rn_bytes path)
{
    (void)path;
    return rn_bytes_equal(input->method, RN_LIT("POST")) && input->request_body.len > 0;
}

static bool is_message(const struct rn_json *message)
{
    return rn_json_is(rn_json_member(message, "jsonrpc"), "2.0");
}

/* With the protocol's own heads: a stream is asked for, or a session ended, without a body. */
static bool knows(const struct rn_json *body)
{
    return body == NULL || is_message(body) || is_message(rn_reader_first(body));
}

/* Others speak JSON-RPC too; the protocol's methods have a '/' or are one of two. */
static bool knows_body(const struct rn_json *body)
{
    const struct rn_json *first = rn_reader_first(body) != NULL ? rn_reader_first(body) : body;
    const struct rn_json *method = rn_json_member(first, "method");
    return is_message(first) &&
           (method == NULL || rn_json_is(method, "initialize") || rn_json_is(method, "ping") ||
            (method->kind == RN_JSON_STRING && rn_bytes_find_byte(method->raw, '/') != RN_NPOS));
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

/* A batch of more waits for these only. */
#define WAITING_MAX 1024u

/* A request that waits for its answer. */
struct waiting {
    struct waiting *next;
    struct rn_bytes id;   /* as written */
    struct rn_bytes name; /* of the tool */
    bool answered;
};

/* What is kept of the request, and how far the answer is. */
struct state {
    struct waiting *waiting;
    size_t count;
    uint32_t documents;
};

static void wait_for(struct rn_reader *reader, const struct rn_json *id, struct rn_bytes name)
{
    struct state *state = reader->held;
    struct waiting *waiting =
        state->count < WAITING_MAX ? rn_arena_alloc(reader->arena, sizeof *waiting) : NULL;
    if (waiting != NULL) {
        *waiting =
            (struct waiting){.next = state->waiting, .id = rn_reader_raw(reader, id), .name = name};
        state->waiting = waiting;
        state->count++;
    } else if (state->count < WAITING_MAX) {
        rn_reader_fail(reader, RN_NOMEM);
    }
}

static struct rn_said *say_other(struct rn_reader *reader, const char *role, struct rn_bytes name,
                                 const struct rn_json *id, const struct rn_json *what)
{
    struct rn_said *said =
        rn_reader_say(reader, RN_SAID_OTHER, rn_reader_copy(reader, rn_bytes_text(role)),
                      rn_reader_spoken(reader, what));
    if (said != NULL) {
        said->name = name;
        said->id = rn_reader_spoken(reader, id);
    }
    return said;
}

/* What the client answers to input that a result asked for, each under its key. */
static void say_input(struct rn_reader *reader, const struct rn_json *responses)
{
    const struct rn_json *each =
        responses != NULL && responses->kind == RN_JSON_OBJECT_BEGIN ? responses->child : NULL;
    for (; each != NULL; each = each->next) {
        (void)say_other(reader, "client", rn_reader_copy(reader, each->name), NULL, each);
    }
}

/* The most telling message of a batch names it: a tool, else a resource, else the first. */
static void name_call(struct rn_reader *reader, enum rn_reading_kind kind,
                      struct rn_bytes operation, struct rn_bytes target)
{
    struct rn_reading *out = reader->out;
    if (out->operation.len == 0 || (out->kind != RN_READING_TOOL && kind == RN_READING_TOOL) ||
        (out->kind == RN_READING_OTHER && kind == RN_READING_RETRIEVAL)) {
        out->kind = kind;
        out->operation = operation;
        out->target = target;
    }
}

static void read_call(struct rn_reader *reader, const struct rn_json *message,
                      struct rn_bytes method)
{
    const struct rn_json *params = rn_json_member(message, "params");
    const struct rn_json *id = rn_json_member(message, "id");
    const struct rn_json *name = rn_json_member(params, "name");
    if (rn_bytes_equal(method, RN_LIT("tools/call"))) {
        name_call(reader, RN_READING_TOOL, method, rn_reader_text(reader, name));
        rn_reader_say_call(reader, rn_reader_copy(reader, RN_LIT("client")),
                           rn_reader_raw(reader, rn_json_member(params, "arguments")), name, NULL);
    } else if (rn_bytes_equal(method, RN_LIT("resources/read"))) {
        name_call(reader, RN_READING_RETRIEVAL, method,
                  rn_reader_text(reader, rn_json_member(params, "uri")));
    } else {
        name_call(reader, RN_READING_OTHER, method, rn_reader_text(reader, name));
    }
    say_input(reader, rn_json_member(params, "inputResponses"));
    /* who listens does so until somebody leaves */
    if (id != NULL && !rn_bytes_equal(method, RN_LIT("subscriptions/listen"))) {
        wait_for(reader, id, rn_reader_text(reader, name));
    }
}

/* A client's answer to a request of the server. */
static void read_reply(struct rn_reader *reader, const struct rn_json *message)
{
    const struct rn_json *error = rn_json_member(message, "error");
    struct rn_bytes word = rn_reader_copy(reader, RN_LIT("response"));
    name_call(reader, RN_READING_OTHER, word, rn_bytes_of(NULL, 0));
    struct rn_said *said = say_other(reader, "client", word, rn_json_member(message, "id"),
                                     error != NULL ? error : rn_json_member(message, "result"));
    if (said != NULL) {
        said->is_error = error != NULL;
    }
}

static void read_sent(struct rn_reader *reader, const struct rn_json *message)
{
    struct rn_bytes method = rn_reader_text(reader, rn_json_member(message, "method"));
    if (method.len > 0) {
        read_call(reader, message, method);
    } else {
        read_reply(reader, message);
    }
}

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    reader->held = rn_arena_alloc(reader->arena, sizeof(struct state));
    if (reader->held == NULL) {
        rn_reader_fail(reader, RN_NOMEM);
        return;
    }
    if (body == NULL) {
        bool get = rn_bytes_equal(reader->input->method, RN_LIT("GET"));
        name_call(reader, RN_READING_OTHER,
                  rn_reader_copy(reader, get ? RN_LIT("stream") : RN_LIT("session/end")),
                  rn_bytes_of(NULL, 0));
    } else if (body->kind == RN_JSON_ARRAY_BEGIN) {
        for (const struct rn_json *each = body->child; each != NULL; each = each->next) {
            read_sent(reader, each);
        }
    } else {
        read_sent(reader, body);
    }
}

/* --- results ------------------------------------------------------------------------------------------------------- */

static void add_resource(struct rn_reader *reader, const struct rn_json *resource)
{
    struct state *state = reader->held;
    struct rn_document *document = rn_found_add(
        reader, 0, ++state->documents, rn_json_member(resource, "uri"), NULL, RN_SCORE_NONE);
    if (document != NULL) {
        document->title = rn_found_title(reader, resource);
        document->text = rn_reader_text(reader, rn_json_member(resource, "text"));
    }
}

/* Text, a resource with its text, or something of which only the kind is told. */
static void say_block(struct rn_reader *reader, const struct rn_json *block, struct rn_bytes name,
                      const struct rn_json *id, bool is_error)
{
    const struct rn_json *resource = rn_json_member(block, "resource");
    const struct rn_json *text =
        rn_json_member(rn_reader_is_type(block, "resource") ? resource : block, "text");
    bool spoken = text != NULL && text->kind == RN_JSON_STRING;
    if (resource != NULL) {
        add_resource(reader, resource);
    }
    struct rn_said *said =
        rn_reader_say(reader, spoken ? RN_SAID_TOOL_RESULT : RN_SAID_OTHER,
                      rn_reader_copy(reader, RN_LIT("server")),
                      spoken ? rn_reader_text(reader, text)
                             : rn_reader_spoken(reader, rn_json_member(block, "uri")));
    if (said != NULL) {
        said->name = spoken ? name : rn_reader_text(reader, rn_json_member(block, "type"));
        said->id = rn_reader_spoken(reader, id);
        said->is_error = is_error;
    }
}

static void say_structured(struct rn_reader *reader, const struct rn_json *value,
                           struct rn_bytes name, const struct rn_json *id, bool is_error)
{
    struct rn_said *said =
        rn_reader_say(reader, RN_SAID_TOOL_RESULT, rn_reader_copy(reader, RN_LIT("server")),
                      rn_reader_raw(reader, value));
    if (said != NULL) {
        said->name = name;
        said->id = rn_reader_spoken(reader, id);
        said->is_error = is_error;
    }
}

static void read_tool_result(struct rn_reader *reader, const struct rn_json *result,
                             struct rn_bytes name, const struct rn_json *id)
{
    const struct rn_json *flag = rn_json_member(result, "isError");
    const struct rn_json *block = rn_reader_first(rn_json_member(result, "content"));
    const struct rn_json *structured = rn_json_member(result, "structuredContent");
    bool is_error = flag != NULL && flag->kind == RN_JSON_TRUE;
    if (is_error && reader->out->error.len == 0) {
        reader->out->error = rn_reader_text(reader, rn_json_member(block, "text"));
        if (reader->out->error.len == 0) {
            reader->out->error = rn_reader_copy(reader, RN_LIT("the tool failed"));
        }
    }
    if (block == NULL && structured != NULL) {
        say_structured(reader, structured, name, id, is_error);
    }
    for (; block != NULL; block = block->next) {
        say_block(reader, block, name, id, is_error);
    }
}

/* Input that the server wants before it goes on: each under its key, with the method it would have called. */
static void read_wanted(struct rn_reader *reader, const struct rn_json *requests)
{
    const struct rn_json *each =
        requests != NULL && requests->kind == RN_JSON_OBJECT_BEGIN ? requests->child : NULL;
    for (; each != NULL; each = each->next) {
        struct rn_said *said =
            say_other(reader, "server", rn_reader_text(reader, rn_json_member(each, "method")),
                      NULL, rn_json_member(each, "params"));
        if (said != NULL) {
            said->id = rn_reader_copy(reader, each->name);
        }
    }
}

/* The messages of a prompt. */
static void read_messages(struct rn_reader *reader, const struct rn_json *messages)
{
    for (const struct rn_json *each = rn_reader_first(messages); each != NULL; each = each->next) {
        rn_reader_say_string(reader, RN_SAID_TEXT,
                             rn_reader_text(reader, rn_json_member(each, "role")),
                             rn_json_at(each, "/content/text"));
    }
}

/* Results are told apart by their members: a stream that goes on from another one answers requests that are not here. */
static void read_result(struct rn_reader *reader, const struct rn_json *result,
                        struct rn_bytes name, const struct rn_json *id)
{
    const struct rn_json *tools = rn_json_member(result, "tools");
    if (reader->out->finish.len == 0) {
        reader->out->finish = rn_reader_text(reader, rn_json_member(result, "resultType"));
    }
    if (rn_json_member(result, "content") != NULL ||
        rn_json_member(result, "structuredContent") != NULL) {
        read_tool_result(reader, result, name, id);
    }
    for (const struct rn_json *each = rn_reader_first(rn_json_member(result, "contents"));
         each != NULL; each = each->next) {
        add_resource(reader, each);
    }
    read_wanted(reader, rn_json_member(result, "inputRequests"));
    read_messages(reader, rn_json_member(result, "messages"));
    if (rn_reader_first(tools) != NULL) {
        reader->out->tools = rn_reader_raw(reader, tools);
    }
}

/* The request it answers; NULL: none of these. */
static struct waiting *answered(struct rn_reader *reader, const struct rn_json *id)
{
    struct state *state = reader->held;
    struct waiting *waiting = id == NULL ? NULL : state->waiting;
    while (waiting != NULL && !rn_bytes_equal(waiting->id, id->raw)) {
        waiting = waiting->next;
    }
    return waiting;
}

static void read_received(struct rn_reader *reader, const struct rn_json *message)
{
    struct rn_bytes method = rn_reader_text(reader, rn_json_member(message, "method"));
    const struct rn_json *id = rn_json_member(message, "id");
    if (method.len > 0) {
        (void)say_other(reader, "server", method, id, rn_json_member(message, "params"));
        return;
    }
    struct waiting *waiting = answered(reader, id);
    if (waiting != NULL) {
        waiting->answered = true;
    }
    if (rn_json_member(message, "error") != NULL) {
        rn_reader_error(reader, message);
    }
    read_result(reader, rn_json_member(message, "result"),
                waiting != NULL ? waiting->name : rn_bytes_of(NULL, 0), id);
}

static void read_answer(struct rn_reader *reader, const struct rn_json *body)
{
    if (body->kind != RN_JSON_ARRAY_BEGIN) {
        read_received(reader, body);
        return;
    }
    for (const struct rn_json *each = body->child; each != NULL; each = each->next) {
        read_received(reader, each);
    }
}

/* A stream ends well when all has been answered; one that answers nothing has no end of its own. */
static void read_event(struct rn_reader *reader, const struct rn_json *data)
{
    if (data == NULL) {
        return;
    }
    read_answer(reader, data);
    const struct state *state = reader->held;
    const struct waiting *waiting = state->waiting;
    while (waiting != NULL && waiting->answered) {
        waiting = waiting->next;
    }
    reader->out->complete = waiting == NULL;
}

/* --- what matching needs ------------------------------------------------------------------------------------------- */

static const char *const volatile_pointers[] = {
    "/params/_meta/progressToken",
    "/params/_meta/traceparent",
    "/params/_meta/tracestate",
    "/params/_meta/baggage",
    "/params/_meta/io.modelcontextprotocol~1clientInfo/version",
    "/params/clientInfo/version",
    "/*/params/_meta/progressToken",
    "/*/params/_meta/traceparent",
    "/*/params/_meta/tracestate",
    "/*/params/_meta/baggage",
    NULL,
};
static const char *const significant_headers[] = {"mcp-method", "mcp-name", "mcp-protocol-version",
                                                  "last-event-id", NULL};
static const char *const correlation_pointers[] = {"/id", "/*/id", NULL};
static const struct rn_dialect_facts facts = {
    .version = 1,
    .volatile_pointers = volatile_pointers,
    .significant_headers = significant_headers,
    .correlation_pointers = correlation_pointers,
};
static const char *const content[] = {"jsonrpc", "id", "method", "params", "result", "error", NULL};

const struct rn_dialect_row rn_mcp = {
    .dialect = RN_DIALECT_MCP,
    .kind = RN_READING_OTHER,
    .name = "mcp",
    .fits = fits_heads,
    .knows = knows,
    .content = content,
    .request = read_request,
    .answer = read_answer,
    .event = read_event,
    .facts = &facts,
};

/* By the body alone, on any path. */
const struct rn_dialect_row rn_mcp_body = {
    .dialect = RN_DIALECT_MCP,
    .kind = RN_READING_OTHER,
    .name = "mcp",
    .fits = fits_post,
    .knows = knows_body,
    .by_body = true,
    .content = content,
    .request = read_request,
    .answer = read_answer,
    .event = read_event,
    .facts = &facts,
};
