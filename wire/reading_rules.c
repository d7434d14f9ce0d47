/*
 * The file of pointer rules, read strictly: what is not known is refused with a sentence, so that a word spelled wrongly is
 * found when the file is read and not when a document is missed.
 *
 * In comes JSON, out go rules (rule.h); how a call is read by one is rule.c's.
 */
#include "reading_rules.h"

#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"
#include "json.h"
#include "rule.h"

#define FILE_BYTES_MAX ((size_t)1024 * 1024)

static const char *const part_names[RN_RULE_PART_COUNT] = {[RN_RULE_OPERATION] = "operation",
                                                           [RN_RULE_TARGET] = "target",
                                                           [RN_RULE_MODEL] = "model",
                                                           [RN_RULE_QUERY] = "query",
                                                           [RN_RULE_ITEMS] = "items",
                                                           [RN_RULE_ANSWER] = "answer",
                                                           [RN_RULE_ID] = "id",
                                                           [RN_RULE_SCORE] = "score",
                                                           [RN_RULE_TITLE] = "title",
                                                           [RN_RULE_TEXT] = "text"};

/* A file under way: where we are in it, for sentences. */
struct parsing {
    const char *file;
    struct rn_reading_rules *rules;
    size_t index; /* of the rule */
    struct rn_error *error;
};

/* --- sentences ----------------------------------------------------------------------------------------------------- */

static enum rn_status refuse_rule(const struct parsing *parsing, const char *member,
                                  const char *what)
{
    return rn_fail(parsing->error, RN_INVALID, "%s: /rules/%zu%s%s %s", parsing->file,
                   parsing->index, member[0] == '\0' ? "" : "/", member, what);
}

static enum rn_status refuse_name(const struct parsing *parsing, struct rn_bytes name,
                                  const char *known)
{
    return rn_fail(parsing->error, RN_INVALID,
                   "%s: /rules/%zu has a member \"%.*s\", which means nothing here; it may have %s",
                   parsing->file, parsing->index, (int)(name.len > 60 ? 60 : name.len),
                   (const char *)name.data, known);
}

/* --- texts --------------------------------------------------------------------------------------------------------- */

/* A text of the rules' own; texts with a zero byte are refused as none. */
static enum rn_status take_text(const struct parsing *parsing, const char *member,
                                const struct rn_json *value, const char **out)
{
    if (value->kind != RN_JSON_STRING) {
        return refuse_rule(parsing, member, "must be a text");
    }
    struct rn_bytes text = rn_json_text(&parsing->rules->arena, value);
    if (text.data == NULL) {
        return RN_NOMEM;
    }
    if (text.len > 0 && memchr(text.data, 0, text.len) != NULL) {
        return refuse_rule(parsing, member, "holds a zero byte");
    }
    *out = (const char *)text.data;
    return RN_OK;
}

/* RFC 6901: empty, or steps that each begin with '/', and '~' only before 0 or 1. */
static bool is_pointer(const char *text)
{
    bool good = text[0] == '\0' || text[0] == '/';
    for (; good && *text != '\0'; text++) {
        good = *text != '~' || text[1] == '0' || text[1] == '1';
    }
    return good;
}

/* Of the request, a word or a parameter of the address will do as well. */
static bool is_place(enum rn_rule_part part, const char *text)
{
    bool of_request = part <= RN_RULE_QUERY;
    bool word = of_request && part != RN_RULE_QUERY && text[0] != '\0' && text[0] != '/';
    bool parameter = of_request && text[0] == '?' && text[1] != '\0';
    return word || parameter || is_pointer(text);
}

static enum rn_status take_part(const struct parsing *parsing, struct rn_rule *rule,
                                enum rn_rule_part part, const struct rn_json *value)
{
    enum rn_status status = take_text(parsing, part_names[part], value, &rule->parts[part]);
    if (status == RN_OK && !is_place(part, rule->parts[part])) {
        return refuse_rule(parsing, part_names[part],
                           "is no JSON pointer: one is empty or begins with '/', and has '~' "
                           "only as ~0 or ~1");
    }
    return status;
}

/* --- words --------------------------------------------------------------------------------------------------------- */

static enum rn_status take_kind(const struct parsing *parsing, struct rn_rule *rule,
                                const struct rn_json *value)
{
    for (int kind = 0; kind < RN_READING_KIND_COUNT; kind++) {
        if (rn_json_is(value, rn_reading_kind_name((enum rn_reading_kind)kind))) {
            rule->kind = (enum rn_reading_kind)kind;
            return RN_OK;
        }
    }
    return refuse_rule(parsing, "kind",
                       "must be one of model, embedding, rerank, retrieval, tool, other");
}

static enum rn_status take_score_kind(const struct parsing *parsing, struct rn_rule *rule,
                                      const struct rn_json *value)
{
    for (int kind = RN_SCORE_NONE; kind <= RN_SCORE_RELEVANCE; kind++) {
        if (rn_json_is(value, rn_score_kind_name((enum rn_score_kind)kind))) {
            rule->score_kind = (enum rn_score_kind)kind;
            return RN_OK;
        }
    }
    return refuse_rule(parsing, "score_kind",
                       "must be one of similarity, distance, relevance, none");
}

/* --- rules --------------------------------------------------------------------------------------------------------- */

static enum rn_status take_match(const struct parsing *parsing, struct rn_rule *rule,
                                 const struct rn_json *match)
{
    const struct {
        const char *name;
        const char **to;
    } members[] = {{"upstream", &rule->upstream}, {"method", &rule->method}, {"path", &rule->path}};
    if (match->kind != RN_JSON_OBJECT_BEGIN) {
        return refuse_rule(parsing, "match", "must be an object with upstream, method or path");
    }
    for (const struct rn_json *each = match->child; each != NULL; each = each->next) {
        size_t i = 0;
        while (i < 3 && !rn_bytes_equal(each->name, rn_bytes_text(members[i].name))) {
            i++;
        }
        if (i == 3) {
            return refuse_name(parsing, each->name, "upstream, method and path in match");
        }
        enum rn_status status = take_text(parsing, "match", each, members[i].to);
        if (status != RN_OK) {
            return status;
        }
    }
    if (rule->path != NULL && rule->path[0] != '/') {
        return refuse_rule(parsing, "match/path", "must begin with '/'");
    }
    return rule->path != NULL || rule->upstream != NULL
               ? RN_OK
               : refuse_rule(parsing, "match", "must name an upstream or a path");
}

static enum rn_status take_member(const struct parsing *parsing, struct rn_rule *rule,
                                  const struct rn_json *member)
{
    for (int part = 0; part < RN_RULE_PART_COUNT; part++) {
        if (rn_bytes_equal(member->name, rn_bytes_text(part_names[part]))) {
            return take_part(parsing, rule, (enum rn_rule_part)part, member);
        }
    }
    if (rn_bytes_equal(member->name, RN_LIT("name"))) {
        return take_text(parsing, "name", member, &rule->name);
    }
    if (rn_bytes_equal(member->name, RN_LIT("match"))) {
        return take_match(parsing, rule, member);
    }
    if (rn_bytes_equal(member->name, RN_LIT("kind"))) {
        return take_kind(parsing, rule, member);
    }
    if (rn_bytes_equal(member->name, RN_LIT("score_kind"))) {
        return take_score_kind(parsing, rule, member);
    }
    return refuse_name(parsing, member->name,
                       "name, match, kind, operation, target, model, query, items, id, score, "
                       "score_kind, title, text and answer");
}

/* What a rule cannot do without, and what makes no sense alone. */
static enum rn_status check_rule(const struct parsing *parsing, const struct rn_json *value,
                                 const struct rn_rule *rule)
{
    static const char *const needed[] = {"name", "match", "kind"};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (rn_json_member(value, needed[i]) == NULL) {
            return rn_fail(parsing->error, RN_INVALID, "%s: /rules/%zu has no member \"%s\"",
                           parsing->file, parsing->index, needed[i]);
        }
    }
    if (rule->name[0] == '\0') {
        return refuse_rule(parsing, "name", "must not be empty");
    }
    for (int part = RN_RULE_ID; part <= RN_RULE_TEXT; part++) {
        if (rule->parts[part] != NULL && rule->parts[RN_RULE_ITEMS] == NULL) {
            return refuse_rule(parsing, part_names[part],
                               "points into an item, and the rule has no \"items\"");
        }
    }
    return RN_OK;
}

static enum rn_status take_rule(const struct parsing *parsing, const struct rn_json *value,
                                struct rn_rule *rule)
{
    if (value->kind != RN_JSON_OBJECT_BEGIN) {
        return refuse_rule(parsing, "", "must be an object");
    }
    for (const struct rn_json *member = value->child; member != NULL; member = member->next) {
        enum rn_status status = take_member(parsing, rule, member);
        if (status != RN_OK) {
            return status;
        }
    }
    return check_rule(parsing, value, rule);
}

static enum rn_status take_rules(struct parsing *parsing, const struct rn_json *list)
{
    struct rn_rule **tail = &parsing->rules->first;
    for (const struct rn_json *each = list->child; each != NULL; each = each->next) {
        struct rn_rule *rule = rn_arena_alloc(&parsing->rules->arena, sizeof *rule);
        if (rule == NULL) {
            return RN_NOMEM;
        }
        enum rn_status status = take_rule(parsing, each, rule);
        if (status != RN_OK) {
            return status;
        }
        *tail = rule;
        tail = &rule->next;
        parsing->rules->count++;
        parsing->index++;
    }
    return RN_OK;
}

/* --- files --------------------------------------------------------------------------------------------------------- */

static enum rn_status take_file(struct parsing *parsing, const struct rn_json *root,
                                size_t duplicates)
{
    const struct rn_json *rules = rn_json_member(root, "rules");
    if (duplicates > 0) {
        return rn_fail(parsing->error, RN_INVALID, "%s: a member stands twice in one object",
                       parsing->file);
    }
    if (!rn_json_is(rn_json_member(root, "schema"), RN_READING_RULES_SCHEMA)) {
        return rn_fail(parsing->error, RN_INVALID, "%s: /schema must be \"%s\"", parsing->file,
                       RN_READING_RULES_SCHEMA);
    }
    if (rules == NULL || rules->kind != RN_JSON_ARRAY_BEGIN || root->count != 2) {
        return rn_fail(parsing->error, RN_INVALID,
                       "%s: there must be \"schema\", an array \"rules\", and nothing else",
                       parsing->file);
    }
    return take_rules(parsing, rules);
}

static enum rn_status take_key(struct rn_reading_rules *rules, struct rn_bytes text)
{
    uint8_t digest[RN_SHA256_BYTES];
    if (!rn_sha256_of(&text, 1, digest)) {
        return RN_NOMEM;
    }
    memcpy(&rules->key, digest, sizeof rules->key);
    return RN_OK;
}

enum rn_status rn_reading_rules_parse(struct rn_bytes text, const char *name,
                                      struct rn_reading_rules **out, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_json *root = NULL;
    struct rn_error fault = {.status = RN_OK};
    size_t duplicates = 0;
    struct parsing parsing = {
        .file = name, .rules = rn_calloc(1, sizeof *parsing.rules), .error = error};
    enum rn_status status = RN_NOMEM;
    *out = NULL;
    if (parsing.rules != NULL) {
        status = rn_json_parse(&arena, text, &root, &duplicates, &fault);
    }
    if (status == RN_OK) {
        status = take_file(&parsing, root, duplicates);
        status = status == RN_OK ? take_key(parsing.rules, text) : status;
    } else if (status != RN_NOMEM) {
        status = rn_fail(error, RN_INVALID, "%s: %s", name, fault.text);
    }
    rn_arena_free(&arena);
    if (status == RN_NOMEM) {
        (void)rn_fail(error, RN_NOMEM, "%s: out of memory", name);
    }
    if (status != RN_OK) {
        rn_reading_rules_free(parsing.rules);
        return status;
    }
    *out = parsing.rules;
    return RN_OK;
}

enum rn_status rn_reading_rules_load(const char *path, struct rn_reading_rules **out,
                                     struct rn_error *error)
{
    struct rn_buffer text;
    rn_buffer_init(&text, FILE_BYTES_MAX);
    *out = NULL;
    enum rn_status status = rn_file_read(path, &text, error);
    if (status == RN_LIMIT) {
        status = rn_fail(error, RN_LIMIT, "%s is larger than 1 MiB", path);
    }
    if (status == RN_OK) {
        status = rn_reading_rules_parse(rn_buffer_bytes(&text), path, out, error);
    }
    rn_buffer_free(&text);
    return status;
}

uint64_t rn_reading_rules_key(const struct rn_reading_rules *rules)
{
    return rules == NULL ? 0 : rules->key;
}

size_t rn_reading_rules_count(const struct rn_reading_rules *rules)
{
    return rules == NULL ? 0 : rules->count;
}

void rn_reading_rules_free(struct rn_reading_rules *rules)
{
    if (rules != NULL) {
        rn_arena_free(&rules->arena);
        rn_free(rules);
    }
}
