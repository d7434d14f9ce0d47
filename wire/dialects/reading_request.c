/*
 * What every request has, whatever the dialect: the model, the tools, how much is allowed and in which form, and all other
 * parameters. The conversation is the dialects' own.
 *
 * Values are given as they are written in the request; only the order of the parameters is ours, so that two requests
 * that differ in nothing else have equal parameters.
 */
#include "reading_parts.h"

/* Members that are no parameters: what is said, what may be called, who asks, and how the answer travels. */
static const char *const others[] = {"model",
                                     "messages",
                                     "input",
                                     "prompt",
                                     "instructions",
                                     "system",
                                     "tools",
                                     "functions",
                                     "stream",
                                     "stream_options",
                                     "metadata",
                                     "user",
                                     "conversation",
                                     "previous_response_id",
                                     "prompt_cache_key",
                                     "safety_identifier",
                                     "client_metadata",
                                     NULL};

static bool is_among(struct rn_bytes name, const char *const *names)
{
    while (names != NULL && *names != NULL && !rn_bytes_equal(name, rn_bytes_text(*names))) {
        names++;
    }
    return names != NULL && *names != NULL;
}

/* One more member of the object that `out` holds the beginning of. */
static enum rn_status add_pair(struct rn_buffer *out, struct rn_bytes key, struct rn_bytes value)
{
    enum rn_status status = out->len > 1 ? rn_buffer_add_byte(out, ',') : RN_OK;
    status = status == RN_OK ? rn_buffer_add(out, key) : status;
    status = status == RN_OK ? rn_buffer_add_byte(out, ':') : status;
    return status == RN_OK ? rn_buffer_add(out, value) : status;
}

/* Converse keeps the tools and how to choose among them in one member: only the latter is a parameter. */
static enum rn_status add_choice(struct rn_buffer *out, const struct rn_json *config)
{
    struct rn_buffer rest = {0};
    enum rn_status status = rn_buffer_add_byte(&rest, '{');
    for (size_t i = 0; i < config->count && status == RN_OK; i++) {
        const struct rn_json *member = config->sorted[i];
        if (!rn_bytes_equal(member->name, RN_LIT("tools"))) {
            status = add_pair(&rest, member->key, member->raw);
        }
    }
    if (status == RN_OK && rest.len > 1) {
        status = rn_buffer_add_byte(&rest, '}');
        status = status == RN_OK ? add_pair(out, config->key, rn_buffer_bytes(&rest)) : status;
    }
    rn_buffer_free(&rest);
    return status;
}

static enum rn_status add_parameter(struct rn_buffer *out, const struct rn_json *member)
{
    bool choice = rn_bytes_equal(member->name, RN_LIT("toolConfig")) &&
                  rn_json_member(member, "tools") != NULL;
    return choice ? add_choice(out, member) : add_pair(out, member->key, member->raw);
}

static void read_parameters(struct rn_reader *reader, const struct rn_dialect_row *row,
                            const struct rn_json *body)
{
    struct rn_buffer text = {0};
    enum rn_status status = rn_buffer_add_byte(&text, '{');
    size_t count = body != NULL && body->kind == RN_JSON_OBJECT_BEGIN ? body->count : 0;
    for (size_t i = 0; i < count && status == RN_OK; i++) {
        const struct rn_json *member = body->sorted[i];
        if (!is_among(member->name, others) && !is_among(member->name, row->content)) {
            status = add_parameter(&text, member);
        }
    }
    status = status == RN_OK ? rn_buffer_add_byte(&text, '}') : status;
    rn_reader_fail(reader, status);
    if (status == RN_OK) {
        reader->out->parameters = rn_reader_copy(reader, rn_buffer_bytes(&text));
    }
    rn_buffer_free(&text);
}

/* Functions are what tools were called before there were others; an empty list is none. */
static void read_tools(struct rn_reader *reader, const struct rn_json *body)
{
    static const char *const places[] = {"/tools", "/functions", "/toolConfig/tools"};
    const struct rn_json *tools = NULL;
    for (size_t i = 0; i < sizeof places / sizeof places[0] && rn_reader_first(tools) == NULL;
         i++) {
        tools = rn_json_at(body, places[i]);
    }
    if (rn_reader_first(tools) != NULL) {
        reader->out->tools = rn_reader_raw(reader, tools);
    }
}

/* Behind the last ':' stands what Google calls a verb. */
static struct rn_bytes without_verb(struct rn_bytes name)
{
    size_t end = name.len;
    while (end > 0 && name.data[end - 1] != ':') {
        end--;
    }
    return end == 0 ? name : rn_bytes_sub(name, 0, end - 1);
}

/* In the body or, at Google, Amazon and Azure, in the path. */
static void read_model(struct rn_reader *reader, const struct rn_json *body)
{
    static const struct {
        const char *before;
        bool has_verb;
    } places[] = {
        {"/models/", true}, {"/model/", false}, {"/deployments/", false}, {"/endpoints/", true}};
    const struct rn_json *said = rn_json_member(body, "model");
    struct rn_bytes model = rn_reader_text(reader, said);
    for (size_t i = 0; i < sizeof places / sizeof places[0] && model.len == 0; i++) {
        model = rn_reader_in_path(reader, places[i].before);
        model = places[i].has_verb ? without_verb(model) : model;
    }
    reader->out->model_asked = model;
    if (said != NULL && said->kind != RN_JSON_STRING && said->kind != RN_JSON_NULL) {
        rn_reader_doubt(reader, said, "a model that is no text");
    }
}

/* What is said is said in objects. */
static void doubt_messages(struct rn_reader *reader, const struct rn_json *body)
{
    static const char *const lists[] = {"messages", "contents"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        for (const struct rn_json *each = rn_reader_first(rn_json_member(body, lists[i]));
             each != NULL; each = each->next) {
            if (each->kind != RN_JSON_OBJECT_BEGIN) {
                rn_reader_doubt(reader, each, "a message that is no object");
            }
        }
    }
}

void rn_reader_bound(struct rn_reader *reader, const struct rn_dialect_row *row,
                     const struct rn_json *body)
{
    bool found = false;
    for (size_t i = 0; !found && i < sizeof row->bounds / sizeof row->bounds[0]; i++) {
        found = row->bounds[i] != NULL &&
                rn_reader_count(rn_json_at(body, row->bounds[i]), &reader->out->max_tokens);
    }
    if (row->format != NULL) {
        const struct rn_json *format = rn_json_at(body, row->format);
        reader->out->wants_json =
            rn_json_is(format, "json_object") || rn_json_is(format, "json_schema");
    }
}

void rn_reader_request(struct rn_reader *reader, const struct rn_dialect_row *row,
                       const struct rn_json *body)
{
    read_model(reader, body);
    read_tools(reader, body);
    read_parameters(reader, row, body);
    doubt_messages(reader, body);
    rn_reader_bound(reader, row, body);
}
