/*
 * What a dialect is made of, and what all dialects share while they read. Nobody else includes this.
 *
 * A dialect is one row in the table of reading.c and one file of its own. It gets parsed JSON and says what was said;
 * reading.c finds the row, takes streams apart and puts what came in pieces together again.
 */
#ifndef RN_WIRE_READING_PARTS_H
#define RN_WIRE_READING_PARTS_H

#include "wire/reading.h"

#include "base/buffer.h"
#include "json.h"

/* Something said piece by piece: a text, or the arguments of one tool call. */
struct rn_slot {
    struct rn_slot *next;
    enum rn_said_kind kind;
    uint64_t group; /* choice, content block, output item */
    uint64_t index; /* of its kind in the group */
    struct rn_bytes role;
    struct rn_bytes name;
    struct rn_bytes id;
    struct rn_bytes whole; /* the text when no piece of it ever comes */
    struct rn_buffer text;
};

/* One reading under way. The first trouble stays in `status`, and what follows does nothing. */
struct rn_reader {
    struct rn_arena *arena;
    const struct rn_reading_input *input; /* for what stands in paths and heads */
    struct rn_reading *out;
    struct rn_said **tail;          /* where the next thing said is linked */
    struct rn_document **documents; /* where the next document is linked */
    struct rn_slot *slots; /* by group, kind and index: the order of an answer that comes whole */
    size_t slot_count;
    void *held;         /* what a dialect keeps of the request for the answer, in the arena */
    uint64_t counts[4]; /* tokens as the dialect counts them */
    enum rn_status status;
};

/* How a streamed answer is cut into events. */
enum rn_stream_framing {
    RN_STREAM_SSE, /* text/event-stream */
    RN_STREAM_LINES, /* one JSON value per line: application/x-ndjson, and what some servers call JSON */
    RN_STREAM_FRAMES /* application/vnd.amazon.eventstream */
};

struct rn_dialect_row {
    enum rn_dialect dialect;
    enum rn_reading_kind kind;
    const char *name;
    /* How the path of a call ends, where that and POST are all there is to see; NULL: `fits` decides. */
    const char *path;
    /* Whether method, path (without query and last slashes), heads and upstream may be of this dialect. */
    bool (*fits)(const struct rn_reading_input *input, struct rn_bytes path);
    /* Whether it is a request of the dialect and not of some other call that looks like it; NULL: it is. `body` is NULL where there is none. */
    bool (*knows)(const struct rn_json *body);
    bool
        by_body; /* `fits` says little: a body that cannot be read is nobody's, not this dialect's */
    const char
        *bounds[3];     /* pointers to what bounds the answer in tokens; the first there counts */
    const char *format; /* pointer to the type of the format asked for, or NULL */
    /* More members that are no parameters but what is said or read; ends with NULL. NULL: none. */
    const char *const *content;
    /* `body` is NULL where there is none: only for rows that know NULL. */
    void (*request)(struct rn_reader *reader, const struct rn_json *body);
    /* Instead of `knows` and `request`, where a request is not one JSON value. */
    void (*request_text)(struct rn_reader *reader, struct rn_bytes body);
    void (*answer)(struct rn_reader *reader, const struct rn_json *body);
    /* Instead of `answer`, where a tree of the whole body would be too dear. Returns what the JSON amounts to. */
    enum rn_status (*answer_text)(struct rn_reader *reader, struct rn_bytes body,
                                  struct rn_error *error);
    enum rn_stream_framing framing;
    /* One event of a streamed answer; `data` is NULL when it is `[DONE]`. NULL: there are no streams. */
    void (*event)(struct rn_reader *reader, const struct rn_json *data);
    const struct rn_dialect_facts *facts; /* NULL: nothing volatile, nothing significant */
};

extern const struct rn_dialect_row rn_openai_chat;
extern const struct rn_dialect_row rn_anthropic_messages;
extern const struct rn_dialect_row rn_openai_responses;
extern const struct rn_dialect_row rn_openai_embeddings;
extern const struct rn_dialect_row rn_rerank;
extern const struct rn_dialect_row rn_rerank_score;
extern const struct rn_dialect_row rn_mcp;
extern const struct rn_dialect_row rn_mcp_body; /* by the body alone, here and below */
extern const struct rn_dialect_row rn_qdrant;
extern const struct rn_dialect_row rn_pinecone;
extern const struct rn_dialect_row rn_pinecone_lines; /* a request of lines, here and below */
extern const struct rn_dialect_row rn_pinecone_body;
extern const struct rn_dialect_row rn_chroma;
extern const struct rn_dialect_row rn_weaviate;
extern const struct rn_dialect_row rn_elasticsearch;
extern const struct rn_dialect_row rn_elasticsearch_lines;
extern const struct rn_dialect_row rn_openai_vector_stores;
extern const struct rn_dialect_row rn_tavily;
extern const struct rn_dialect_row rn_tavily_body;
extern const struct rn_dialect_row rn_exa;
extern const struct rn_dialect_row rn_exa_body;
extern const struct rn_dialect_row rn_brave;
extern const struct rn_dialect_row rn_ollama_search;

/* What all requests have: model, tools, parameters, the bound and the format of the answer (reading_request.c). */
void rn_reader_request(struct rn_reader *reader, const struct rn_dialect_row *row,
                       const struct rn_json *body);

/* --- what dialects need -------------------------------------------------------------------------------------------- */

/* The first trouble of a reading; later ones change nothing. */
void rn_reader_fail(struct rn_reader *reader, enum rn_status status);
/* The text of a string in the reading's arena; empty for anything else. */
struct rn_bytes rn_reader_text(struct rn_reader *reader, const struct rn_json *value);
/* The JSON text of any value, as it stands. */
struct rn_bytes rn_reader_raw(struct rn_reader *reader, const struct rn_json *value);
/* The text of a string, the JSON text of anything else; empty for null. */
struct rn_bytes rn_reader_spoken(struct rn_reader *reader, const struct rn_json *value);
/* A copy of any text. */
struct rn_bytes rn_reader_copy(struct rn_reader *reader, struct rn_bytes text);
/* Sets *count from a whole number; leaves it alone otherwise. */
bool rn_reader_count(const struct rn_json *value, uint64_t *count);
/* The text of "type", compared. */
bool rn_reader_is_type(const struct rn_json *value, const char *type);
/* The first element of an array; NULL for anything else. */
const struct rn_json *rn_reader_first(const struct rn_json *array);
/* A request with a list of messages. */
bool rn_reader_has_messages(const struct rn_json *body);

/* One more thing said; NULL when memory ran out. `text` lives in the arena. */
struct rn_said *rn_reader_say(struct rn_reader *reader, enum rn_said_kind kind,
                              struct rn_bytes role, struct rn_bytes text);
/* A string, if it is one and not empty. */
void rn_reader_say_string(struct rn_reader *reader, enum rn_said_kind kind, struct rn_bytes role,
                          const struct rn_json *value);
/* What one asks of a tool: name and id where they are strings. */
void rn_reader_say_call(struct rn_reader *reader, struct rn_bytes role, struct rn_bytes arguments,
                        const struct rn_json *name, const struct rn_json *id);
/* A part we have no words for: its type stands in `name`. */
void rn_reader_say_other(struct rn_reader *reader, struct rn_bytes role,
                         const struct rn_json *part);

/* The slot of that kind, group and index, made when there is none; NULL on trouble. */
struct rn_slot *rn_reader_slot(struct rn_reader *reader, enum rn_said_kind kind, uint64_t group,
                               uint64_t index);
/* Forgets all slots: what they gathered came whole. */
void rn_reader_forget(struct rn_reader *reader);
/* Appends a string, or the JSON of a container, to a slot's text; `slot` may be NULL. */
void rn_reader_append(struct rn_reader *reader, struct rn_slot *slot, const struct rn_json *value);

/* One more document; rank and query are the caller's. NULL when memory ran out. */
struct rn_document *rn_reader_document(struct rn_reader *reader);

/* {"error": {"message": ...}} and its simpler relatives. */
void rn_reader_error(struct rn_reader *reader, const struct rn_json *body);

#endif
