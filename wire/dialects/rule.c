/*
 * A call read by one of the user's pointer rules (docs/rules.md).
 *
 * Places in the request are pointers, parameters of the address ("?q") or plain words; places in the answer are pointers, and
 * in the one to the items '*' stands for every element of an array. What a pointer does not find is absent. Streams are not
 * read by rules.
 */
#include "rule.h"

#include "found.h"

/* --- which rule ---------------------------------------------------------------------------------------------------- */

static bool is_for(const struct rn_rule *rule, const struct rn_reading_input *input,
                   struct rn_bytes *target)
{
    return (rule->upstream == NULL ||
            rn_bytes_equal(input->upstream, rn_bytes_text(rule->upstream))) &&
           (rule->method == NULL || rn_bytes_equal(input->method, rn_bytes_text(rule->method))) &&
           (rule->path == NULL || rn_found_fits(rn_reader_path(input), rule->path, target));
}

const struct rn_rule *rn_rule_of(const struct rn_reading_rules *rules,
                                 const struct rn_reading_input *input)
{
    const struct rn_rule *rule = rules == NULL ? NULL : rules->first;
    while (rule != NULL && !is_for(rule, input, NULL)) {
        rule = rule->next;
    }
    return rule;
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

/* A word, a parameter of the address, or what a pointer finds; empty: nothing. `body` may be NULL. */
static struct rn_bytes asked_text(struct rn_reader *reader, const char *place,
                                  const struct rn_json *body)
{
    if (place == NULL) {
        return rn_bytes_of(NULL, 0);
    }
    if (place[0] == '?') {
        return rn_found_parameter(reader, place + 1);
    }
    if (place[0] != '/' && place[0] != '\0') {
        return rn_reader_copy(reader, rn_bytes_text(place));
    }
    return body == NULL ? rn_bytes_of(NULL, 0) : rn_reader_spoken(reader, rn_json_at(body, place));
}

/* Of a tool: its arguments; of all else what was looked for. */
static void say_query(struct rn_reader *reader, const struct rn_rule *rule,
                      const struct rn_json *body)
{
    struct rn_bytes text = asked_text(reader, rule->parts[RN_RULE_QUERY], body);
    bool tool = rule->kind == RN_READING_TOOL;
    if (text.len == 0 && !tool) {
        return;
    }
    struct rn_said *said =
        rn_reader_say(reader, tool ? RN_SAID_TOOL_CALL : RN_SAID_TEXT,
                      rn_reader_copy(reader, tool ? RN_LIT("client") : RN_LIT("query")), text);
    if (said != NULL && tool) {
        said->name = reader->out->target;
    }
}

static void read_request(struct rn_reader *reader, const struct rn_rule *rule,
                         const struct rn_json *body)
{
    struct rn_reading *out = reader->out;
    struct rn_bytes step = rn_bytes_of(NULL, 0);
    (void)is_for(rule, reader->input, &step);
    out->operation = asked_text(reader, rule->parts[RN_RULE_OPERATION], body);
    out->model_asked = asked_text(reader, rule->parts[RN_RULE_MODEL], body);
    out->target = asked_text(reader, rule->parts[RN_RULE_TARGET], body);
    if (out->target.len == 0 && step.len > 0) {
        out->target = rn_found_decode(reader, step, false);
    }
    reader->tail = &out->request;
    say_query(reader, rule, body);
}

/* --- answers ------------------------------------------------------------------------------------------------------- */

/* How far the items are: which query, and which rank in it. */
struct counted {
    const struct rn_rule *rule;
    uint32_t query;
    uint32_t rank;
};

static const struct rn_json *part_of(const struct rn_json *item, const char *pointer)
{
    return pointer == NULL ? NULL : rn_json_at(item, pointer);
}

static void add_item(struct rn_reader *reader, struct counted *at, const struct rn_json *item)
{
    const char *const *parts = at->rule->parts;
    const struct rn_json *score = part_of(item, parts[RN_RULE_SCORE]);
    struct rn_document *document =
        rn_found_add(reader, at->query, ++at->rank, part_of(item, parts[RN_RULE_ID]), score,
                     at->rule->score_kind);
    if (document == NULL) {
        return;
    }
    if (score != NULL && score->kind == RN_JSON_STRING) { /* a number as a text */
        document->score = rn_reader_text(reader, score);
        document->score_kind = at->rule->score_kind;
    }
    document->title = rn_reader_spoken(reader, part_of(item, parts[RN_RULE_TITLE]));
    document->text = rn_reader_spoken(reader, part_of(item, parts[RN_RULE_TEXT]));
}

static void add_items(struct rn_reader *reader, struct counted *at, const struct rn_json *list)
{
    for (const struct rn_json *item = rn_reader_first(list); item != NULL; item = item->next) {
        add_item(reader, at, item);
    }
}

/* Where the pointer has its first step '*': before it, and behind it. */
static bool split_at_star(struct rn_reader *reader, const char *pointer, const char **before,
                          const char **behind)
{
    struct rn_bytes text = rn_bytes_text(pointer);
    size_t at = rn_bytes_find(text, RN_LIT("/"
                                           "*"));
    if (at == RN_NPOS || (at + 2 < text.len && text.data[at + 2] != '/')) {
        return false;
    }
    *before = (const char *)rn_reader_copy(reader, rn_bytes_sub(text, 0, at)).data;
    *behind = pointer + at + 2;
    return *before != NULL;
}

/*
 * A last step '*' changes nothing: the elements are the items either way. One with more behind it stands for query after query.
 */
static void find_items(struct rn_reader *reader, struct counted *at, const struct rn_json *value,
                       const char *pointer, bool outer)
{
    const char *before = NULL;
    const char *behind = NULL;
    if (!split_at_star(reader, pointer, &before, &behind)) {
        add_items(reader, at, rn_json_at(value, pointer));
        return;
    }
    const struct rn_json *list = rn_json_at(value, before);
    if (behind[0] == '\0') {
        add_items(reader, at, list);
        return;
    }
    for (const struct rn_json *each = rn_reader_first(list); each != NULL; each = each->next) {
        find_items(reader, at, each, behind, false);
        if (outer) {
            at->query++;
            at->rank = 0;
        }
    }
}

static void say_answer(struct rn_reader *reader, const struct rn_rule *rule,
                       const struct rn_json *body)
{
    const struct rn_json *value = part_of(body, rule->parts[RN_RULE_ANSWER]);
    bool tool = rule->kind == RN_READING_TOOL;
    struct rn_bytes text = rn_reader_spoken(reader, value);
    reader->tail = &reader->out->response;
    struct rn_said *said =
        text.len == 0
            ? NULL
            : rn_reader_say(reader, tool ? RN_SAID_TOOL_RESULT : RN_SAID_TEXT,
                            rn_reader_copy(reader, tool ? RN_LIT("server") : RN_LIT("answer")),
                            text);
    if (said != NULL && tool) {
        said->name = reader->out->target;
    }
}

static void read_answer(struct rn_reader *reader, const struct rn_rule *rule,
                        const struct rn_json *body)
{
    struct counted at = {.rule = rule};
    if (reader->input->status >= 400) {
        rn_reader_error(reader, body);
        return;
    }
    say_answer(reader, rule, body);
    if (rule->parts[RN_RULE_ITEMS] != NULL) {
        find_items(reader, &at, body, rule->parts[RN_RULE_ITEMS], true);
    }
}

/* --- calls --------------------------------------------------------------------------------------------------------- */

/* Parses a body and hands it on; one that is empty is read as none. */
static enum rn_status read_body(struct rn_reader *reader, const struct rn_rule *rule,
                                struct rn_bytes text,
                                void (*read)(struct rn_reader *reader, const struct rn_rule *rule,
                                             const struct rn_json *body),
                                struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_json *body = NULL;
    enum rn_status status = RN_OK;
    if (text.len > 0) {
        status = rn_json_parse(&arena, text, &body, NULL, error);
    }
    if (status == RN_OK) {
        read(reader, rule, body);
        status = reader->status;
    }
    rn_arena_free(&arena);
    return status == RN_LIMIT ? RN_INVALID : status;
}

enum rn_status rn_rule_read(struct rn_arena *arena, const struct rn_rule *rule,
                            const struct rn_reading_input *input, struct rn_reading *out,
                            struct rn_error *error)
{
    struct rn_reader reader = {.arena = arena,
                               .input = input,
                               .out = out,
                               .path = rn_reader_path(input),
                               .documents = &out->documents,
                               .status = RN_OK};
    *out = (struct rn_reading){.dialect = RN_DIALECT_RULE, .kind = rule->kind};
    out->service = rn_reader_copy(&reader, rn_bytes_text(rule->name));
    enum rn_status status = read_body(&reader, rule, input->request_body, read_request, error);
    if (status == RN_OK && input->response_body.len > 0) {
        status = read_body(&reader, rule, input->response_body, read_answer, error);
    }
    if (status == RN_INVALID && input->status >= 400 && out->error.len == 0) {
        status = RN_OK; /* an error page of somebody in between says nothing */
    }
    out->unread = status == RN_INVALID;
    return status;
}

/* --- its name ------------------------------------------------------------------------------------------------------ */

static bool never(const struct rn_reading_input *input, struct rn_bytes path)
{
    (void)input;
    (void)path;
    return false;
}

/* For its name only: rules are asked before the table. */
const struct rn_dialect_row rn_rule_row = {
    .dialect = RN_DIALECT_RULE,
    .kind = RN_READING_OTHER,
    .name = "rule",
    .fits = never,
};
