/*
 * What a parser makes of an exchange: who asked what of whom, and what was said, found or done. Best effort, rebuildable, never
 * part of a digest.
 *
 * Recognised by method, path, header and body, never by host alone (wire.md 1.1, 2.1 to 2.4). Each dialect is a file in
 * wire/dialects behind one table. No sockets, no clock; never run on the loop's thread.
 */
#ifndef RN_WIRE_READING_H
#define RN_WIRE_READING_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "wire/http.h"

/* Numbers are kept in plans of backtests: append only. */
enum rn_dialect {
    RN_DIALECT_NONE,
    RN_DIALECT_OPENAI_CHAT,
    RN_DIALECT_ANTHROPIC_MESSAGES,
    RN_DIALECT_OPENAI_RESPONSES,
    RN_DIALECT_OPENAI_EMBEDDINGS, /* an answer is one RN_SAID_OTHER per vector, name "embedding", text its JSON text */
    RN_DIALECT_OPENAI_COMPLETIONS,
    RN_DIALECT_GEMINI_GENERATE, /* Vertex too */
    RN_DIALECT_GEMINI_EMBED,    /* vectors as for OPENAI_EMBEDDINGS, here and below */
    RN_DIALECT_BEDROCK_CONVERSE,
    RN_DIALECT_BEDROCK_INVOKE, /* an envelope: what is inside is read by the dialect of the model */
    RN_DIALECT_OLLAMA_CHAT,
    RN_DIALECT_OLLAMA_GENERATE,
    RN_DIALECT_OLLAMA_EMBED,
    RN_DIALECT_COHERE_CHAT,
    RN_DIALECT_COHERE_EMBED,
    RN_DIALECT_RERANK, /* Cohere, Jina, Voyage, vLLM, llama.cpp */
    RN_DIALECT_MCP,    /* JSON-RPC over HTTP, both generations */
    RN_DIALECT_QDRANT,
    RN_DIALECT_PINECONE,
    RN_DIALECT_CHROMA,
    RN_DIALECT_ELASTICSEARCH, /* OpenSearch too */
    RN_DIALECT_OPENAI_VECTOR_STORES,
    RN_DIALECT_TAVILY,
    RN_DIALECT_EXA,
    RN_DIALECT_BRAVE,
    RN_DIALECT_RULE,          /* a private service, read by the user's pointer rules */
    RN_DIALECT_WEAVIATE,      /* GraphQL; the gRPC of its newer clients is not HTTP/1.1 */
    RN_DIALECT_OLLAMA_SEARCH, /* web_search and web_fetch */
    RN_DIALECT_COUNT
};
/* "openai.chat", "gemini.generate", "qdrant", ...; "" for none. */
const char *rn_dialect_name(enum rn_dialect dialect);

/* What an exchange was for. */
enum rn_reading_kind {
    RN_READING_OTHER,
    RN_READING_MODEL,
    RN_READING_EMBEDDING,
    RN_READING_RERANK,
    RN_READING_RETRIEVAL,
    RN_READING_TOOL,
    RN_READING_KIND_COUNT
};
/* "other", "model", "embedding", "rerank", "retrieval", "tool". */
const char *rn_reading_kind_name(enum rn_reading_kind kind);

enum rn_said_kind {
    RN_SAID_TEXT,
    RN_SAID_TOOL_CALL,
    RN_SAID_TOOL_RESULT,
    RN_SAID_REFUSAL,
    RN_SAID_THINKING,
    RN_SAID_OTHER
};

/* One thing one party said: a message or a part of one. All text lives in the arena, or is static. */
struct rn_said {
    struct rn_said *next;
    enum rn_said_kind kind;
    struct rn_bytes role; /* system, user, assistant, tool, ... as written */
    struct rn_bytes text; /* the text, the tool call's arguments, the tool's result */
    struct rn_bytes name; /* tool name */
    struct rn_bytes id;   /* tool call id */
    bool is_error;        /* a tool's result, and who gives it says that the tool failed */
};

/* Which way a score points. */
enum rn_score_kind { RN_SCORE_NONE, RN_SCORE_SIMILARITY, RN_SCORE_DISTANCE, RN_SCORE_RELEVANCE };
/* "none", "similarity" (more is closer), "distance" (less is closer), "relevance" (more is better). */
const char *rn_score_kind_name(enum rn_score_kind kind);

/* One document that a retrieval, a search or a rerank gave, in the order in which it came. */
struct rn_document {
    struct rn_document *next;
    uint32_t query; /* of a batch: 0, 1, ... */
    uint32_t rank;  /* within its query: 1, 2, ... */
    struct rn_bytes id;
    struct rn_bytes collection; /* index, class, namespace; empty: as the reading says */
    struct rn_bytes score;      /* the number as written; empty: none */
    enum rn_score_kind score_kind;
    struct rn_bytes title; /* or URL, where the service has one */
    struct rn_bytes text;  /* what the application could read; empty when only the id came */
};

/* How a model stopped, in one vocabulary (wire.md 1.3). The raw word stands in `finish`. */
enum rn_finish {
    RN_FINISH_UNKNOWN, /* nothing was said */
    RN_FINISH_STOP,
    RN_FINISH_LENGTH,
    RN_FINISH_TOOL,
    RN_FINISH_REFUSAL,
    RN_FINISH_FILTERED,
    RN_FINISH_CONTEXT_FULL,
    RN_FINISH_PAUSED,
    RN_FINISH_CANCELLED,
    RN_FINISH_ERROR,
    RN_FINISH_TRUNCATED_STREAM,
    RN_FINISH_OTHER
};
const char *rn_finish_name(enum rn_finish finish);
struct rn_reading;
/* What `finish` and the answer around it amount to; `finished` of a reading that was made holds it. */
enum rn_finish rn_finish_of(const struct rn_reading *reading);

/* Bits of rn_reading.counted: which of the six counters (wire.md 1.3) the provider printed or were a sum of what it printed. */
enum rn_counted {
    RN_COUNTED_IN = 1,
    RN_COUNTED_CACHED = 2,
    RN_COUNTED_CACHE_WRITE = 4,
    RN_COUNTED_OUT = 8,
    RN_COUNTED_REASONING = 16,
    RN_COUNTED_TOTAL = 32
};

struct rn_reading {
    enum rn_dialect dialect;
    enum rn_reading_kind kind; /* of MCP: by method; of a rule: as it says */
    struct rn_bytes model_asked;
    struct rn_bytes model_answered;
    /*
     * What was asked of it where that is no model: "tools/call", "query", "search"; and in which collection, index or tool.
     */
    struct rn_bytes operation;
    struct rn_bytes target;
    struct rn_bytes service;  /* of RN_DIALECT_RULE: how the rule calls it */
    struct rn_said *request;  /* in order */
    struct rn_said *response; /* in order; streams assembled */
    struct rn_document *documents;
    /* finish_reason or stop_reason, raw; of Responses what made it incomplete, else the status. */
    struct rn_bytes finish;
    enum rn_finish finished; /* the same in one vocabulary */
    struct rn_bytes error;   /* the provider's error message, if it answered with one */
    /* JSON text of the tool schemas (or `functions`) as written; empty: none. */
    struct rn_bytes tools;
    /*
     * JSON object, members sorted by name, values as written: all of the request but model, conversation, system prompt,
     * tools, stream, stream_options, metadata, user and what else says who asks (client_metadata, prompt_cache_key,
     * safety_identifier).
     */
    struct rn_bytes parameters;
    struct rn_bytes
        response_id; /* the provider's id of the answer: resp_..., msg_..., chatcmpl-... */
    struct rn_bytes
        continues; /* the earlier answer this request goes on from (previous_response_id); empty: none */
    /* A prompt object hosted by the provider (Responses `prompt`): its id and version; empty: none. */
    struct rn_bytes prompt_id, prompt_version;
    unsigned
        attempt; /* 1, 2, ... where the client said so (x-stainless-retry-count, amz-sdk-request); 0: it did not */
    uint64_t tokens_in,
        tokens_out; /* in: all of the prompt, whether from a cache or not; out: with reasoning */
    uint64_t tokens_cached;      /* of tokens_in: read from a cache */
    uint64_t tokens_cache_write; /* of tokens_in: written to a cache */
    uint64_t tokens_reasoning;   /* of tokens_out */
    uint64_t tokens_total;       /* as printed; else in + out */
    unsigned counted;            /* enum rn_counted */
    struct rn_bytes usage;       /* the usage object as written, the last of a stream */
    uint64_t max_tokens;         /* the request's own bound on the answer; 0: none */
    bool has_usage;
    bool wants_json; /* the request asked for JSON: response_format, text.format */
    bool streamed;
    bool complete; /* a streamed answer reached its terminal event */
    bool unread;   /* RN_INVALID: what stands here is what could be read all the same */
    struct rn_bytes unread_why; /* a sentence, with the byte where that is known */
};

struct rn_reading_rules; /* reading_rules.h */

/* One exchange with its content codings already removed. Heads may be NULL: then nothing is known by header. */
struct rn_reading_input {
    struct rn_bytes method;
    struct rn_bytes target;
    const struct rn_http_head *request_head;
    const struct rn_http_head *response_head;
    struct rn_bytes
        upstream; /* its name here ("openai", "tavily"); empty: unknown. It breaks ties, it decides nothing alone */
    struct rn_bytes request_body;
    unsigned status;
    struct rn_bytes response_type; /* Content-Type of the response */
    struct rn_bytes response_body;
    const struct rn_reading_rules *rules; /* the user's own, asked first; NULL: none */
};

/* RN_OK with out->dialect RN_DIALECT_NONE for what it does not know; RN_INVALID where it knows but cannot read all. */
enum rn_status rn_reading_make(struct rn_arena *arena, const struct rn_reading_input *input,
                               struct rn_reading *out, struct rn_error *error);

/*
 * What a dialect says of its requests to whoever matches them (DESIGN 6.2). Lists end with NULL; static. Pointers are RFC 6901 with
 * '*' for every element of an array. `version` grows when a list changes, and stands on the receipt.
 */
struct rn_dialect_facts {
    unsigned version;
    const char *const
        *volatile_pointers; /* of the request body: differ from run to run without meaning */
    const char *const
        *significant_headers; /* lower case: a different value is a different request */
    const char *const *
        correlation_pointers; /* ids the client made up for this one exchange, answered with the live value */
};
const struct rn_dialect_facts *rn_dialect_facts(enum rn_dialect dialect);
/* The dialect of a request alone, before there is an answer; `input` without its response. */
enum rn_dialect rn_dialect_of(const struct rn_reading_input *input);

#endif
