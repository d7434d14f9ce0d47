/*
 * What a parser makes of an exchange: who said what. Best effort, rebuildable, never part of a digest.
 *
 * So far: OpenAI chat completions, Responses and embeddings, and Anthropic messages, streamed or not. Others come as files of
 * their own behind the same table.
 */
#ifndef RN_WIRE_READING_H
#define RN_WIRE_READING_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

enum rn_dialect {
    RN_DIALECT_NONE,
    RN_DIALECT_OPENAI_CHAT,
    RN_DIALECT_ANTHROPIC_MESSAGES,
    RN_DIALECT_OPENAI_RESPONSES,
    RN_DIALECT_OPENAI_EMBEDDINGS /* an answer is one RN_SAID_OTHER per vector, name "embedding", text its JSON text */
};
/* "openai.chat", "anthropic.messages", "openai.responses", "openai.embeddings"; "" for none. */
const char *rn_dialect_name(enum rn_dialect dialect);

enum rn_said_kind {
    RN_SAID_TEXT,
    RN_SAID_TOOL_CALL,
    RN_SAID_TOOL_RESULT,
    RN_SAID_REFUSAL,
    RN_SAID_THINKING,
    RN_SAID_OTHER
};

/* One thing one party said: a message or a part of one. All text lives in the arena. */
struct rn_said {
    struct rn_said *next;
    enum rn_said_kind kind;
    struct rn_bytes role; /* system, user, assistant, tool, ... as written */
    struct rn_bytes text; /* the text, the tool call's arguments, the tool's result */
    struct rn_bytes name; /* tool name */
    struct rn_bytes id;   /* tool call id */
};

struct rn_reading {
    enum rn_dialect dialect;
    struct rn_bytes model_asked;
    struct rn_bytes model_answered;
    struct rn_said *request;  /* in order */
    struct rn_said *response; /* in order; streams assembled */
    /* finish_reason or stop_reason, raw; of Responses what made it incomplete, else the status. */
    struct rn_bytes finish;
    struct rn_bytes error; /* the provider's error message, if it answered with one */
    /* JSON text of the tool schemas (or `functions`) as written; empty: none. */
    struct rn_bytes tools;
    /*
     * JSON object, members sorted by name, values as written: all of the request but model, conversation, system prompt,
     * tools, stream, stream_options, metadata and user.
     */
    struct rn_bytes parameters;
    uint64_t tokens_in, tokens_out; /* in: all of the prompt, whether from a cache or not */
    uint64_t tokens_cached;         /* of tokens_in: read from a cache */
    uint64_t max_tokens;            /* the request's own bound on the answer; 0: none */
    bool has_usage;
    bool wants_json; /* the request asked for JSON: response_format, text.format */
    bool streamed;
    bool complete; /* a streamed answer reached its terminal event */
    bool unread;   /* RN_INVALID: what stands here is what could be read all the same */
};

/* One exchange with its content codings already removed. */
struct rn_reading_input {
    struct rn_bytes method;
    struct rn_bytes target;
    struct rn_bytes request_body;
    unsigned status;
    struct rn_bytes response_type; /* Content-Type of the response */
    struct rn_bytes response_body;
};

/* RN_OK with out->dialect RN_DIALECT_NONE for what it does not know; RN_INVALID where it knows but cannot read all. */
enum rn_status rn_reading_make(struct rn_arena *arena, const struct rn_reading_input *input,
                               struct rn_reading *out, struct rn_error *error);

#endif
