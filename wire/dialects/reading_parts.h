/*
 * What a dialect is made of, and what all dialects share while they read. Nobody else includes this.
 *
 * A dialect is one row in the table of reading.c and one file of its own. It gets parsed JSON and says what was said;
 * reading.c finds the row, reading_stream.c takes streams apart, reader.c puts what came in pieces together again.
 */
#ifndef RN_WIRE_READING_PARTS_H
#define RN_WIRE_READING_PARTS_H

#include "wire/reading.h"

#include "base/buffer.h"
#include "event_stream.h"
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
    struct rn_bytes path; /* of the target, without query and last slashes, as written */
    struct rn_bytes text; /* the JSON text being read, and where it stands in its body */
    size_t text_at;
    struct rn_bytes event; /* the name of the event being read, where its framing names it */
    struct rn_error doubt; /* the first thing that is not as it should be; RN_OK: none */
    struct rn_said **tail; /* where the next thing said is linked */
    struct rn_document **documents; /* where the next document is linked */
    struct rn_slot *slots; /* by group, kind and index: the order of an answer that comes whole */
    size_t slot_count;
    void *held;         /* what a dialect keeps of the request for the answer, in the arena */
    uint64_t counts[5]; /* tokens as the dialect counts them */
    enum rn_status status;
};

/* How a streamed answer is cut into events. */
enum rn_stream_framing {
    RN_STREAM_SSE, /* text/event-stream */
    RN_STREAM_LINES, /* one JSON value per line: application/x-ndjson, and what some servers call JSON */
    RN_STREAM_FRAMES, /* application/vnd.amazon.eventstream */
    RN_STREAM_ARRAY   /* the elements of one growing JSON array */
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
    /*
     * Content-Type says how an answer is cut into events. Where it says JSON, a dialect of RN_STREAM_LINES may still send
     * lines and one of RN_STREAM_ARRAY an array.
     */
    enum rn_stream_framing framing;
    /* One event of a streamed answer; `data` is NULL when it is `[DONE]`. NULL: there are no streams. */
    void (*event)(struct rn_reader *reader, const struct rn_json *data);
    const struct rn_dialect_facts *facts; /* NULL: nothing volatile, nothing significant */
};

extern const struct rn_dialect_row rn_openai_chat;
extern const struct rn_dialect_row rn_anthropic_messages;
extern const struct rn_dialect_row rn_openai_responses;
extern const struct rn_dialect_row
    rn_openai_responses_kept; /* asked for again, cancelled, compacted */
extern const struct rn_dialect_row rn_openai_embeddings;
extern const struct rn_dialect_row rn_openai_completions;
extern const struct rn_dialect_row rn_gemini_generate;
extern const struct rn_dialect_row rn_gemini_embed;
extern const struct rn_dialect_row rn_bedrock_converse;
extern const struct rn_dialect_row rn_bedrock_invoke;
extern const struct rn_dialect_row rn_ollama_chat;
extern const struct rn_dialect_row rn_ollama_generate;
extern const struct rn_dialect_row rn_ollama_embed;
extern const struct rn_dialect_row rn_cohere_chat;
extern const struct rn_dialect_row rn_cohere_embed;
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
extern const struct rn_dialect_row rn_rule_row;

/* The path of the target, without query and last slashes (reading.c). */
struct rn_bytes rn_reader_path(const struct rn_reading_input *input);
/* What all requests have: model, tools, parameters, the bound and the format of the answer (reading_request.c). */
void rn_reader_request(struct rn_reader *reader, const struct rn_dialect_row *row,
                       const struct rn_json *body);
/* Only the bound and the format, for what stands inside an envelope. */
void rn_reader_bound(struct rn_reader *reader, const struct rn_dialect_row *row,
                     const struct rn_json *body);
/* What a raw reason means, whatever stands around it (finish.c). */
enum rn_finish rn_finish_meaning(struct rn_bytes raw);

/* An answer in pieces: its events to the row, then what the slots gathered is said (reading_stream.c). */
void rn_reader_stream(struct rn_reader *reader, const struct rn_dialect_row *row,
                      enum rn_stream_framing framing, struct rn_bytes body);
/* Whether the answer is one in pieces, and in which. */
bool rn_reader_framing(const struct rn_reader *reader, const struct rn_dialect_row *row,
                       enum rn_stream_framing *framing);

/* Says what the slots gathered, and forgets them. */
void rn_reader_say_slots(struct rn_reader *reader);

/* --- what dialects need (reader.c) --------------------------------------------------------------------------------- */

/* The first trouble of a reading; later ones change nothing. */
void rn_reader_fail(struct rn_reader *reader, enum rn_status status);
/* Remembers that `value`, inside the text being read, is not what it should be; what can be read is read all the same. */
void rn_reader_doubt(struct rn_reader *reader, const struct rn_json *value, const char *what);
/* The text of a string in the reading's arena; empty for anything else. */
struct rn_bytes rn_reader_text(struct rn_reader *reader, const struct rn_json *value);
/* The JSON text of any value, as it stands. */
struct rn_bytes rn_reader_raw(struct rn_reader *reader, const struct rn_json *value);
/* The text of a string, the JSON text of anything else; empty for null. */
struct rn_bytes rn_reader_spoken(struct rn_reader *reader, const struct rn_json *value);
/* A copy of any text. */
struct rn_bytes rn_reader_copy(struct rn_reader *reader, struct rn_bytes text);
/* Sets *count from a whole number (5, or 5.0 as some write it); leaves it alone otherwise. */
bool rn_reader_count(const struct rn_json *value, uint64_t *count);
/* The text of "type", compared. */
bool rn_reader_is_type(const struct rn_json *value, const char *type);
/* The first element of an array; NULL for anything else. */
const struct rn_json *rn_reader_first(const struct rn_json *array);
/* A request with a list of messages. */
bool rn_reader_has_messages(const struct rn_json *body);
bool rn_reader_is_string(const struct rn_json *value);
/* POST to a path that ends so. */
bool rn_reader_posts_to(const struct rn_reading_input *input, struct rn_bytes path,
                        const char *ending);
/* What stands in the path behind `before` up to the next '/', percent-decoded; empty: nothing. */
struct rn_bytes rn_reader_in_path(struct rn_reader *reader, const char *before);
/* A field of a head, trimmed, lent; empty without head or field. */
struct rn_bytes rn_reader_field(const struct rn_http_head *head, const char *name);
/* Unless it is known: the answer's id. */
void rn_reader_id(struct rn_reader *reader, const struct rn_json *id);
/* Replaces the reason when there is a string that is not empty. */
void rn_reader_finish(struct rn_reader *reader, const struct rn_json *finish);

/*
 * Usage is what `usage`, an object, holds: the counters start anew, and its text is kept. False when it is no object. Each
 * counter is then set from the first of `pointers` (it ends with NULL) under which a whole number stands; false: none.
 */
bool rn_reader_usage(struct rn_reader *reader, const struct rn_json *usage);
bool rn_reader_counter(struct rn_reader *reader, enum rn_counted which, const struct rn_json *usage,
                       const char *const *pointers);
/* Of counts: no more than there are numbers. */
uint64_t rn_reader_sum(uint64_t a, uint64_t b);
/* The value itself, for sums; the counter is counted. */
void rn_reader_set_counter(struct rn_reader *reader, enum rn_counted which, uint64_t value);

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
/* The same for the role of a model, which a stream need not say. */
struct rn_slot *rn_reader_answer_slot(struct rn_reader *reader, enum rn_said_kind kind,
                                      uint64_t group, uint64_t index);
/* Forgets all slots: what they gathered came whole. */
void rn_reader_forget(struct rn_reader *reader);
/* Appends a string, or the JSON of a container, to a slot's text; `slot` may be NULL. */
void rn_reader_append(struct rn_reader *reader, struct rn_slot *slot, const struct rn_json *value);

/* One more document; rank and query are the caller's. NULL when memory ran out. */
struct rn_document *rn_reader_document(struct rn_reader *reader);

/* {"error": {"message": ...}} and its relatives (wire.md 1.6): message, detail, errors, or all of it as it stands. */
void rn_reader_error(struct rn_reader *reader, const struct rn_json *body);
/* The same where `body` has an "error" that is neither null nor empty. */
void rn_reader_error_inside(struct rn_reader *reader, const struct rn_json *body);

/*
 * An answer of vectors without a tree of its numbers (vectors.c): each array of numbers, and each string, that stands under
 * one of `names` (it ends with NULL) is said as a vector; `envelope` gets the tree of all the rest. RN_INVALID, RN_NOMEM.
 */
enum rn_status rn_reader_vectors(
    struct rn_reader *reader, struct rn_bytes body, const char *const *names,
    void (*envelope)(struct rn_reader *reader, const struct rn_json *body), struct rn_error *error);
/* A text, an array of texts, of tokens, of token arrays, of objects with a text: what is embedded or completed. */
void rn_reader_say_inputs(struct rn_reader *reader, struct rn_bytes role,
                          const struct rn_json *input);

/* --- what dialects borrow of one another --------------------------------------------------------------------------- */

/* The usage object as OpenAI and its relatives write it (openai_chat.c). */
void rn_openai_usage(struct rn_reader *reader, const struct rn_json *usage);
void rn_openai_envelope(struct rn_reader *reader, const struct rn_json *body);
extern const char *const rn_openai_volatile[];
extern const char *const rn_openai_headers[];
extern const char *const rn_none[]; /* an empty list */
/* Converse's blocks, usage, answer and events, which Amazon's own models have too when invoked (bedrock_converse.c). */
void rn_converse_content(struct rn_reader *reader, struct rn_bytes role,
                         const struct rn_json *content);
void rn_converse_usage(struct rn_reader *reader, const struct rn_json *usage);
void rn_converse_answer(struct rn_reader *reader, const struct rn_json *body);
void rn_converse_event(struct rn_reader *reader, struct rn_bytes name, const struct rn_json *data);

#endif
