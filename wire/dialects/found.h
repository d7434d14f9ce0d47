/*
 * What dialects of retrieval and search share: calls known by method and path, and documents with their usual members. Nobody
 * outside wire/dialects includes this.
 */
#ifndef RN_WIRE_FOUND_H
#define RN_WIRE_FOUND_H

#include "reading_parts.h"

/* One call of a service; a table of them ends with method NULL. The first that fits counts. */
struct rn_found_call {
    const char *method;
    /* The last steps of a path: "{}" is any step and what the call is about, "*" any step. */
    const char *path;
    enum rn_reading_kind kind;
    const char *operation;
};

/* Whether the last steps of `path` are those of the pattern; *target (may be NULL) gets the step at "{}", as written. */
bool rn_found_fits(struct rn_bytes path, const char *pattern, struct rn_bytes *target);
/* The call, or NULL; `path` is without query and last slashes. */
const struct rn_found_call *rn_found_call(const struct rn_found_call *calls,
                                          const struct rn_reading_input *input,
                                          struct rn_bytes path, struct rn_bytes *target);
/* The same for a request under way; kind, operation and target are told. NULL: none, and nothing is told. */
const struct rn_found_call *rn_found_tell(struct rn_reader *reader,
                                          const struct rn_found_call *calls);
/* Whether the upstream's name here holds `word`, or the Host does: what breaks ties. */
bool rn_found_is_at(const struct rn_reading_input *input, const char *word);
/* The first value of `name` in the query of the target, decoded; empty: there is none. */
struct rn_bytes rn_found_parameter(struct rn_reader *reader, const char *name);
/* What stands percent-encoded ('+' is a blank where `form` is true), decoded in the arena. */
struct rn_bytes rn_found_decode(struct rn_reader *reader, struct rn_bytes text, bool form);

/* What was looked for, as text said by nobody ("query"): a string, or each string of an array. */
void rn_found_query(struct rn_reader *reader, const struct rn_json *value);

/* One more document. Values may be NULL; an id and a score are given as written. NULL when memory ran out. */
struct rn_document *rn_found_add(struct rn_reader *reader, uint32_t query, uint32_t rank,
                                 const struct rn_json *id, const struct rn_json *score,
                                 enum rn_score_kind kind);
/* The member that holds a text (page_content, text, content, ...); without one the JSON of all of them. */
struct rn_bytes rn_found_text(struct rn_reader *reader, const struct rn_json *members);
/* The member that names or places it (title, name, source, url, ...), here or in `metadata`; empty: none. */
struct rn_bytes rn_found_title(struct rn_reader *reader, const struct rn_json *members);
/* The first member of these names that is there and not null; `names` ends with NULL. */
const struct rn_json *rn_found_member(const struct rn_json *object, const char *const *names);

/*
 * Says of the documents of one query whether less is better, from their order alone: services give the best first. For those
 * that do not say which measure they use. Scores that do not rise from the first to the last are similarities.
 */
void rn_found_judge(struct rn_document *first);

/*
 * An array of strings, or of objects with a string at `member` (NULL: of strings), joined by line feeds behind `text`; what is
 * neither is passed over.
 */
struct rn_bytes rn_found_join(struct rn_reader *reader, struct rn_bytes text,
                              const struct rn_json *strings, const char *member);

#endif
