/*
 * Finding the unit that ends a streamed answer, on the way and without keeping any of it.
 *
 * In come the pieces of a body as they pass through the event loop, cut anywhere; out goes where in the piece the
 * terminal unit begins. Of each event or line only a few bytes are remembered: its name, the data if they are short, and
 * the value of one member of the top-level JSON object, found by counting brackets and skipping strings. This is no JSON
 * reader: what it accepts is a superset of JSON, and what it looks for is written by the providers without escapes.
 */
#include "terminal.h"

#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "line.h"

/* Longer than every word looked for, so that a longer one can be told apart. */
#define WORD_BYTES 24u

struct word {
    uint8_t bytes[WORD_BYTES];
    unsigned len; /* WORD_BYTES + 1: longer than that */
};

enum value { NOTHING, STRING, LITERAL, OTHER };

enum document_state {
    BEFORE,  /* blanks only so far */
    PLAIN,   /* no object: the word holds its beginning */
    INSIDE,  /* in the top-level object */
    BEHIND,  /* it is closed */
    IGNORED, /* cannot be terminal any more */
};

/* What is known of the data of one event, or of one line. */
struct document {
    enum document_state state;
    unsigned depth;
    bool in_string;
    bool escaped;
    bool is_value; /* behind a ':' of the top-level object */
    bool has_key;  /* the key before it is the one we look for */
    bool terminal; /* its value is one we look for */
    enum value value;
    struct word word; /* the current key or value of the top-level object */
};

enum place { NAME, VALUE, DATA, EVENT, SKIP };

struct rn_terminal {
    bool events; /* SSE, otherwise lines of JSON */
    bool seen;   /* a terminal unit */
    bool begun;  /* the current unit has a byte already */
    bool after_cr;
    bool past_first_line; /* where a BOM may stand */
    bool has_data;
    enum place place;
    struct word field;
    struct word name; /* the `event:` value */
    struct document document;
};

/* --- words --------------------------------------------------------------------------------------------------------- */

static void word_add(struct word *word, struct rn_bytes bytes)
{
    if (word->len + bytes.len > WORD_BYTES) {
        word->len = WORD_BYTES + 1;
    } else if (bytes.len > 0) {
        memcpy(word->bytes + word->len, bytes.data, bytes.len);
        word->len += (unsigned)bytes.len;
    }
}

static struct rn_bytes word_bytes(const struct word *word)
{
    return (struct rn_bytes){word->bytes, word->len <= WORD_BYTES ? word->len : 0};
}

static bool word_is(const struct word *word, struct rn_bytes text)
{
    return rn_bytes_equal(word_bytes(word), text);
}

static bool word_ends_answer(const struct word *word)
{
    return word_is(word, RN_LIT("message_stop")) || word_is(word, RN_LIT("response.completed")) ||
           word_is(word, RN_LIT("response.incomplete")) ||
           word_is(word, RN_LIT("response.failed")) || word_is(word, RN_LIT("message-end"));
}

/* --- one JSON text, by its brackets -------------------------------------------------------------------------------- */

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static void end_string(const struct rn_terminal *terminal, struct document *document)
{
    document->in_string = false;
    if (document->depth == 1 && !document->is_value) {
        document->has_key = terminal->events ? word_is(&document->word, RN_LIT("type"))
                                             : word_is(&document->word, RN_LIT("done"));
    }
}

/* The first such member decides; what follows one that says "not the end" need not be looked at. */
static void end_member(const struct rn_terminal *terminal, struct document *document)
{
    if (document->has_key && document->is_value && !document->terminal) {
        document->terminal =
            terminal->events
                ? document->value == STRING && word_ends_answer(&document->word)
                : document->value == LITERAL && word_is(&document->word, RN_LIT("true"));
        if (!document->terminal) {
            document->state = IGNORED;
        }
    }
    document->is_value = false;
    document->has_key = false;
}

/* Inside a string: takes what is there of it, up to and including a quote or an escape; returns how much. */
static size_t take_string(const struct rn_terminal *terminal, struct document *document,
                          struct rn_bytes run)
{
    if (document->escaped) {
        document->escaped = false;
        return 1;
    }
    size_t len = rn_find_either(run, '"', '\\');
    bool stopped = len < run.len;
    if (document->depth == 1) {
        /* With the backslash of an escape the word is none of ours any more. */
        bool escape = stopped && run.data[len] == '\\';
        word_add(&document->word, rn_bytes_sub(run, 0, len + (escape ? 1 : 0)));
    }
    if (!stopped) {
        return len;
    }
    if (run.data[len] == '\\') {
        document->escaped = true;
    } else {
        end_string(terminal, document);
    }
    return len + 1;
}

static void open_bracket(struct document *document)
{
    if (document->depth == 1) {
        document->value = OTHER;
    }
    if (++document->depth > RN_JSON_DEPTH_MAX) {
        document->state = IGNORED;
    }
}

static void close_bracket(const struct rn_terminal *terminal, struct document *document)
{
    if (document->depth == 1) {
        end_member(terminal, document);
        document->state = document->state == INSIDE ? BEHIND : IGNORED;
    }
    document->depth--;
}

/* A byte of the top-level object that stands in no string and is no bracket. */
static void take_top(const struct rn_terminal *terminal, struct document *document, uint8_t byte)
{
    if (byte == ',') {
        end_member(terminal, document);
    } else if (byte == ':') {
        document->is_value = true;
        document->value = NOTHING;
        document->word.len = 0;
    } else if (!is_blank(byte)) {
        document->value =
            document->value == NOTHING || document->value == LITERAL ? LITERAL : OTHER;
        word_add(&document->word, (struct rn_bytes){&byte, 1});
    }
}

static void open_string(struct document *document)
{
    document->in_string = true;
    if (document->depth == 1) {
        document->value = document->is_value && document->value != NOTHING ? OTHER : STRING;
        document->word.len = 0;
    }
}

static size_t take_inside(const struct rn_terminal *terminal, struct document *document,
                          struct rn_bytes run)
{
    uint8_t byte = run.data[0];
    if (document->in_string) {
        return take_string(terminal, document, run);
    }
    if (byte == '"') {
        open_string(document);
    } else if (byte == '{' || byte == '[') {
        open_bracket(document);
    } else if (byte == '}' || byte == ']') {
        close_bracket(terminal, document);
    } else if (document->depth == 1) {
        take_top(terminal, document, byte);
    }
    return 1;
}

/* The first byte that is not blank says what this is. */
static size_t take_before(struct document *document, struct rn_bytes run)
{
    if (is_blank(run.data[0])) {
        return 1;
    }
    if (run.data[0] == '{') {
        document->state = INSIDE;
        document->depth = 1;
        return 1;
    }
    document->state = PLAIN;
    return 0;
}

static void document_feed(const struct rn_terminal *terminal, struct document *document,
                          struct rn_bytes run)
{
    while (run.len > 0 && document->state != IGNORED) {
        size_t taken = 1;
        if (document->state == BEFORE) {
            taken = take_before(document, run);
        } else if (document->state == INSIDE) {
            taken = take_inside(terminal, document, run);
        } else if (document->state == PLAIN) {
            taken = run.len;
            word_add(&document->word, run);
        } else if (!is_blank(run.data[0])) {
            document->state = IGNORED;
        }
        run.data += taken;
        run.len -= taken;
    }
}

static bool document_ends_answer(const struct rn_terminal *terminal,
                                 const struct document *document)
{
    if (document->state == PLAIN) {
        return terminal->events &&
               rn_bytes_equal(rn_bytes_trim(word_bytes(&document->word)), RN_LIT("[DONE]"));
    }
    return document->state == BEHIND && document->terminal;
}

/* Everything but the word's bytes. */
static void document_reset(struct document *document)
{
    document->state = BEFORE;
    document->depth = 0;
    document->in_string = document->escaped = false;
    document->is_value = document->has_key = document->terminal = false;
    document->value = NOTHING;
    document->word.len = 0;
}

/* --- lines of JSON ------------------------------------------------------------------------------------------------- */

static size_t feed_lines(struct rn_terminal *terminal, struct rn_bytes piece)
{
    size_t found = RN_NPOS;
    size_t begin = 0; /* where the current line begins; 0 when that was in an earlier piece */
    while (begin < piece.len) {
        struct rn_bytes rest = rn_bytes_from(piece, begin);
        size_t len = rn_bytes_find_byte(rest, '\n');
        document_feed(terminal, &terminal->document, rn_bytes_sub(rest, 0, len));
        if (len == RN_NPOS) {
            break;
        }
        if (document_ends_answer(terminal, &terminal->document)) {
            terminal->seen = true;
            found = found == RN_NPOS ? begin : found;
        }
        document_reset(&terminal->document);
        begin += len + 1;
    }
    return found;
}

/* --- server-sent events -------------------------------------------------------------------------------------------- */

static void drop_bom(struct rn_terminal *terminal)
{
    struct rn_bytes field = word_bytes(&terminal->field);
    if (!terminal->past_first_line && rn_bytes_starts_with(field, RN_LIT("\xef\xbb\xbf"))) {
        terminal->field.len -= 3;
        memmove(terminal->field.bytes, terminal->field.bytes + 3, terminal->field.len);
    }
    terminal->past_first_line = true;
}

/* Behind the ':' of a field. Data lines of one event are joined by an LF. */
static void begin_value(struct rn_terminal *terminal)
{
    drop_bom(terminal);
    terminal->place = VALUE;
    if (word_is(&terminal->field, RN_LIT("event"))) {
        terminal->name.len = 0;
    } else if (word_is(&terminal->field, RN_LIT("data"))) {
        if (terminal->has_data) {
            document_feed(terminal, &terminal->document, RN_LIT("\n"));
        }
        terminal->has_data = true;
    }
}

static enum place place_of(const struct rn_terminal *terminal)
{
    if (word_is(&terminal->field, RN_LIT("data"))) {
        return DATA;
    }
    return word_is(&terminal->field, RN_LIT("event")) ? EVENT : SKIP;
}

/* Takes some of a line's run; returns how much. */
static size_t take_some(struct rn_terminal *terminal, struct rn_bytes run)
{
    size_t colon;
    switch (terminal->place) {
    case NAME:
        colon = rn_bytes_find_byte(run, ':');
        word_add(&terminal->field, rn_bytes_sub(run, 0, colon));
        if (colon == RN_NPOS) {
            return run.len;
        }
        begin_value(terminal);
        return colon + 1;
    case VALUE:
        terminal->place = place_of(terminal);
        return run.data[0] == ' ' ? 1 : 0;
    case DATA:
        document_feed(terminal, &terminal->document, run);
        return run.len;
    case EVENT:
        word_add(&terminal->name, run);
        return run.len;
    default:
        return run.len;
    }
}

/* True when the line was empty, which ends the event. */
static bool end_line(struct rn_terminal *terminal)
{
    bool empty = false;
    if (terminal->place == NAME) {
        drop_bom(terminal);
        empty = terminal->field.len == 0;
        if (word_is(&terminal->field, RN_LIT("event"))) {
            terminal->name.len = 0;
        }
    }
    terminal->place = NAME;
    terminal->field.len = 0;
    return empty;
}

/* True when the event was terminal. */
static bool end_event(struct rn_terminal *terminal)
{
    bool ends =
        word_ends_answer(&terminal->name) || document_ends_answer(terminal, &terminal->document);
    terminal->seen = terminal->seen || ends;
    terminal->begun = false;
    terminal->has_data = false;
    terminal->name.len = 0;
    document_reset(&terminal->document);
    return ends;
}

static void take_run(struct rn_terminal *terminal, struct rn_bytes run)
{
    while (run.len > 0) {
        size_t taken = take_some(terminal, run);
        run.data += taken;
        run.len -= taken;
    }
}

/* An event that ends with a CR is complete with it; an LF behind belongs to no event. */
static size_t feed_events(struct rn_terminal *terminal, struct rn_bytes piece)
{
    size_t found = RN_NPOS;
    size_t begin = 0;
    size_t at = 0;
    while (at < piece.len) {
        bool second_half = terminal->after_cr && piece.data[at] == '\n';
        terminal->after_cr = false;
        if (second_half) {
            at++;
            continue;
        }
        if (!terminal->begun) {
            terminal->begun = true;
            begin = at;
        }
        struct rn_bytes rest = rn_bytes_from(piece, at);
        size_t len = rn_line_end(rest);
        take_run(terminal, rn_bytes_sub(rest, 0, len));
        if (len == rest.len) {
            break;
        }
        terminal->after_cr = rest.data[len] == '\r';
        at += len + 1;
        if (end_line(terminal) && end_event(terminal) && found == RN_NPOS) {
            found = begin;
        }
    }
    return found;
}

/* --- the outside --------------------------------------------------------------------------------------------------- */

static bool is_lines_type(struct rn_bytes type)
{
    static const char *const types[] = {
        "application/x-ndjson",    "application/ndjson",    "application/jsonl",
        "application/x-jsonl",     "application/jsonlines", "application/x-jsonlines",
        "application/stream+json",
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (rn_bytes_equal_nocase(type, rn_bytes_text(types[i]))) {
            return true;
        }
    }
    return false;
}

struct rn_terminal *rn_terminal_new(struct rn_bytes content_type)
{
    struct rn_bytes type =
        rn_bytes_trim(rn_bytes_sub(content_type, 0, rn_bytes_find_byte(content_type, ';')));
    bool events = rn_bytes_equal_nocase(type, RN_LIT("text/event-stream"));
    if (!events && !is_lines_type(type)) {
        return NULL;
    }
    struct rn_terminal *terminal = rn_calloc(1, sizeof *terminal);
    if (terminal != NULL) {
        terminal->events = events;
    }
    return terminal;
}

void rn_terminal_free(struct rn_terminal *terminal)
{
    rn_free(terminal);
}

size_t rn_terminal_feed(struct rn_terminal *terminal, struct rn_bytes piece)
{
    if (terminal == NULL) {
        return RN_NPOS;
    }
    return terminal->events ? feed_events(terminal, piece) : feed_lines(terminal, piece);
}

bool rn_terminal_seen(const struct rn_terminal *terminal)
{
    return terminal != NULL && terminal->seen;
}
