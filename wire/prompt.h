/*
 * Which version of a prompt was used: digests of what an application writes and does not change from call to call.
 *
 * `exact` covers the bytes; `family` the same text after dates, times, numbers and ids in it were masked, so that "Today is
 * 2026-11-21." of two days is one family with two exact versions. Pure; equal on every machine and in every build of one
 * RN_PROMPT_VERSION.
 */
#ifndef RN_WIRE_PROMPT_H
#define RN_WIRE_PROMPT_H

#include "base/buffer.h"
#include "wire/reading.h"

#define RN_PROMPT_VERSION 1u
#define RN_PROMPT_KEY_BYTES 8u

/* All zero: there is none. The first bytes of a SHA-256 over a word of its own per part, and the text. */
struct rn_prompt_key {
    uint8_t bytes[RN_PROMPT_KEY_BYTES];
};

struct rn_prompt {
    struct rn_prompt_key
        system_exact; /* all that was said as system, developer or instructions, in order */
    struct rn_prompt_key system_family;
    struct rn_prompt_key
        tools; /* the schemas as JSON: members in any order, a list of tools sorted by name */
    struct rn_prompt_key parameters; /* likewise */
    struct rn_prompt_key whole; /* over family, tools and parameters: the version `prompts` lists */
};

/* False when memory ran out. Of readings that ask no model everything is zero. */
bool rn_prompt_make(const struct rn_reading *reading, struct rn_prompt *out);
/* The text that system_exact covers, appended; parts are joined by an empty line. */
enum rn_status rn_prompt_system(const struct rn_reading *reading, struct rn_buffer *out);
/*
 * Appends `text` with dates, times of day, numbers of two or more digits, UUIDs, ULIDs, hex of 8 or more with a digit, and prefixed
 * ids (call_..., req_...) each replaced by a mark of their shape: "<date>", "<time>", "<number>", "<id>".
 */
enum rn_status rn_prompt_mask(struct rn_bytes text, struct rn_buffer *out);
bool rn_prompt_key_is_none(const struct rn_prompt_key *key);
/* 16 hex digits and a zero. */
void rn_prompt_key_text(const struct rn_prompt_key *key, char out[2 * RN_PROMPT_KEY_BYTES + 1]);

#endif
