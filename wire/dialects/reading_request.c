/*
 * What every request has, whatever the dialect: the model, the tools, how much is allowed and in which form, and all other
 * parameters. The conversation is the dialects' own.
 *
 * Values are given as they are written in the request; only the order of the parameters is ours, so that two requests
 * that differ in nothing else have equal parameters.
 */
#include "reading_parts.h"

/* Members that are no parameters: what is said, what may be called, who asks, and how the answer travels. */
static bool is_parameter(const struct rn_dialect_row *row, struct rn_bytes name)
{
    static const char *const others[] = {"model",        "messages",       "input",    "prompt",
                                         "instructions", "system",         "tools",    "functions",
                                         "stream",       "stream_options", "metadata", "user"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (rn_bytes_equal(name, rn_bytes_text(others[i]))) {
            return false;
        }
    }
    for (size_t i = 0; row->content != NULL && row->content[i] != NULL; i++) {
        if (rn_bytes_equal(name, rn_bytes_text(row->content[i]))) {
            return false;
        }
    }
    return true;
}

static enum rn_status add_parameter(struct rn_buffer *out, const struct rn_json *member)
{
    enum rn_status status = out->len > 1 ? rn_buffer_add_byte(out, ',') : RN_OK;
    status = status == RN_OK ? rn_buffer_add(out, member->key) : status;
    status = status == RN_OK ? rn_buffer_add_byte(out, ':') : status;
    return status == RN_OK ? rn_buffer_add(out, member->raw) : status;
}

static void read_parameters(struct rn_reader *reader, const struct rn_dialect_row *row,
                            const struct rn_json *body)
{
    struct rn_buffer text = {0};
    enum rn_status status = rn_buffer_add_byte(&text, '{');
    for (size_t i = 0; i < body->count && status == RN_OK; i++) {
        if (is_parameter(row, body->sorted[i]->name)) {
            status = add_parameter(&text, body->sorted[i]);
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
    const struct rn_json *tools = rn_json_member(body, "tools");
    if (rn_reader_first(tools) == NULL) {
        tools = rn_json_member(body, "functions");
    }
    if (rn_reader_first(tools) != NULL) {
        reader->out->tools = rn_reader_raw(reader, tools);
    }
}

static void read_bound(struct rn_reader *reader, const struct rn_dialect_row *row,
                       const struct rn_json *body)
{
    bool found = false;
    for (size_t i = 0; !found && i < sizeof row->bounds / sizeof row->bounds[0]; i++) {
        found = row->bounds[i] != NULL &&
                rn_reader_count(rn_json_at(body, row->bounds[i]), &reader->out->max_tokens);
    }
}

void rn_reader_request(struct rn_reader *reader, const struct rn_dialect_row *row,
                       const struct rn_json *body)
{
    if (body == NULL || body->kind != RN_JSON_OBJECT_BEGIN) {
        return;
    }
    reader->out->model_asked = rn_reader_text(reader, rn_json_member(body, "model"));
    read_tools(reader, body);
    read_parameters(reader, row, body);
    read_bound(reader, row, body);
    if (row->format != NULL) {
        const struct rn_json *format = rn_json_at(body, row->format);
        reader->out->wants_json =
            rn_json_is(format, "json_object") || rn_json_is(format, "json_schema");
    }
}
