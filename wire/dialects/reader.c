/*
 * What all dialects share while they read: saying things, gathering pieces, counting tokens, telling of trouble.
 *
 * No dialect is known here. The first failure of memory ends a reading; whatever else is wrong is told and read around.
 */
#include "reading_parts.h"

#include <string.h>

#include "base/digest.h"

/* A stream that opens more slots than this is no answer of a model. */
#define SLOTS_MAX 1024u

const char *const rn_none[] = {NULL};

/* --- trouble ------------------------------------------------------------------------------------------------------- */

void rn_reader_fail(struct rn_reader *reader, enum rn_status status)
{
    reader->status = reader->status == RN_OK ? status : reader->status;
}

void rn_reader_doubt(struct rn_reader *reader, const struct rn_json *value, const char *what)
{
    if (reader->doubt.status != RN_OK) {
        return;
    }
    size_t at = reader->text_at;
    bool inside = value != NULL && reader->text.data != NULL &&
                  value->raw.data >= reader->text.data &&
                  value->raw.data <= reader->text.data + reader->text.len;
    at += inside ? (size_t)(value->raw.data - reader->text.data) : 0;
    (void)rn_fail(&reader->doubt, RN_INVALID, "At byte %zu stands %s.", at, what);
}

/* --- values -------------------------------------------------------------------------------------------------------- */

/* Text that must be in the arena: NULL data means that memory ran out. */
static struct rn_bytes checked(struct rn_reader *reader, struct rn_bytes text)
{
    if (text.data == NULL) {
        rn_reader_fail(reader, RN_NOMEM);
    }
    return text;
}

struct rn_bytes rn_reader_text(struct rn_reader *reader, const struct rn_json *value)
{
    if (value == NULL || value->kind != RN_JSON_STRING) {
        return rn_bytes_of(NULL, 0);
    }
    return checked(reader, rn_json_text(reader->arena, value));
}

struct rn_bytes rn_reader_raw(struct rn_reader *reader, const struct rn_json *value)
{
    return value == NULL ? rn_bytes_of(NULL, 0) : rn_reader_copy(reader, value->raw);
}

struct rn_bytes rn_reader_copy(struct rn_reader *reader, struct rn_bytes text)
{
    return checked(reader, rn_arena_copy(reader->arena, text));
}

struct rn_bytes rn_reader_spoken(struct rn_reader *reader, const struct rn_json *value)
{
    if (value == NULL || value->kind == RN_JSON_NULL) {
        return rn_bytes_of(NULL, 0);
    }
    return value->kind == RN_JSON_STRING ? rn_reader_text(reader, value)
                                         : rn_reader_raw(reader, value);
}

bool rn_reader_count(const struct rn_json *value, uint64_t *count)
{
    if (value == NULL || value->kind != RN_JSON_NUMBER) {
        return false;
    }
    size_t point = rn_bytes_find_byte(value->raw, '.');
    struct rn_bytes rest = point == RN_NPOS ? RN_LIT("") : rn_bytes_from(value->raw, point + 1);
    while (rest.len > 0 && rest.data[0] == '0') {
        rest = rn_bytes_from(rest, 1);
    }
    return rest.len == 0 && rn_bytes_to_u64(rn_bytes_sub(value->raw, 0, point), count);
}

bool rn_reader_is_type(const struct rn_json *value, const char *type)
{
    return rn_json_is(rn_json_member(value, "type"), type);
}

const struct rn_json *rn_reader_first(const struct rn_json *array)
{
    return array == NULL || array->kind != RN_JSON_ARRAY_BEGIN ? NULL : array->child;
}

bool rn_reader_has_messages(const struct rn_json *body)
{
    const struct rn_json *messages = rn_json_member(body, "messages");
    return messages != NULL && messages->kind == RN_JSON_ARRAY_BEGIN;
}

bool rn_reader_is_string(const struct rn_json *value)
{
    return value != NULL && value->kind == RN_JSON_STRING;
}

/* --- paths and heads ----------------------------------------------------------------------------------------------- */

bool rn_reader_posts_to(const struct rn_reading_input *input, struct rn_bytes path,
                        const char *ending)
{
    return rn_bytes_equal(input->method, RN_LIT("POST")) &&
           rn_bytes_ends_with(path, rn_bytes_text(ending));
}

/* Where it stands decoded in `out`, which holds text.len bytes; what is no escape stays. */
static size_t percent_decode(struct rn_bytes text, uint8_t *out)
{
    size_t len = 0;
    for (size_t at = 0; at < text.len;) {
        bool escaped =
            text.data[at] == '%' && rn_unhex(rn_bytes_sub(text, at + 1, 2), out + len, 1);
        if (!escaped) {
            out[len] = text.data[at];
        }
        len++;
        at += escaped ? 3 : 1;
    }
    return len;
}

struct rn_bytes rn_reader_in_path(struct rn_reader *reader, const char *before)
{
    struct rn_bytes mark = rn_bytes_text(before);
    size_t at = rn_bytes_find(reader->path, mark);
    if (at == RN_NPOS) {
        return rn_bytes_of(NULL, 0);
    }
    struct rn_bytes rest = rn_bytes_from(reader->path, at + mark.len);
    rest = rn_bytes_sub(rest, 0, rn_bytes_find_byte(rest, '/'));
    uint8_t *text = rn_arena_alloc(reader->arena, rest.len + 1);
    if (text == NULL) {
        rn_reader_fail(reader, RN_NOMEM);
        return rn_bytes_of(NULL, 0);
    }
    return rn_bytes_of(text, percent_decode(rest, text));
}

struct rn_bytes rn_reader_field(const struct rn_http_head *head, const char *name)
{
    const struct rn_http_field *field =
        head == NULL ? NULL : rn_http_find(head, rn_bytes_text(name));
    return field == NULL ? rn_bytes_of(NULL, 0) : rn_bytes_trim(field->value);
}

/* --- saying -------------------------------------------------------------------------------------------------------- */

void rn_reader_id(struct rn_reader *reader, const struct rn_json *id)
{
    if (reader->out->response_id.len == 0) {
        reader->out->response_id = rn_reader_text(reader, id);
    }
}

void rn_reader_finish(struct rn_reader *reader, const struct rn_json *finish)
{
    struct rn_bytes text = rn_reader_text(reader, finish);
    if (text.len > 0) {
        reader->out->finish = text;
    }
}

struct rn_document *rn_reader_document(struct rn_reader *reader)
{
    struct rn_document *document = rn_arena_alloc(reader->arena, sizeof *document);
    if (document == NULL) {
        rn_reader_fail(reader, RN_NOMEM);
        return NULL;
    }
    *document = (struct rn_document){.next = NULL};
    *reader->documents = document;
    reader->documents = &document->next;
    return document;
}

struct rn_said *rn_reader_say(struct rn_reader *reader, enum rn_said_kind kind,
                              struct rn_bytes role, struct rn_bytes text)
{
    struct rn_said *said =
        reader->status == RN_OK ? rn_arena_alloc(reader->arena, sizeof *said) : NULL;
    if (said == NULL) {
        rn_reader_fail(reader, RN_NOMEM);
        return NULL;
    }
    said->kind = kind;
    said->role = role;
    said->text = text;
    *reader->tail = said;
    reader->tail = &said->next;
    return said;
}

void rn_reader_say_string(struct rn_reader *reader, enum rn_said_kind kind, struct rn_bytes role,
                          const struct rn_json *value)
{
    struct rn_bytes text = rn_reader_text(reader, value);
    if (text.len > 0) {
        (void)rn_reader_say(reader, kind, role, text);
    }
}

void rn_reader_say_call(struct rn_reader *reader, struct rn_bytes role, struct rn_bytes arguments,
                        const struct rn_json *name, const struct rn_json *id)
{
    struct rn_said *said = rn_reader_say(reader, RN_SAID_TOOL_CALL, role, arguments);
    if (said != NULL) {
        said->name = rn_reader_text(reader, name);
        said->id = rn_reader_text(reader, id);
    }
}

void rn_reader_say_other(struct rn_reader *reader, struct rn_bytes role, const struct rn_json *part)
{
    struct rn_said *said = rn_reader_say(reader, RN_SAID_OTHER, role, rn_bytes_of(NULL, 0));
    if (said != NULL) {
        said->name = rn_reader_text(reader, rn_json_member(part, "type"));
    }
}

static void say_tokens(struct rn_reader *reader, struct rn_bytes role, const struct rn_json *tokens)
{
    struct rn_said *said =
        rn_reader_say(reader, RN_SAID_OTHER, role, rn_reader_raw(reader, tokens));
    if (said != NULL) {
        said->name = rn_reader_copy(reader, RN_LIT("tokens"));
    }
}

void rn_reader_say_inputs(struct rn_reader *reader, struct rn_bytes role,
                          const struct rn_json *input)
{
    const struct rn_json *each = rn_reader_first(input);
    rn_reader_say_string(reader, RN_SAID_TEXT, role, input);
    if (each != NULL && each->kind == RN_JSON_NUMBER) {
        say_tokens(reader, role, input);
        return;
    }
    for (; each != NULL; each = each->next) {
        if (each->kind == RN_JSON_STRING) {
            rn_reader_say_string(reader, RN_SAID_TEXT, role, each);
        } else if (each->kind == RN_JSON_ARRAY_BEGIN) {
            say_tokens(reader, role, each);
        } else if (rn_json_member(each, "text") != NULL) {
            rn_reader_say_string(reader, RN_SAID_TEXT, role, rn_json_member(each, "text"));
        } else {
            rn_reader_say_other(reader, role, each);
        }
    }
}

/* --- slots --------------------------------------------------------------------------------------------------------- */

/* <0, 0, >0: where a slot of this kind stands in an answer, beside another one. */
static int compare_slots(const struct rn_slot *slot, enum rn_said_kind kind, uint64_t group,
                         uint64_t index)
{
    static const int rank[] = {
        [RN_SAID_THINKING] = 0,  [RN_SAID_TEXT] = 1,        [RN_SAID_REFUSAL] = 2,
        [RN_SAID_TOOL_CALL] = 3, [RN_SAID_TOOL_RESULT] = 4, [RN_SAID_OTHER] = 5};
    if (slot->group != group) {
        return slot->group < group ? -1 : 1;
    }
    if (slot->kind != kind) {
        return rank[slot->kind] - rank[kind];
    }
    return (slot->index > index) - (slot->index < index);
}

struct rn_slot *rn_reader_slot(struct rn_reader *reader, enum rn_said_kind kind, uint64_t group,
                               uint64_t index)
{
    struct rn_slot **place = &reader->slots;
    while (*place != NULL && compare_slots(*place, kind, group, index) < 0) {
        place = &(*place)->next;
    }
    if (*place != NULL && compare_slots(*place, kind, group, index) == 0) {
        return *place;
    }
    if (reader->slot_count == SLOTS_MAX) {
        rn_reader_fail(reader, RN_INVALID);
    }
    struct rn_slot *slot =
        reader->status == RN_OK ? rn_arena_alloc(reader->arena, sizeof *slot) : NULL;
    if (slot == NULL) {
        rn_reader_fail(reader, RN_NOMEM);
        return NULL;
    }
    *slot = (struct rn_slot){.next = *place, .kind = kind, .group = group, .index = index};
    *place = slot;
    reader->slot_count++;
    return slot;
}

struct rn_slot *rn_reader_answer_slot(struct rn_reader *reader, enum rn_said_kind kind,
                                      uint64_t group, uint64_t index)
{
    struct rn_slot *slot = rn_reader_slot(reader, kind, group, index);
    if (slot != NULL && slot->role.len == 0) {
        slot->role = RN_LIT("assistant");
    }
    return slot;
}

void rn_reader_forget(struct rn_reader *reader)
{
    for (struct rn_slot *slot = reader->slots; slot != NULL; slot = slot->next) {
        rn_buffer_free(&slot->text);
    }
    reader->slots = NULL;
}

void rn_reader_append(struct rn_reader *reader, struct rn_slot *slot, const struct rn_json *value)
{
    if (slot == NULL || value == NULL) {
        return;
    }
    if (value->kind == RN_JSON_STRING) {
        rn_reader_fail(reader, rn_json_unescape(value->raw, &slot->text));
    } else if (value->kind == RN_JSON_OBJECT_BEGIN || value->kind == RN_JSON_ARRAY_BEGIN) {
        rn_reader_fail(reader, rn_buffer_add(&slot->text, value->raw));
    }
}

/* --- tokens -------------------------------------------------------------------------------------------------------- */

static uint64_t *counter_of(struct rn_reading *reading, enum rn_counted which)
{
    switch (which) {
    case RN_COUNTED_IN:
        return &reading->tokens_in;
    case RN_COUNTED_CACHED:
        return &reading->tokens_cached;
    case RN_COUNTED_CACHE_WRITE:
        return &reading->tokens_cache_write;
    case RN_COUNTED_OUT:
        return &reading->tokens_out;
    case RN_COUNTED_REASONING:
        return &reading->tokens_reasoning;
    default:
        return &reading->tokens_total;
    }
}

void rn_reader_set_counter(struct rn_reader *reader, enum rn_counted which, uint64_t value)
{
    *counter_of(reader->out, which) = value;
    reader->out->counted |= (unsigned)which;
}

uint64_t rn_reader_sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

bool rn_reader_usage(struct rn_reader *reader, const struct rn_json *usage)
{
    if (usage == NULL || usage->kind != RN_JSON_OBJECT_BEGIN) {
        return false;
    }
    for (unsigned which = RN_COUNTED_IN; which <= RN_COUNTED_TOTAL; which *= 2) {
        *counter_of(reader->out, (enum rn_counted)which) = 0;
    }
    reader->out->counted = 0;
    reader->out->usage = rn_reader_raw(reader, usage);
    return true;
}

bool rn_reader_counter(struct rn_reader *reader, enum rn_counted which, const struct rn_json *usage,
                       const char *const *pointers)
{
    uint64_t value = 0;
    for (; *pointers != NULL; pointers++) {
        const struct rn_json *number = rn_json_at(usage, *pointers);
        if (rn_reader_count(number, &value)) {
            rn_reader_set_counter(reader, which, value);
            return true;
        }
        if (number != NULL && number->kind != RN_JSON_NULL) {
            rn_reader_doubt(reader, number, "no count of tokens where one belongs");
        }
    }
    return false;
}

/* --- errors -------------------------------------------------------------------------------------------------------- */

/* What says most of the members that errors have, in the order of how much they say. */
static const struct rn_json *message_of(const struct rn_json *error)
{
    static const char *const names[] = {"message", "Message", "detail", "msg",
                                        "reason",  "errors",  "error",  "type"};
    const struct rn_json *found = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && found == NULL; i++) {
        found = rn_json_member(error, names[i]);
        found = found != NULL && found->kind == RN_JSON_NULL ? NULL : found;
    }
    return found;
}

void rn_reader_error(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *said = body;
    /* Chroma has the sentence beside the name of the error, Qdrant in the status. */
    const struct rn_json *sentence = rn_reader_is_string(rn_json_member(body, "error"))
                                         ? rn_json_member(body, "message")
                                         : rn_json_at(body, "/status/error");
    if (rn_reader_is_string(sentence)) {
        reader->out->error = rn_reader_text(reader, sentence);
        return;
    }
    /* An error in an error, in a list, in a list of details: the first of what says anything. */
    for (unsigned level = 0; said != NULL && said->kind != RN_JSON_STRING && level < 8; level++) {
        const struct rn_json *error = rn_json_member(said, "error");
        bool nested = error != NULL && error->kind != RN_JSON_NULL;
        const struct rn_json *inner = said->kind == RN_JSON_ARRAY_BEGIN ? said->child
                                      : nested                          ? error
                                                                        : message_of(said);
        if (inner == NULL) {
            break;
        }
        said = inner;
    }
    if (said != body) {
        reader->out->error = rn_reader_spoken(reader, said);
    }
}

void rn_reader_error_inside(struct rn_reader *reader, const struct rn_json *body)
{
    const struct rn_json *error = rn_json_member(body, "error");
    bool says = error != NULL && (error->kind == RN_JSON_OBJECT_BEGIN ||
                                  (error->kind == RN_JSON_STRING && error->raw.len > 2));
    if (says) {
        rn_reader_error(reader, body);
    }
}
