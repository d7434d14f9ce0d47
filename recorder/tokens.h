/*
 * What in a body may tell whose it is: values of an inbound request, ids that an answer minted (DESIGN 5.6). A scan over bytes
 * that knows strings, escapes and numbers of JSON, and no provider. Pure functions. Private to recorder/.
 */
#ifndef RN_RECORDER_TOKENS_H
#define RN_RECORDER_TOKENS_H

#include "base/buffer.h"

/* A string of fewer characters, or a number of fewer, may stand anywhere by chance. */
#define RN_TOKEN_CHARACTERS_MIN 16u
#define RN_TOKEN_NUMBER_MIN 5u
/* A longer string is known by its beginning. */
#define RN_TOKEN_BYTES_MAX 256u

enum rn_token_kind { RN_TOKEN_TEXT, RN_TOKEN_NUMBER };

/* `text` without escapes and without blanks around it, lent during the call. RN_OK to go on. */
typedef enum rn_status rn_token_taker(void *self, enum rn_token_kind kind, struct rn_bytes text);

/*
 * Gives each value of a JSON text that is long enough to tell: strings with a letter in them (a date says nothing), numbers without
 * sign and exponent that are no time of day. Names of members are no values, and neither is what is called as a parameter of a
 * model is ("model", "max_tokens", ...). What is no JSON gives what can be seen. `scratch` is cleared and used. What `take`
 * returned, or RN_NOMEM.
 */
enum rn_status rn_tokens_find(struct rn_bytes body, struct rn_buffer *scratch, rn_token_taker *take,
                              void *self);
/* Appends `body` with each escape of JSON replaced by what it means. RN_NOMEM. */
enum rn_status rn_tokens_unescape(struct rn_bytes body, struct rn_buffer *out);
/* Whether what stands at `at` of an unescaped body is the value of a parameter of a model. */
bool rn_tokens_is_parameter(struct rn_bytes unescaped, size_t at);
/* The number that begins at `at`: digits with at most one dot among them. Empty where none begins, or where it is part of a word. */
struct rn_bytes rn_tokens_number(struct rn_bytes bytes, size_t at);

/*
 * Finds ids that a provider mints and nobody guesses ("call_...", "toolu_...", "resp_..."), as whole JSON strings, in bytes that
 * come in pieces. A zeroed struct is at the beginning.
 */
#define RN_ID_BYTES_MAX 128u
struct rn_id_finder {
    bool in_string;
    bool escaped;
    bool hopeless;
    uint8_t len;
    uint8_t text[RN_ID_BYTES_MAX];
};
typedef void rn_id_taker(void *self, struct rn_bytes id);
void rn_tokens_ids(struct rn_id_finder *finder, struct rn_bytes piece, rn_id_taker *take,
                   void *self);

#endif
