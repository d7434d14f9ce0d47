/*
 * Completions as they were before chats, and as Mistral completes code: POST .../completions with a prompt (wire.md 1.1 to 1.4).
 *
 * A prompt is a text, several, or tokens. An answer is `choices[].text`; Mistral's has messages, as a chat has. Streams: texts
 * per choice, `[DONE]` at the end.
 */
#include "reading_parts.h"

static bool fits(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_reader_posts_to(input, path, "/completions") &&
           !rn_bytes_ends_with(path, RN_LIT("/chat/completions"));
}

static bool knows(const struct rn_json *body)
{
    const struct rn_json *prompt = rn_json_member(body, "prompt");
    return prompt != NULL &&
           (prompt->kind == RN_JSON_STRING || prompt->kind == RN_JSON_ARRAY_BEGIN);
}

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    rn_reader_say_inputs(reader, RN_LIT("user"), rn_json_member(body, "prompt"));
    rn_reader_say_string(reader, RN_SAID_TEXT, RN_LIT("suffix"), rn_json_member(body, "suffix"));
}

/* `text`, or the text of a message or of its piece. */
static const struct rn_json *text_of(const struct rn_json *choice)
{
    static const char *const pointers[] = {"/text", "/message/content", "/delta/content"};
    const struct rn_json *text = NULL;
    for (size_t i = 0; i < sizeof pointers / sizeof pointers[0] && text == NULL; i++) {
        text = rn_json_at(choice, pointers[i]);
    }
    return text;
}

static void read_answer(struct rn_reader *reader, const struct rn_json *body)
{
    uint64_t index = 0;
    rn_openai_envelope(reader, body);
    for (const struct rn_json *choice = rn_reader_first(rn_json_member(body, "choices"));
         choice != NULL; choice = choice->next) {
        rn_reader_say_string(reader, RN_SAID_TEXT, RN_LIT("assistant"), text_of(choice));
        if (index++ == 0) {
            rn_reader_finish(reader, rn_json_member(choice, "finish_reason"));
        }
    }
}

static void read_event(struct rn_reader *reader, const struct rn_json *data)
{
    if (data == NULL) {
        reader->out->complete = true;
        return;
    }
    rn_openai_envelope(reader, data);
    for (const struct rn_json *choice = rn_reader_first(rn_json_member(data, "choices"));
         choice != NULL; choice = choice->next) {
        uint64_t index = 0;
        const struct rn_json *text = text_of(choice);
        (void)rn_reader_count(rn_json_member(choice, "index"), &index);
        if (rn_reader_is_string(text)) {
            rn_reader_append(reader, rn_reader_answer_slot(reader, RN_SAID_TEXT, index, 0), text);
        }
        if (index == 0) {
            rn_reader_finish(reader, rn_json_member(choice, "finish_reason"));
        }
    }
}

static const char *const content[] = {"suffix", NULL};
static const struct rn_dialect_facts facts = {1, rn_openai_volatile, rn_openai_headers, rn_none};

const struct rn_dialect_row rn_openai_completions = {
    .dialect = RN_DIALECT_OPENAI_COMPLETIONS,
    .kind = RN_READING_MODEL,
    .name = "openai.completions",
    .fits = fits,
    .knows = knows,
    .bounds = {"/max_tokens"},
    .format = "/response_format/type",
    .content = content,
    .request = read_request,
    .answer = read_answer,
    .event = read_event,
    .facts = &facts,
};
