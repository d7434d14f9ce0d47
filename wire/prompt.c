/* Digests of what makes a prompt version: system text, tools, parameters (prompt.h). */
#include "prompt.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/memory.h"
#include "json.h"

static bool key_of(const char *part, struct rn_bytes text, struct rn_prompt_key *out)
{
    uint8_t digest[RN_SHA256_BYTES];
    const struct rn_bytes runs[] = {RN_LIT("reenact.prompt/1 "), rn_bytes_text(part), RN_LIT("\n"),
                                    text};
    if (!rn_sha256_of(runs, sizeof runs / sizeof runs[0], digest)) {
        return false;
    }
    memcpy(out->bytes, digest, sizeof out->bytes);
    return true;
}

/* --- the system prompt ---------------------------------------------------------------------------------------------- */

static bool is_system(const struct rn_said *said)
{
    return said->kind == RN_SAID_TEXT && (rn_bytes_equal_nocase(said->role, RN_LIT("system")) ||
                                          rn_bytes_equal_nocase(said->role, RN_LIT("developer")));
}

enum rn_status rn_prompt_system(const struct rn_reading *reading, struct rn_buffer *out)
{
    enum rn_status status = RN_OK;
    bool begun = false;
    for (const struct rn_said *said = reading->request; said != NULL && status == RN_OK;
         said = said->next) {
        if (!is_system(said)) {
            continue;
        }
        status = begun ? rn_buffer_add(out, RN_LIT("\n\n")) : RN_OK;
        status = status == RN_OK ? rn_buffer_add(out, said->text) : status;
        begun = true;
    }
    return status;
}

static bool make_system(const struct rn_reading *reading, struct rn_prompt *out)
{
    struct rn_buffer text = {0};
    struct rn_buffer masked = {0};
    bool good =
        rn_prompt_system(reading, &text) == RN_OK &&
        (text.len == 0 || (rn_prompt_mask(rn_buffer_bytes(&text), &masked) == RN_OK &&
                           key_of("system", rn_buffer_bytes(&text), &out->system_exact) &&
                           key_of("family", rn_buffer_bytes(&masked), &out->system_family)));
    rn_buffer_free(&text);
    rn_buffer_free(&masked);
    return good;
}

/* --- JSON, whatever the order of its members ------------------------------------------------------------------------ */

static int by_digest(const void *a, const void *b)
{
    return memcmp(a, b, RN_SHA256_BYTES);
}

/* A list is a set here: tools in another order are the same tools. False: memory ran out, or a key stands twice. */
static bool digest_set(const struct rn_json *value, struct rn_buffer *out)
{
    uint8_t digest[RN_SHA256_BYTES];
    if (value->kind != RN_JSON_ARRAY_BEGIN) {
        return rn_json_digest(value, digest) &&
               rn_buffer_append(out, digest, sizeof digest) == RN_OK;
    }
    for (const struct rn_json *child = value->child; child != NULL; child = child->next) {
        if (!rn_json_digest(child, digest) ||
            rn_buffer_append(out, digest, sizeof digest) != RN_OK) {
            return false;
        }
    }
    if (out->len > 0) {
        qsort(out->data, out->len / RN_SHA256_BYTES, RN_SHA256_BYTES, by_digest);
    }
    return true;
}

/* What is no JSON, or ambiguous as such, counts as it is written. */
static bool make_json(const char *part, struct rn_bytes text, struct rn_prompt_key *out)
{
    struct rn_arena arena = {0};
    struct rn_buffer digests = {0};
    struct rn_json *value = NULL;
    size_t duplicates = 0;
    if (text.len == 0 || rn_bytes_equal(text, RN_LIT("{}"))) {
        return true;
    }
    enum rn_status status = rn_json_parse(&arena, text, &value, &duplicates, NULL);
    bool plain = (status != RN_OK && status != RN_NOMEM) || duplicates > 0;
    bool good = status != RN_NOMEM && (plain || digest_set(value, &digests));
    good = good && key_of(part, plain ? text : rn_buffer_bytes(&digests), out);
    rn_buffer_free(&digests);
    rn_arena_free(&arena);
    return good;
}

/* --- all of it ------------------------------------------------------------------------------------------------------ */

static bool make_whole(struct rn_prompt *out)
{
    uint8_t keys[3 * RN_PROMPT_KEY_BYTES];
    memcpy(keys, out->system_family.bytes, RN_PROMPT_KEY_BYTES);
    memcpy(keys + RN_PROMPT_KEY_BYTES, out->tools.bytes, RN_PROMPT_KEY_BYTES);
    memcpy(keys + 2 * RN_PROMPT_KEY_BYTES, out->parameters.bytes, RN_PROMPT_KEY_BYTES);
    return key_of("whole", rn_bytes_of(keys, sizeof keys), &out->whole);
}

bool rn_prompt_make(const struct rn_reading *reading, struct rn_prompt *out)
{
    memset(out, 0, sizeof *out);
    return reading->kind != RN_READING_MODEL ||
           (make_system(reading, out) && make_json("tools", reading->tools, &out->tools) &&
            make_json("parameters", reading->parameters, &out->parameters) && make_whole(out));
}

bool rn_prompt_key_is_none(const struct rn_prompt_key *key)
{
    static const struct rn_prompt_key none = {{0}};
    return memcmp(key, &none, sizeof none) == 0;
}

void rn_prompt_key_text(const struct rn_prompt_key *key, char out[2 * RN_PROMPT_KEY_BYTES + 1])
{
    rn_hex(rn_bytes_of(key->bytes, sizeof key->bytes), out);
}
