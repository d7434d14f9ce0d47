/*
 * Gemini's embeddings: POST .../models/MODEL:embedContent, :batchEmbedContents and, on Vertex, :predict with instances
 * (wire.md 1.1, 1.3). The model stands in the path; of a batch each request may name it again.
 */
#include "reading_parts.h"

static bool fits(const struct rn_reading_input *input, struct rn_bytes path)
{
    return rn_reader_posts_to(input, path, ":embedContent") ||
           rn_reader_posts_to(input, path, ":batchEmbedContents") ||
           rn_reader_posts_to(input, path, ":predict");
}

/* What else may be predicted (images, text of old) has instances without content. */
static bool knows(const struct rn_json *body)
{
    return rn_json_member(body, "content") != NULL || rn_json_member(body, "requests") != NULL ||
           rn_json_at(body, "/instances/0/content") != NULL;
}

/* A text, or a content of parts. */
static void say_content(struct rn_reader *reader, const struct rn_json *content)
{
    rn_reader_say_string(reader, RN_SAID_TEXT, RN_LIT("input"), content);
    for (const struct rn_json *part = rn_reader_first(rn_json_member(content, "parts"));
         part != NULL; part = part->next) {
        const struct rn_json *text = rn_json_member(part, "text");
        if (rn_reader_is_string(text)) {
            rn_reader_say_string(reader, RN_SAID_TEXT, RN_LIT("input"), text);
        } else if (part->child != NULL) {
            struct rn_said *said =
                rn_reader_say(reader, RN_SAID_OTHER, RN_LIT("input"), RN_LIT(""));
            if (said != NULL) {
                said->name = rn_reader_copy(reader, part->child->name);
            }
        }
    }
}

static void read_request(struct rn_reader *reader, const struct rn_json *body)
{
    static const char *const lists[] = {"requests", "instances"};
    say_content(reader, rn_json_member(body, "content"));
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        for (const struct rn_json *each = rn_reader_first(rn_json_member(body, lists[i]));
             each != NULL; each = each->next) {
            say_content(reader, rn_json_member(each, "content"));
        }
    }
}

/* Vertex counts per prediction, and nowhere else. */
static void count_predictions(struct rn_reader *reader, const struct rn_json *predictions)
{
    uint64_t total = 0;
    bool counted = false;
    for (const struct rn_json *each = rn_reader_first(predictions); each != NULL;
         each = each->next) {
        uint64_t tokens = 0;
        if (rn_reader_count(rn_json_at(each, "/embeddings/statistics/token_count"), &tokens)) {
            counted = true;
            total = rn_reader_sum(total, tokens);
        }
    }
    if (counted) {
        rn_reader_set_counter(reader, RN_COUNTED_IN, total);
    }
}

static void read_envelope(struct rn_reader *reader, const struct rn_json *body)
{
    static const char *const in[] = {"/promptTokenCount", "/totalTokenCount", NULL};
    static const char *const total[] = {"/totalTokenCount", NULL};
    const struct rn_json *usage = rn_json_member(body, "usageMetadata");
    if (rn_reader_usage(reader, usage)) {
        (void)rn_reader_counter(reader, RN_COUNTED_IN, usage, in);
        (void)rn_reader_counter(reader, RN_COUNTED_TOTAL, usage, total);
    }
    count_predictions(reader, rn_json_member(body, "predictions"));
}

static enum rn_status read_answer(struct rn_reader *reader, struct rn_bytes body,
                                  struct rn_error *error)
{
    static const char *const names[] = {"values", NULL};
    return rn_reader_vectors(reader, body, names, read_envelope, error);
}

static const char *const content[] = {"content", "requests", "instances", NULL};
static const char *const significant_headers[] = {"api-revision", NULL};
static const struct rn_dialect_facts facts = {1, rn_none, significant_headers, rn_none};

const struct rn_dialect_row rn_gemini_embed = {
    .dialect = RN_DIALECT_GEMINI_EMBED,
    .kind = RN_READING_EMBEDDING,
    .name = "gemini.embed",
    .fits = fits,
    .knows = knows,
    .content = content,
    .request = read_request,
    .answer_text = read_answer,
    .facts = &facts,
};
