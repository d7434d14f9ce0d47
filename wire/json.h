/*
 * Reading JSON (RFC 8259) without interpreting it away: a validating pull tokenizer with offsets, raw number text and
 * duplicate keys reported, and on it a tree for equality, pointers and differences.
 *
 * Strict: one value, UTF-8, no comments, no trailing commas, depth RN_JSON_DEPTH_MAX. Lone surrogates in \u escapes are
 * kept as code units and compared as such (they are legal grammar); raw invalid UTF-8 is a fault. A leading BOM is a fault.
 */
#ifndef RN_WIRE_JSON_H
#define RN_WIRE_JSON_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/limits.h"
#include "base/status.h"

enum rn_json_token {
    RN_JSON_OBJECT_BEGIN,
    RN_JSON_OBJECT_END,
    RN_JSON_ARRAY_BEGIN,
    RN_JSON_ARRAY_END,
    RN_JSON_KEY,    /* text: the raw literal with its quotes */
    RN_JSON_STRING, /* text: the raw literal with its quotes */
    RN_JSON_NUMBER, /* text: as written */
    RN_JSON_TRUE,
    RN_JSON_FALSE,
    RN_JSON_NULL,
    RN_JSON_END,  /* the value is complete and only white space followed */
    RN_JSON_FAULT /* reader->fault and reader->at say what and where */
};

struct rn_json_reader {
    struct rn_bytes in;
    size_t at;          /* offset behind the last token, or of the fault */
    size_t begin;       /* offset of the last token */
    const char *fault;  /* static text */
    bool too_deep;      /* the fault is the depth, not the grammar */
    unsigned depth;
    unsigned state;
    uint8_t is_object[RN_JSON_DEPTH_MAX / 8]; /* a bit per level */
};

void rn_json_begin(struct rn_json_reader *reader, struct rn_bytes in);
/* The next token; `text` (may be NULL) is lent from the input. No allocation. */
enum rn_json_token rn_json_next(struct rn_json_reader *reader, struct rn_bytes *text);

/* A parsed value. Lives in the arena it was parsed into; points into the input. */
struct rn_json {
    enum rn_json_token kind;   /* OBJECT_BEGIN, ARRAY_BEGIN, STRING, NUMBER, TRUE, FALSE or NULL */
    struct rn_bytes raw;       /* the value's text as it stands in the input */
    struct rn_bytes key;       /* the raw key literal when a member of an object, else empty */
    struct rn_bytes name;      /* the key unescaped */
    struct rn_json *child;     /* first member or element */
    struct rn_json **sorted;   /* objects: the members by name, of equal names in document order */
    struct rn_json *next;      /* next sibling */
    size_t count;              /* members or elements */
    bool duplicated;           /* a key stands twice in this object or in one inside this value */
};

/*
 * Parses the whole input. RN_INVALID with a sentence that holds the offset; RN_LIMIT beyond the depth; RN_NOMEM.
 * *duplicates (may be NULL) counts members whose unescaped key stands twice in one object.
 */
enum rn_status rn_json_parse(struct rn_arena *arena, struct rn_bytes in, struct rn_json **out,
                             size_t *duplicates, struct rn_error *error);

/* A member by its unescaped key (the first of duplicates), or NULL; NULL for what is no object. */
const struct rn_json *rn_json_member(const struct rn_json *object, const char *key);
/* RFC 6901, such as "/messages/0/content"; NULL when nothing is there. */
const struct rn_json *rn_json_at(const struct rn_json *root, const char *pointer);
/* Appends the unescaped text of a string (or key) literal as UTF-8; a lone surrogate becomes its 3-byte form. */
enum rn_status rn_json_unescape(struct rn_bytes literal, struct rn_buffer *out);
/* The unescaped text in the arena; empty with NULL data for what is no string. */
struct rn_bytes rn_json_text(struct rn_arena *arena, const struct rn_json *value);
/* Whether `value` is a string with exactly this text. */
bool rn_json_is(const struct rn_json *value, const char *text);
/* Whether all of it is UTF-8 (RFC 3629): no overlong form, no surrogate. */
bool rn_json_is_utf8(struct rn_bytes text);
/* Appends `text` as a JSON string literal with quotes. Invalid UTF-8 bytes become U+FFFD. */
enum rn_status rn_json_quote(struct rn_bytes text, struct rn_buffer *out);

/*
 * Equality: members in any order, strings by code points, numbers by exact decimal value (1.0 = 1 = 10e-1, and
 * 9007199254740993 is not ...992). Objects with duplicate keys equal nothing. Numbers whose exponent has more than 17
 * digits are equal only when written the same.
 */
bool rn_json_equal(const struct rn_json *a, const struct rn_json *b);

/*
 * A digest that is equal exactly when rn_json_equal holds (up to SHA-256). False when memory ran out or a key is
 * duplicated.
 */
bool rn_json_digest(const struct rn_json *value, uint8_t out[RN_SHA256_BYTES]);

/*
 * The first difference in document order of `a`: its RFC 6901 pointer is appended to `pointer`, and the two values are
 * given (NULL where one side has nothing there). False when the two are equal.
 */
bool rn_json_difference(const struct rn_json *a, const struct rn_json *b, struct rn_buffer *pointer,
                        const struct rn_json **in_a, const struct rn_json **in_b);

#endif
