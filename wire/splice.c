/*
 * Edits in a JSON text by offsets: one pass of the tokenizer finds the place, and the text is put together anew around it.
 *
 * Takes the bytes of a body and a list of edits; gives the same bytes but for what the edits name. It builds no tree and
 * does not look at what values mean, so memory is that of the result, whatever the body holds.
 */
#include "splice.h"

#include <assert.h>

#include "base/arena.h"
#include "json_parts.h"

/* A blank run longer than this is no style to be imitated. */
#define GAP_BYTES_MAX 128u
/* Of a place or a value, in a sentence. */
#define SHOWN_BYTES_MAX 80

/* One step of a place: as text for indices, as a literal for member names. */
struct segment {
    struct rn_bytes text;
    struct rn_bytes literal;
};

/* A member or an element, by offsets. */
struct child {
    size_t begin;
    size_t key_end; /* of members */
    size_t value;
    size_t end;
};

/* The container the place is in, and the place. */
struct spot {
    bool reached; /* the container is there; else nothing below holds */
    bool in_object;
    bool found;
    bool taken;     /* RENAME: the new name is there already */
    unsigned depth; /* of the container; 1 is the top */
    size_t open;    /* behind its opening bracket */
    size_t count;
    size_t at; /* of the child that was found: how many stand before it */
    struct child before;
    struct child self;
    struct child behind;
    struct child last;
};

struct search {
    struct rn_json_reader reader;
    const struct rn_edit *edit;
    struct segment *segments;
    size_t count;
    struct rn_bytes new_name; /* RENAME: as a literal */
    struct rn_bytes value;    /* SET: without blanks around it */
    struct spot spot;
    struct rn_error *error;
};

/* Bytes from..to give way to `head` and `tail`. */
struct change {
    size_t from;
    size_t to;
    struct rn_buffer head;
    struct rn_bytes tail;
};

/* --- places -------------------------------------------------------------------------------------------------------- */

static int shown(struct rn_bytes text)
{
    return text.len < SHOWN_BYTES_MAX ? (int)text.len : SHOWN_BYTES_MAX;
}

/* RN_INVALID with a sentence of what is wrong with the place. */
static enum rn_status refuse(const struct search *search, const char *what)
{
    struct rn_bytes place = search->edit->place;
    return rn_fail(search->error, RN_INVALID, "The place %.*s cannot be changed: %s.", shown(place),
                   (const char *)place.data, what);
}

static enum rn_status unreadable(const struct search *search)
{
    return rn_fail(search->error, RN_INVALID, "The text is no JSON at byte %zu: %s.",
                   search->reader.at, search->reader.fault);
}

static enum rn_status out_of_memory(struct rn_error *error)
{
    return rn_fail(error, RN_NOMEM, "Out of memory while changing a JSON text.");
}

/* ~1 is '/', ~0 is '~' (RFC 6901, 3). False for any other '~'. `text` is written over. */
static bool unfold(uint8_t *text, size_t *len)
{
    size_t to = 0;
    for (size_t at = 0; at < *len; at++) {
        uint8_t byte = text[at];
        if (byte == '~') {
            at++;
            if (at == *len || (text[at] != '0' && text[at] != '1')) {
                return false;
            }
            byte = text[at] == '0' ? '~' : '/';
        }
        text[to++] = byte;
    }
    *len = to;
    return true;
}

static enum rn_status quoted(struct rn_arena *arena, struct rn_bytes text, struct rn_bytes *out)
{
    struct rn_buffer literal = {0};
    enum rn_status status = rn_json_quote(text, &literal);
    if (status == RN_OK) {
        *out = rn_arena_copy(arena, rn_buffer_bytes(&literal));
        status = out->data == NULL ? RN_NOMEM : RN_OK;
    }
    rn_buffer_free(&literal);
    return status;
}

static enum rn_status make_segment(struct search *search, struct rn_arena *arena,
                                   struct rn_bytes text, bool folded)
{
    struct segment *segment = &search->segments[search->count];
    char *copy = rn_arena_text(arena, text);
    if (copy == NULL) {
        return out_of_memory(search->error);
    }
    if (folded && !unfold((uint8_t *)copy, &text.len)) {
        return refuse(search, "it holds a '~' that is neither ~0 nor ~1");
    }
    segment->text = rn_bytes_of(copy, text.len);
    search->count++;
    return quoted(arena, segment->text, &segment->literal) == RN_OK ? RN_OK
                                                                    : out_of_memory(search->error);
}

/* A name is one segment; a pointer has one behind each slash. */
static enum rn_status make_segments(struct search *search, struct rn_arena *arena)
{
    struct rn_bytes rest = search->edit->place;
    bool pointer = rest.len > 0 && rest.data[0] == '/';
    size_t count = pointer ? 0 : 1;
    for (size_t i = 0; pointer && i < rest.len; i++) {
        count += rest.data[i] == '/' ? 1 : 0;
    }
    if (!rn_json_is_utf8(rest)) {
        return refuse(search, "it is no UTF-8");
    }
    if (count > RN_JSON_DEPTH_MAX) {
        return refuse(search, "it leads deeper than any JSON that is read");
    }
    search->segments = rn_arena_alloc(arena, count * sizeof *search->segments);
    if (search->segments == NULL) {
        return out_of_memory(search->error);
    }
    if (!pointer) {
        return make_segment(search, arena, rest, false);
    }
    enum rn_status status = RN_OK;
    while (status == RN_OK && rest.len > 0) {
        rest = rn_bytes_from(rest, 1);
        struct rn_bytes text = rn_bytes_sub(rest, 0, rn_bytes_find_byte(rest, '/'));
        status = make_segment(search, arena, text, true);
        rest = rn_bytes_from(rest, text.len);
    }
    return status;
}

static enum rn_status make_new_name(struct search *search, struct rn_arena *arena)
{
    if (!rn_json_is_utf8(search->edit->value)) {
        return refuse(search, "its new name is no UTF-8");
    }
    return quoted(arena, search->edit->value, &search->new_name) == RN_OK
               ? RN_OK
               : out_of_memory(search->error);
}

/* --- finding ------------------------------------------------------------------------------------------------------- */

static enum rn_status skip_value(struct search *search, enum rn_json_token token)
{
    return rn_json_skip(&search->reader, token) ? RN_OK : unreadable(search);
}

/* An index as RFC 6901 writes it; RN_NPOS for "-", which is behind the last element. */
static bool to_index(struct rn_bytes text, size_t *out)
{
    uint64_t index = RN_NPOS;
    bool good =
        rn_bytes_equal(text, RN_LIT("-")) ||
        ((text.len == 1 || (text.len > 1 && text.data[0] != '0')) && rn_bytes_to_u64(text, &index));
    *out = (size_t)index;
    return good;
}

static enum rn_status search_in(struct search *search, size_t level, bool object);

/* The value of a child whose name or index is the segment's. */
static enum rn_status search_value(struct search *search, size_t level, enum rn_json_token token)
{
    if (level + 1 == search->count) {
        return skip_value(search, token);
    }
    if (token != RN_JSON_OBJECT_BEGIN && token != RN_JSON_ARRAY_BEGIN) {
        return token == RN_JSON_FAULT
                   ? unreadable(search)
                   : refuse(search, "it leads through a value that is no object and no array");
    }
    return search_in(search, level + 1, token == RN_JSON_OBJECT_BEGIN);
}

/* A child was read: what the spot wants to know of it. */
static void note_child(struct spot *spot, const struct child *child, bool is_it)
{
    if (is_it) {
        spot->found = true;
        spot->at = spot->count;
        spot->before = spot->last;
        spot->self = *child;
    } else if (spot->found && spot->count == spot->at + 1) {
        spot->behind = *child;
    }
    spot->last = *child;
    spot->count++;
}

/* Reads one child that `token` begins, key and all. */
static enum rn_status search_child(struct search *search, size_t level, struct spot *spot,
                                   size_t index, enum rn_json_token token, struct rn_bytes text)
{
    struct rn_json_reader *reader = &search->reader;
    struct child child = {.begin = reader->begin, .value = reader->begin};
    bool is_it = spot->count == index;
    if (spot->in_object) {
        is_it = rn_json_same_text(text, search->segments[level].literal);
        bool new_name =
            search->new_name.len > 0 && rn_json_same_text(text, search->new_name) && !is_it;
        spot->taken = spot->taken || new_name;
        child.key_end = reader->at;
        token = rn_json_next(reader, NULL);
        child.value = reader->begin;
    }
    if (is_it && spot->found) {
        return refuse(search, "a member of that name stands twice");
    }
    enum rn_status status = is_it ? search_value(search, level, token) : skip_value(search, token);
    child.end = reader->at;
    note_child(spot, &child, is_it);
    return status;
}

/* Reads the container that was just opened to its end. */
static enum rn_status search_in(struct search *search, size_t level, bool object)
{
    struct rn_json_reader *reader = &search->reader;
    struct spot spot = {
        .reached = true, .in_object = object, .depth = reader->depth, .open = reader->at};
    size_t index = RN_NPOS;
    if (!object && !to_index(search->segments[level].text, &index)) {
        return refuse(search, "it leads into an array by something that is no index");
    }
    for (;;) {
        struct rn_bytes text;
        enum rn_json_token token = rn_json_next(reader, &text);
        if (token == RN_JSON_FAULT) {
            return unreadable(search);
        }
        if (token == RN_JSON_OBJECT_END || token == RN_JSON_ARRAY_END) {
            break;
        }
        enum rn_status status = search_child(search, level, &spot, index, token, text);
        if (status != RN_OK) {
            return status;
        }
    }
    if (level + 1 == search->count) {
        search->spot = spot;
    }
    return RN_OK;
}

static enum rn_status search_text(struct search *search, struct rn_bytes text)
{
    rn_json_begin(&search->reader, text);
    enum rn_json_token token = rn_json_next(&search->reader, NULL);
    bool object = token == RN_JSON_OBJECT_BEGIN;
    struct rn_bytes place = search->edit->place;
    bool pointer = place.len > 0 && place.data[0] == '/';
    if (token == RN_JSON_FAULT) {
        return unreadable(search);
    }
    if (!object && !(pointer && token == RN_JSON_ARRAY_BEGIN)) {
        return refuse(search, "the text is no object");
    }
    enum rn_status status = search_in(search, 0, object);
    if (status == RN_OK && rn_json_next(&search->reader, NULL) != RN_JSON_END) {
        status = unreadable(search);
    }
    return status;
}

/* --- changing ------------------------------------------------------------------------------------------------------ */

/* Takes the value, if it is JSON that still can be read where it will stand. */
static enum rn_status take_value(struct search *search)
{
    struct rn_json_reader reader;
    struct rn_bytes value = search->edit->value;
    unsigned deepest = 0;
    rn_json_begin(&reader, value);
    enum rn_json_token token = rn_json_next(&reader, NULL);
    size_t begin = reader.begin;
    size_t end = reader.at;
    while (token != RN_JSON_END && token != RN_JSON_FAULT) {
        end = reader.at;
        deepest = reader.depth > deepest ? reader.depth : deepest;
        token = rn_json_next(&reader, NULL);
    }
    search->value = rn_bytes_sub(value, begin, end - begin);
    if (token == RN_JSON_FAULT) {
        return rn_fail(search->error, RN_INVALID, "The value %.*s is no JSON at byte %zu: %s.",
                       shown(value), (const char *)value.data, reader.at, reader.fault);
    }
    if (search->spot.reached && deepest + search->spot.depth > RN_JSON_DEPTH_MAX) {
        return refuse(search, "with that value the text would be nested deeper than is read");
    }
    return RN_OK;
}

static struct rn_bytes gap(struct rn_bytes text, size_t from, size_t to, struct rn_bytes otherwise)
{
    return to - from <= GAP_BYTES_MAX ? rn_bytes_sub(text, from, to - from) : otherwise;
}

/* The blanks in front of the last child. */
static struct rn_bytes lead_of(struct rn_bytes text, const struct spot *spot)
{
    size_t from = spot->last.begin;
    while (from > spot->open && text.data[from - 1] != ',') {
        from--;
    }
    return gap(text, from, spot->last.begin, rn_bytes_of(NULL, 0));
}

/* A new child behind the last one, with blanks as its neighbour has them. */
static enum rn_status add_child(const struct search *search, struct rn_bytes text,
                                struct change *change)
{
    const struct spot *spot = &search->spot;
    enum rn_status status = RN_OK;
    struct rn_bytes colon = RN_LIT(":");
    change->from = change->to = spot->open;
    if (spot->count > 0) {
        change->from = change->to = spot->last.end;
        status = rn_buffer_add_byte(&change->head, ',');
        status = status == RN_OK ? rn_buffer_add(&change->head, lead_of(text, spot)) : status;
    }
    if (spot->count > 0 && spot->in_object) {
        colon = gap(text, spot->last.key_end, spot->last.value, colon);
    }
    if (status == RN_OK && spot->in_object) {
        status = rn_buffer_add(&change->head, search->segments[search->count - 1].literal);
        status = status == RN_OK ? rn_buffer_add(&change->head, colon) : status;
    }
    change->tail = search->value;
    return status == RN_OK ? RN_OK : out_of_memory(search->error);
}

static enum rn_status make_set(struct search *search, struct rn_bytes text, struct change *change)
{
    const struct spot *spot = &search->spot;
    enum rn_status status = take_value(search);
    if (status != RN_OK) {
        return status;
    }
    if (!spot->reached) {
        return refuse(search, "what it leads through is not there");
    }
    if (spot->found) {
        change->from = spot->self.value;
        change->to = spot->self.end;
        change->tail = search->value;
        return RN_OK;
    }
    if (!spot->in_object &&
        !rn_bytes_equal(search->segments[search->count - 1].text, RN_LIT("-"))) {
        return refuse(search, "the array has no such element (/- adds one)");
    }
    return add_child(search, text, change);
}

/* One comma goes along: the one behind, or in front of the last. */
static void make_unset(const struct spot *spot, struct change *change)
{
    bool is_last = spot->at + 1 == spot->count;
    change->from = is_last && spot->at > 0 ? spot->before.end : spot->self.begin;
    change->to = is_last ? spot->self.end : spot->behind.begin;
}

static enum rn_status make_rename(const struct search *search, struct change *change)
{
    const struct spot *spot = &search->spot;
    if (!spot->in_object) {
        return refuse(search, "an element of an array has no name");
    }
    if (spot->taken) {
        return refuse(search, "a member of the new name is there already");
    }
    if (!rn_json_same_text(search->new_name, search->segments[search->count - 1].literal)) {
        change->from = spot->self.begin;
        change->to = spot->self.key_end;
        change->tail = search->new_name;
    }
    return RN_OK;
}

/* An empty change where nothing is to be done. */
static enum rn_status make_change(struct search *search, struct rn_bytes text,
                                  struct change *change)
{
    if (search->edit->kind == RN_EDIT_SET) {
        return make_set(search, text, change);
    }
    if (!search->spot.reached || !search->spot.found) {
        return RN_OK;
    }
    if (search->edit->kind == RN_EDIT_RENAME) {
        return make_rename(search, change);
    }
    make_unset(&search->spot, change);
    return RN_OK;
}

static bool changes(const struct change *change, struct rn_bytes text)
{
    struct rn_bytes old = rn_bytes_sub(text, change->from, change->to - change->from);
    return change->head.len > 0 || !rn_bytes_equal(old, change->tail);
}

static enum rn_status write_change(struct rn_bytes text, const struct change *change,
                                   struct rn_buffer *out)
{
    size_t gone = change->to - change->from;
    enum rn_status status =
        rn_buffer_reserve(out, text.len - gone + change->head.len + change->tail.len);
    if (status == RN_OK) {
        status = rn_buffer_add(out, rn_bytes_sub(text, 0, change->from));
        status = status == RN_OK ? rn_buffer_add(out, rn_buffer_bytes(&change->head)) : status;
        status = status == RN_OK ? rn_buffer_add(out, change->tail) : status;
        status = status == RN_OK ? rn_buffer_add(out, rn_bytes_from(text, change->to)) : status;
        assert(status == RN_OK);
    }
    return status;
}

/* Appends the changed text; *changed false: nothing was to be done and nothing was written. */
static enum rn_status apply(struct rn_bytes text, const struct rn_edit *edit, struct rn_buffer *out,
                            bool *changed, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct change change = {.from = 0};
    struct search search = {.edit = edit, .error = error};
    *changed = false;
    enum rn_status status = make_segments(&search, &arena);
    if (status == RN_OK && edit->kind == RN_EDIT_RENAME) {
        status = make_new_name(&search, &arena);
    }
    status = status == RN_OK ? search_text(&search, text) : status;
    status = status == RN_OK ? make_change(&search, text, &change) : status;
    if (status == RN_OK && changes(&change, text)) {
        *changed = true;
        status = write_change(text, &change, out);
        status = status == RN_OK ? RN_OK
                                 : rn_fail(error, status, "The changed JSON text finds no room.");
    }
    rn_buffer_free(&change.head);
    rn_arena_free(&arena);
    return status;
}

static enum rn_status check_text(struct rn_bytes text, struct rn_error *error)
{
    struct search search = {.error = error};
    enum rn_json_token token;
    rn_json_begin(&search.reader, text);
    do {
        token = rn_json_next(&search.reader, NULL);
    } while (token != RN_JSON_END && token != RN_JSON_FAULT);
    return token == RN_JSON_FAULT ? unreadable(&search) : RN_OK;
}

enum rn_status rn_splice(struct rn_bytes body, const struct rn_edit *edits, size_t count,
                         struct rn_buffer *out, bool *applied, struct rn_error *error)
{
    struct rn_buffer texts[2] = {{0}, {0}}; /* the text between two edits, in turns */
    struct rn_bytes text = body;
    size_t begin = out->len;
    unsigned turn = 0;
    bool changed = false;
    for (size_t i = 0; applied != NULL && i < count; i++) {
        applied[i] = false;
    }
    enum rn_status status = count == 0 ? check_text(body, error) : RN_OK;
    for (size_t i = 0; i < count && status == RN_OK; i++) {
        bool is_last = i + 1 == count;
        rn_buffer_clear(&texts[turn]);
        status = apply(text, &edits[i], is_last ? out : &texts[turn], &changed, error);
        if (applied != NULL) {
            applied[i] = changed && status == RN_OK;
        }
        if (changed && !is_last) {
            text = rn_buffer_bytes(&texts[turn]);
            turn = 1 - turn;
        }
    }
    if (status == RN_OK && !changed) {
        status = rn_buffer_add(out, text);
        status = status == RN_OK ? RN_OK : rn_fail(error, status, "The JSON text finds no room.");
    }
    out->len = status == RN_OK ? out->len : begin;
    rn_buffer_free(&texts[0]);
    rn_buffer_free(&texts[1]);
    return status;
}
