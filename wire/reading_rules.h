/*
 * Pointer rules: how a private service is read, said by the user in a file (docs/rules.md). They are asked before the dialects
 * that are built in: the user knows.
 *
 * A rule says which calls it is for, of what kind they are, and where in the bodies the query, the documents and their scores
 * stand. Nothing here is ever part of a digest; a rule changes how a recording reads, not what it holds.
 */
#ifndef RN_WIRE_READING_RULES_H
#define RN_WIRE_READING_RULES_H

#include "wire/reading.h"

#define RN_READING_RULES_SCHEMA "reenact.rules/1"

/* Immutable once loaded; any number of threads may read by them. */
struct rn_reading_rules;

/*
 * Reads the file. RN_NOTFOUND when there is none; RN_INVALID with a sentence that holds file, pointer and what is wrong;
 * RN_IO, RN_LIMIT, RN_NOMEM. `*out` is yours to free, NULL after a failure.
 */
enum rn_status rn_reading_rules_load(const char *path, struct rn_reading_rules **out,
                                     struct rn_error *error);
/* The same from memory; `name` stands in sentences. */
enum rn_status rn_reading_rules_parse(struct rn_bytes text, const char *name,
                                      struct rn_reading_rules **out, struct rn_error *error);
/* How many rules there are; 0 for NULL. */
size_t rn_reading_rules_count(const struct rn_reading_rules *rules);
/* Follows from the text of the file; 0 for NULL. What was made under rules of another key is to be made again. */
uint64_t rn_reading_rules_key(const struct rn_reading_rules *rules);
/* `rules` may be NULL. */
void rn_reading_rules_free(struct rn_reading_rules *rules);

#endif
