/*
 * Ollama's own API: POST /api/chat, /api/generate, /api/embed and, of old, /api/embeddings (wire.md 1.1 to 1.4).
 *
 * Unless a request says otherwise the answer is a stream, of JSON lines; the last, with "done": true, has the reason and the
 * counts. Tool calls come whole, their arguments an object. A whole answer is the same as a stream of one line.
 */
#include "reading_parts.h"

/* Calls come one behind the other, each whole: counts[0] numbers them. */
enum { CALLS };

static bool has_prompt(const struct rn_json *body)
{
    return rn_reader_is_string(rn_json_member(body, "prompt"));
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

static void say_images(struct rn_reader *reader, struct rn_bytes role, const struct rn_json *owner)
{
    for (const struct rn_json *image = rn_reader_first(rn_json_member(owner, "images"));
         image != NULL; image = image->next) {
        struct rn_said *said = rn_reader_say(reader, RN_SAID_OTHER, role, RN_LIT(""));
        if (said != NULL) {
            said->name = RN_LIT("image");
        }
    }
}

static void say_calls(struct rn_reader *reader, struct rn_bytes role, const struct rn_json *calls)
{
    for (const struct rn_json *call = rn_reader_first(calls); call != NULL; call = call->next) {
        const struct rn_json *function = rn_json_member(call, "function");
        rn_reader_say_call(reader, role,
                           rn_reader_spoken(reader, rn_json_member(function, "arguments")),
                           rn_json_member(function, "name"), rn_json_member(call, "id"));
    }
}

static void say_message(struct rn_reader *reader, const struct rn_json *message)
{
    struct rn_bytes role = rn_reader_text(reader, rn_json_member(message, "role"));
    bool result = rn_bytes_equal(role, RN_LIT("tool"));
    struct rn_said **first = reader->tail;
    rn_reader_say_string(reader, RN_SAID_THINKING, role, rn_json_member(message, "thinking"));
    rn_reader_say_string(reader, result ? RN_SAID_TOOL_RESULT : RN_SAID_TEXT, role,
                         rn_json_member(message, "content"));
    if (result && *first != NULL) {
        (*first)->name = rn_reader_text(reader, rn_json_member(message, "tool_name"));
        (*first)->id = rn_reader_text(reader, rn_json_member(message, "tool_call_id"));
    }
    say_images(reader, role, message);
    say_calls(reader, role, rn_json_member(message, "tool_calls"));
}

/* "json", or a schema. */
static void read_format(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *format = rn_json_member(body, "format");
    reader->out->wants_json =
        rn_json_is(format, "json") || (format != NULL && format->kind == RN_JSON_OBJECT_BEGIN);
}

static void read_chat(struct rn_reader *reader, const struct rn_json *body)
{
    read_format(reader, body);
    for (const struct rn_json *message = rn_reader_first(rn_json_member(body, "messages"));
         message != NULL; message = message->next) {
        say_message(reader, message);
    }
}

static void read_generate(struct rn_reader *reader, const struct rn_json *body)
{
    read_format(reader, body);
    rn_reader_say_string(reader, RN_SAID_TEXT, RN_LIT("system"), rn_json_member(body, "system"));
    rn_reader_say_string(reader, RN_SAID_TEXT, RN_LIT("user"), rn_json_member(body, "prompt"));
    rn_reader_say_string(reader, RN_SAID_TEXT, RN_LIT("suffix"), rn_json_member(body, "suffix"));
    say_images(reader, RN_LIT("user"), body);
}

/* --- answers ------------------------------------------------------------------------------------------------------- */

/* What is counted stands beside the answer, not in an object of its own. */
static void read_counts(struct rn_reader *reader, const struct rn_json *body)
{
    static const char *const in[] = {"/prompt_eval_count", NULL};
    static const char *const out[] = {"/eval_count", NULL};
    if (rn_reader_counter(reader, RN_COUNTED_IN, body, in)) {
        reader->out->usage = rn_reader_raw(reader, body);
    }
    (void)rn_reader_counter(reader, RN_COUNTED_OUT, body, out);
}

static void add_text(struct rn_reader *reader, enum rn_said_kind kind, const struct rn_json *text)
{
    if (rn_reader_is_string(text)) {
        rn_reader_append(reader, rn_reader_answer_slot(reader, kind, 0, 0), text);
    }
}

static void add_call(struct rn_reader *reader, const struct rn_json *call)
{
    const struct rn_json *function = rn_json_member(call, "function");
    struct rn_slot *slot =
        rn_reader_answer_slot(reader, RN_SAID_TOOL_CALL, 0, reader->counts[CALLS]++);
    if (slot != NULL) {
        slot->name = rn_reader_text(reader, rn_json_member(function, "name"));
        slot->id = rn_reader_text(reader, rn_json_member(call, "id"));
        slot->whole = rn_reader_spoken(reader, rn_json_member(function, "arguments"));
    }
}

static bool is_done(const struct rn_json *body)
{
    const struct rn_json *done = rn_json_member(body, "done");
    return done != NULL && done->kind == RN_JSON_TRUE;
}

/* A line of a stream, or all of an answer. */
static void read_line(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *message = rn_json_member(body, "message");
    if (body == NULL) {
        return;
    }
    if (reader->out->model_answered.len == 0) {
        reader->out->model_answered = rn_reader_text(reader, rn_json_member(body, "model"));
    }
    add_text(reader, RN_SAID_THINKING, rn_json_member(message, "thinking"));
    add_text(reader, RN_SAID_TEXT, rn_json_member(message, "content"));
    add_text(reader, RN_SAID_THINKING, rn_json_member(body, "thinking"));
    add_text(reader, RN_SAID_TEXT, rn_json_member(body, "response"));
    for (const struct rn_json *call = rn_reader_first(rn_json_member(message, "tool_calls"));
         call != NULL; call = call->next) {
        add_call(reader, call);
    }
    if (is_done(body)) {
        rn_reader_finish(reader, rn_json_member(body, "done_reason"));
        read_counts(reader, body);
        reader->out->complete = reader->out->streamed;
    }
}

/* --- embeddings ---------------------------------------------------------------------------------------------------- */

/* /api/embed has input; /api/embeddings, with a path that others have too, a prompt. */
static bool fits_embed(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_reader_posts_to(input, path, "/api/embed") ||
           rn_reader_posts_to(input, path, "/api/embeddings");
}

static bool knows_embed(const struct rn_json *body)
{
    return rn_json_member(body, "input") != NULL || has_prompt(body);
}

static void read_embed(struct rn_reader *reader, const struct rn_json *body)
{
    rn_reader_say_inputs(reader, RN_LIT("input"), rn_json_member(body, "input"));
    rn_reader_say_string(reader, RN_SAID_TEXT, RN_LIT("input"), rn_json_member(body, "prompt"));
}

static void read_embed_envelope(struct rn_reader *reader, const struct rn_json *body)
{
    reader->out->model_answered = rn_reader_text(reader, rn_json_member(body, "model"));
    read_counts(reader, body);
}

static enum rn_status read_vectors(struct rn_reader *reader, struct rn_bytes body,
                                   struct rn_error *error)
{
    static const char *const names[] = {"embeddings", "embedding", NULL};
    return rn_reader_vectors(reader, body, names, read_embed_envelope, error);
}

/* --- rows ---------------------------------------------------------------------------------------------------------- */

static const char *const content[] = {"suffix", "images", "context", "keep_alive", NULL};

const struct rn_dialect_row rn_ollama_chat = {
    .dialect = RN_DIALECT_OLLAMA_CHAT,
    .kind = RN_READING_MODEL,
    .name = "ollama.chat",
    .path = "/api/chat",
    .knows = rn_reader_has_messages,
    .bounds = {"/options/num_predict"},
    .content = content,
    .request = read_chat,
    .answer = read_line,
    .framing = RN_STREAM_LINES,
    .event = read_line,
};

const struct rn_dialect_row rn_ollama_generate = {
    .dialect = RN_DIALECT_OLLAMA_GENERATE,
    .kind = RN_READING_MODEL,
    .name = "ollama.generate",
    .path = "/api/generate",
    .knows = has_prompt,
    .bounds = {"/options/num_predict"},
    .content = content,
    .request = read_generate,
    .answer = read_line,
    .framing = RN_STREAM_LINES,
    .event = read_line,
};

const struct rn_dialect_row rn_ollama_embed = {
    .dialect = RN_DIALECT_OLLAMA_EMBED,
    .kind = RN_READING_EMBEDDING,
    .name = "ollama.embed",
    .fits = fits_embed,
    .knows = knows_embed,
    .content = content,
    .request = read_embed,
    .answer_text = read_vectors,
};
