/*
 * What dialects of retrieval and search share.
 *
 * In come paths, JSON and the reader; out go calls, documents and texts. What a vector is, or whether a document is any good,
 * is no subject here.
 */
#include "found.h"

#include <stdlib.h>

/* --- paths --------------------------------------------------------------------------------------------------------- */

/* Takes the last step off `path`. */
static struct rn_bytes last_step(struct rn_bytes *path)
{
    size_t at = path->len;
    while (at > 0 && path->data[at - 1] != '/') {
        at--;
    }
    struct rn_bytes step = rn_bytes_from(*path, at);
    path->len = at > 0 ? at - 1 : 0;
    return step;
}

bool rn_found_fits(struct rn_bytes path, const char *pattern, struct rn_bytes *target)
{
    struct rn_bytes wanted = rn_bytes_text(pattern);
    struct rn_bytes about = rn_bytes_of(NULL, 0);
    bool fits = true;
    while (fits && wanted.len > 0) {
        struct rn_bytes want = last_step(&wanted);
        struct rn_bytes have = last_step(&path);
        bool is_target = rn_bytes_equal(want, RN_LIT("{}"));
        bool any = is_target || rn_bytes_equal(want, RN_LIT("*"));
        fits = any ? have.len > 0 : rn_bytes_equal(want, have);
        about = is_target ? have : about;
    }
    if (fits && target != NULL) {
        *target = about;
    }
    return fits;
}

const struct rn_found_call *rn_found_call(const struct rn_found_call *calls,
                                          const struct rn_reading_input *input,
                                          struct rn_bytes path, struct rn_bytes *target)
{
    for (; calls->method != NULL; calls++) {
        if (rn_bytes_equal(input->method, rn_bytes_text(calls->method)) &&
            rn_found_fits(path, calls->path, target)) {
            return calls;
        }
    }
    return NULL;
}

const struct rn_found_call *rn_found_tell(struct rn_reader *reader,
                                          const struct rn_found_call *calls)
{
    struct rn_bytes target = rn_bytes_of(NULL, 0);
    const struct rn_found_call *call = rn_found_call(calls, reader->input, reader->path, &target);
    if (call != NULL) {
        reader->out->kind = call->kind;
        reader->out->operation = rn_reader_copy(reader, rn_bytes_text(call->operation));
        reader->out->target = rn_found_decode(reader, target, false);
    }
    return call;
}

bool rn_found_is_at(const struct rn_reading_input *input, const char *word)
{
    const struct rn_http_field *host =
        input->request_head == NULL ? NULL : rn_http_find(input->request_head, RN_LIT("host"));
    return rn_bytes_find_nocase(input->upstream, rn_bytes_text(word)) != RN_NPOS ||
           (host != NULL && rn_bytes_find_nocase(host->value, rn_bytes_text(word)) != RN_NPOS);
}

static int digit_of(uint8_t byte)
{
    uint8_t lower = rn_byte_lower(byte);
    if (lower >= '0' && lower <= '9') {
        return lower - '0';
    }
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The byte at `at` and how many it takes. */
static uint8_t decoded(struct rn_bytes text, size_t at, bool form, size_t *took)
{
    uint8_t byte = text.data[at];
    *took = 1;
    if (byte == '%' && at + 2 < text.len && digit_of(text.data[at + 1]) >= 0 &&
        digit_of(text.data[at + 2]) >= 0) {
        *took = 3;
        return (uint8_t)(digit_of(text.data[at + 1]) << 4 | digit_of(text.data[at + 2]));
    }
    return form && byte == '+' ? ' ' : byte;
}

struct rn_bytes rn_found_decode(struct rn_reader *reader, struct rn_bytes text, bool form)
{
    struct rn_buffer out = {0};
    enum rn_status status = RN_OK;
    size_t took = 0;
    for (size_t at = 0; status == RN_OK && at < text.len; at += took) {
        status = rn_buffer_add_byte(&out, decoded(text, at, form, &took));
    }
    rn_reader_fail(reader, status);
    struct rn_bytes copy = rn_reader_copy(reader, rn_buffer_bytes(&out));
    rn_buffer_free(&out);
    return copy;
}

struct rn_bytes rn_found_parameter(struct rn_reader *reader, const char *name)
{
    struct rn_bytes target = reader->input->target;
    size_t at = rn_bytes_find_byte(target, '?');
    struct rn_bytes query = at == RN_NPOS ? rn_bytes_of(NULL, 0) : rn_bytes_from(target, at + 1);
    while (query.len > 0) {
        struct rn_bytes pair = rn_bytes_sub(query, 0, rn_bytes_find_byte(query, '&'));
        struct rn_bytes key = rn_bytes_sub(pair, 0, rn_bytes_find_byte(pair, '='));
        if (rn_bytes_equal(key, rn_bytes_text(name))) {
            return rn_found_decode(reader, rn_bytes_from(pair, key.len + 1), true);
        }
        query = rn_bytes_from(query, pair.len + 1);
    }
    return rn_bytes_of(NULL, 0);
}

/* --- what was looked for ------------------------------------------------------------------------------------------- */

void rn_found_query(struct rn_reader *reader, const struct rn_json *value)
{
    struct rn_bytes role = rn_reader_copy(reader, RN_LIT("query"));
    rn_reader_say_string(reader, RN_SAID_TEXT, role, value);
    for (const struct rn_json *each = rn_reader_first(value); each != NULL; each = each->next) {
        rn_reader_say_string(reader, RN_SAID_TEXT, role, each);
    }
}

/* --- documents ----------------------------------------------------------------------------------------------------- */

struct rn_document *rn_found_add(struct rn_reader *reader, uint32_t query, uint32_t rank,
                                 const struct rn_json *id, const struct rn_json *score,
                                 enum rn_score_kind kind)
{
    struct rn_document *document = rn_reader_document(reader);
    if (document == NULL) {
        return NULL;
    }
    document->query = query;
    document->rank = rank;
    document->id = rn_reader_spoken(reader, id);
    if (score != NULL && score->kind == RN_JSON_NUMBER) {
        document->score = rn_reader_raw(reader, score);
        document->score_kind = kind;
    }
    return document;
}

const struct rn_json *rn_found_member(const struct rn_json *object, const char *const *names)
{
    for (; *names != NULL; names++) {
        const struct rn_json *member = rn_json_member(object, *names);
        if (member != NULL && member->kind != RN_JSON_NULL) {
            return member;
        }
    }
    return NULL;
}

static struct rn_bytes first_string(struct rn_reader *reader, const struct rn_json *object,
                                    const char *const *names)
{
    struct rn_bytes text = rn_bytes_of(NULL, 0);
    for (; text.len == 0 && *names != NULL; names++) {
        text = rn_reader_text(reader, rn_json_member(object, *names));
    }
    return text;
}

/* LlamaIndex keeps a node as a JSON text of its own, and the text in that. */
static struct rn_bytes text_of_node(struct rn_reader *reader, const struct rn_json *members)
{
    struct rn_arena arena = {0};
    struct rn_json *node = NULL;
    struct rn_bytes text = rn_reader_text(reader, rn_json_member(members, "_node_content"));
    enum rn_status status = RN_INVALID;
    if (text.len > 0) {
        status = rn_json_parse(&arena, text, &node, NULL, NULL);
    }
    text = status == RN_OK ? rn_reader_text(reader, rn_json_member(node, "text"))
                           : rn_bytes_of(NULL, 0);
    rn_reader_fail(reader, status == RN_NOMEM ? RN_NOMEM : RN_OK);
    rn_arena_free(&arena);
    return text;
}

struct rn_bytes rn_found_text(struct rn_reader *reader, const struct rn_json *members)
{
    static const char *const names[] = {"page_content", "pageContent", "text",     "content",
                                        "chunk_text",   "chunk",       "document", "body",
                                        "passage",      "snippet",     NULL};
    struct rn_bytes text = first_string(reader, members, names);
    if (text.len == 0) {
        text = text_of_node(reader, members);
    }
    if (text.len == 0 && members != NULL && members->count > 0) {
        text = rn_reader_raw(reader, members);
    }
    return text;
}

struct rn_bytes rn_found_title(struct rn_reader *reader, const struct rn_json *members)
{
    static const char *const names[] = {"title", "name",      "filename", "file_name", "source",
                                        "url",   "file_path", "path",     NULL};
    struct rn_bytes title = first_string(reader, members, names);
    return title.len > 0 ? title : first_string(reader, rn_json_member(members, "metadata"), names);
}

/* Texts in the arena end with a zero. */
static double value_of(struct rn_bytes number)
{
    return number.len == 0 ? 0 : strtod((const char *)number.data, NULL);
}

void rn_found_judge(struct rn_document *first)
{
    struct rn_document *last = first;
    while (last != NULL && last->next != NULL) {
        last = last->next;
    }
    bool rises = first != NULL && first->score.len > 0 && last->score.len > 0 &&
                 value_of(last->score) > value_of(first->score);
    for (; first != NULL; first = first->next) {
        if (first->score.len > 0) {
            first->score_kind = rises ? RN_SCORE_DISTANCE : RN_SCORE_SIMILARITY;
        }
    }
}

static enum rn_status add_line(struct rn_buffer *out, struct rn_bytes text)
{
    enum rn_status status = out->len > 0 && text.len > 0 ? rn_buffer_add_byte(out, '\n') : RN_OK;
    return status == RN_OK ? rn_buffer_add(out, text) : status;
}

struct rn_bytes rn_found_join(struct rn_reader *reader, struct rn_bytes text,
                              const struct rn_json *strings, const char *member)
{
    struct rn_buffer joined = {0};
    enum rn_status status = add_line(&joined, text);
    for (const struct rn_json *each = rn_reader_first(strings); status == RN_OK && each != NULL;
         each = each->next) {
        const struct rn_json *string = member == NULL ? each : rn_json_member(each, member);
        status = add_line(&joined, rn_reader_text(reader, string));
    }
    rn_reader_fail(reader, status);
    text = rn_reader_copy(reader, rn_buffer_bytes(&joined));
    rn_buffer_free(&joined);
    return text;
}
