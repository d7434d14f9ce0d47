/* Terms and the keys of their lists (posting.h). */
#include "posting.h"

#include <stdio.h>
#include <string.h>

#include "base/varint.h"

/* --- terms ---------------------------------------------------------------------------------------------------------- */

void rn_terms_free(struct rn_terms *terms)
{
    rn_buffer_free(&terms->runs);
}

static bool holds(const struct rn_terms *terms, struct rn_bytes term)
{
    struct rn_bytes rest = rn_buffer_bytes(&terms->runs);
    struct rn_bytes run;
    while (rn_run_get(&rest, &run)) {
        if (rn_bytes_equal(run, term)) {
            return true;
        }
    }
    return false;
}

static enum rn_status add(struct rn_terms *terms, struct rn_bytes term)
{
    if (holds(terms, term)) {
        return RN_OK;
    }
    terms->count++;
    return rn_run_put(&terms->runs, term);
}

static struct rn_bytes term_of(enum rn_term letter, struct rn_bytes text,
                               uint8_t out[RN_TERM_BYTES_MAX])
{
    text = rn_bytes_sub(text, 0, RN_TERM_BYTES_MAX - 1);
    out[0] = (uint8_t)letter;
    if (text.len > 0) {
        memcpy(out + 1, text.data, text.len);
    }
    return rn_bytes_of(out, 1 + text.len);
}

enum rn_status rn_terms_add(struct rn_terms *terms, enum rn_term letter, struct rn_bytes text)
{
    uint8_t term[RN_TERM_BYTES_MAX];
    if (text.len == 0 && letter != RN_TERM_ERROR && letter != RN_TERM_ANY) {
        return RN_OK;
    }
    if (terms->count >= RN_TERMS_MAX) {
        letter = RN_TERM_ANY;
        text = RN_LIT("");
    }
    return add(terms, term_of(letter, text, term));
}

static enum rn_status add_key(struct rn_terms *terms, const struct rn_prompt_key *key)
{
    char text[2 * RN_PROMPT_KEY_BYTES + 1];
    if (rn_prompt_key_is_none(key)) {
        return RN_OK;
    }
    rn_prompt_key_text(key, text);
    return rn_terms_add(terms, RN_TERM_PROMPT, rn_bytes_text(text));
}

static enum rn_status add_prompt(struct rn_terms *terms, const struct rn_facts *facts)
{
    const struct rn_prompt *prompt = &facts->prompt;
    const struct rn_prompt_key *const keys[] = {&prompt->whole, &prompt->system_exact,
                                                &prompt->system_family, &prompt->tools};
    enum rn_status status = rn_terms_add(terms, RN_TERM_PROMPT, facts->prompt_name);
    for (size_t i = 0; status == RN_OK && i < sizeof keys / sizeof keys[0]; i++) {
        status = add_key(terms, keys[i]);
    }
    return status;
}

enum rn_status rn_terms_of_facts(struct rn_terms *terms, const struct rn_facts *facts)
{
    char status_text[12];
    (void)snprintf(status_text, sizeof status_text, "%03u", facts->status);
    const struct {
        enum rn_term letter;
        struct rn_bytes text;
    } list[] = {
        {RN_TERM_UPSTREAM, facts->upstream},
        {RN_TERM_MODEL, facts->model_asked},
        {RN_TERM_MODEL, facts->model_answered},
        {RN_TERM_STATUS, facts->status > 0 ? rn_bytes_text(status_text) : RN_LIT("")},
        {RN_TERM_KIND,
         rn_bytes_text(facts->event == RN_EVENT_DECISION ? "decision"
                                                         : rn_reading_kind_name(facts->kind))},
        {RN_TERM_DIALECT, rn_bytes_text(rn_dialect_name(facts->dialect))},
    };
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < sizeof list / sizeof list[0]; i++) {
        status = rn_terms_add(terms, list[i].letter, list[i].text);
    }
    if (status == RN_OK && rn_facts_is_upstream_error(facts)) {
        status = rn_terms_add(terms, RN_TERM_ERROR, RN_LIT(""));
    }
    return status == RN_OK ? add_prompt(terms, facts) : status;
}

static enum rn_status add_tag(struct rn_terms *terms, struct rn_bytes tag)
{
    enum rn_status status = rn_terms_add(terms, RN_TERM_TAG, tag);
    struct rn_bytes key = rn_bytes_sub(tag, 0, rn_bytes_find_byte(tag, '='));
    return status == RN_OK ? rn_terms_add(terms, RN_TERM_TAG, key) : status;
}

enum rn_status rn_terms_of_trace(struct rn_terms *terms, const struct rn_trace_summary *summary,
                                 const struct rn_trace_labels *labels)
{
    struct rn_bytes tags = summary->tags;
    struct rn_bytes tag;
    enum rn_status status = rn_terms_add(terms, RN_TERM_RELEASE, summary->release);
    status = status == RN_OK ? rn_terms_add(terms, RN_TERM_OUTCOME, labels->outcome) : status;
    status = status == RN_OK ? rn_terms_add(terms, RN_TERM_SUBJECT, labels->subject) : status;
    while (status == RN_OK && rn_run_get(&tags, &tag)) {
        status = add_tag(terms, tag);
    }
    return status;
}

/* --- keys ----------------------------------------------------------------------------------------------------------- */

size_t rn_key_posting(struct rn_bytes term, uint64_t started_wall_ns, const struct rn_trace_id *id,
                      uint8_t out[RN_POSTING_KEY_BYTES_MAX])
{
    memcpy(out, term.data, term.len);
    out[term.len] = 0;
    rn_key_time(started_wall_ns, id, out + term.len + 1);
    return term.len + 1 + RN_TIME_KEY_BYTES;
}

size_t rn_key_posting_list(enum rn_term letter, struct rn_bytes text,
                           uint8_t out[RN_TERM_BYTES_MAX + 1u])
{
    struct rn_bytes term = term_of(letter, text, out);
    out[term.len] = 0;
    return term.len + 1;
}
