/* Shapes of values that change from run to run, and places of a request that tell what was changed. */
#include "cause.h"

#include <string.h>
#include <time.h>

static const struct rn_cause id_cause = {
    "an id that is made anew in every run",
    "give the application a fixed id, or keep it out of the request"};
static const struct rn_cause time_cause = {
    "a time", "give the application a fixed time, or keep it out of the request"};
static const struct rn_cause today_cause = {
    "today's date",
    "give the application the date of the recording, or keep it out of the request"};
static const struct rn_cause prompt_cause = {
    "a changed prompt", "if the new words are meant, record again; else undo them"};
static const struct rn_cause input_cause = {
    "a changed input", "give the application what it was given when recorded, or record again"};
static const struct rn_cause course_cause = {
    "a changed conversation",
    "look at what the application made of earlier answers, and at what its tools gave"};
static const struct rn_cause tools_cause = {
    "a changed tool schema", "if the new schema is meant, record again; else undo it"};
static const struct rn_cause model_cause = {
    "another model", "ask the recorded model, or record again with this one"};
static const struct rn_cause parameter_cause = {
    "a changed parameter", "if the change is meant, record again; else undo it"};
static const struct rn_cause body_cause = {"a changed request body",
                                           "if the change is meant, record again; else undo it"};

struct rn_cause rn_cause_header(void)
{
    return (struct rn_cause){
        "a changed header",
        "send the header as recorded (same SDK version and options), or record again"};
}

struct rn_cause rn_cause_spelling(void)
{
    return (struct rn_cause){"the same JSON in other bytes",
                             "without --strict (or with rule json) it would be served"};
}

struct rn_cause rn_cause_extra(void)
{
    return (struct rn_cause){
        "an extra call",
        "look for a retry, a cache that is empty now, or a loop that runs once more"};
}

struct rn_cause rn_cause_missing(void)
{
    return (struct rn_cause){
        "a missing call",
        "look for a cache that is filled now, or a branch that is no longer taken"};
}

struct rn_cause rn_cause_trace(void)
{
    return (struct rn_cause){
        "an unknown trace",
        "name the trace as it was named when recorded, or replay the whole session"};
}

struct rn_cause rn_cause_left(void)
{
    return (struct rn_cause){
        "a client that left early",
        "look for a time-out or a cancellation that the recorded run did not have"};
}

struct rn_cause rn_cause_stayed(void)
{
    return (struct rn_cause){"a client that waits for what never came",
                             "when recorded it was interrupted: by a signal, a time-out or a user"};
}

struct rn_cause rn_cause_output(void)
{
    return (struct rn_cause){
        "other output", "what the application prints depends on more than the recorded answers; "
                        "--ignore-output compares the calls alone"};
}

struct rn_cause rn_cause_exit(void)
{
    return (struct rn_cause){"another exit status", "look at what the application printed last"};
}

size_t rn_difference_offset(struct rn_bytes a, struct rn_bytes b)
{
    size_t at = 0;
    while (at < a.len && at < b.len && a.data[at] == b.data[at]) {
        at++;
    }
    return at;
}

/* --- shapes -------------------------------------------------------------------------------------------------------- */

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_hex(uint8_t byte)
{
    uint8_t lower = rn_byte_lower(byte);
    return is_digit(byte) || (lower >= 'a' && lower <= 'f');
}

static bool is_word(uint8_t byte)
{
    uint8_t lower = rn_byte_lower(byte);
    return is_digit(byte) || (lower >= 'a' && lower <= 'z') || byte == '-' || byte == '_' ||
           byte == ':' || byte == '.' || byte == '+';
}

/* '9': a digit, 'x': a hex digit, anything else itself. The text may go on behind the shape unless `whole`. */
static bool has_shape(struct rn_bytes text, const char *shape, bool whole)
{
    size_t at = 0;
    for (; shape[at] != '\0'; at++) {
        if (at >= text.len || (shape[at] == '9'   ? !is_digit(text.data[at])
                               : shape[at] == 'x' ? !is_hex(text.data[at])
                                                  : text.data[at] != (uint8_t)shape[at])) {
            return false;
        }
    }
    return !whole || at == text.len;
}

static bool is_uuid(struct rn_bytes text)
{
    return has_shape(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", true);
}

static bool is_date(struct rn_bytes text)
{
    return has_shape(text, "9999-99-99", true);
}

/* A date with a time, a time of day, or seconds, milliseconds, ... since 1970 that lie in this century's first half. */
static bool is_time(struct rn_bytes text)
{
    if (has_shape(text, "9999-99-99T99:99", false) || has_shape(text, "99:99:99", false)) {
        return true;
    }
    size_t digits = 0;
    while (digits < text.len && is_digit(text.data[digits])) {
        digits++;
    }
    bool is_epoch = digits == 10 || digits == 13 || digits == 16 || digits == 19;
    return is_epoch && text.data[0] == '1' && (digits == text.len || text.data[digits] == '.');
}

/* Letters and digits of random look: both cases or digits among letters, 8 or more. */
static bool is_random_word(struct rn_bytes text)
{
    size_t digits = 0;
    for (size_t i = 0; i < text.len; i++) {
        digits += is_digit(text.data[i]);
        if (!is_digit(text.data[i]) &&
            !(rn_byte_lower(text.data[i]) >= 'a' && rn_byte_lower(text.data[i]) <= 'z')) {
            return false;
        }
    }
    return text.len >= 8 && digits > 0;
}

/* "call_8gT2xyzw", "req-0a1b2c3d": what stands behind the last '_' or '-' is random. */
static bool is_id(struct rn_bytes text)
{
    size_t start = text.len;
    while (start > 0 && text.data[start - 1] != '_' && text.data[start - 1] != '-') {
        start--;
    }
    return is_uuid(text) || is_random_word(rn_bytes_from(text, start));
}

static bool is_today(struct rn_bytes text, uint64_t now_wall_ns)
{
    for (int day = -1; day <= 1; day++) { /* wherever on earth it is today */
        time_t seconds = (time_t)(now_wall_ns / 1000000000u) + day * 86400;
        struct tm parts;
        char date[16];
        if (gmtime_r(&seconds, &parts) != NULL &&
            strftime(date, sizeof date, "%Y-%m-%d", &parts) > 0 &&
            rn_bytes_equal(text, rn_bytes_text(date))) {
            return true;
        }
    }
    return false;
}

/* The word around offset `at`: the part of a longer text that differs. */
static struct rn_bytes word_at(struct rn_bytes text, size_t at)
{
    size_t begin = at < text.len ? at : text.len;
    size_t end = begin;
    while (begin > 0 && is_word(text.data[begin - 1])) {
        begin--;
    }
    while (end < text.len && is_word(text.data[end])) {
        end++;
    }
    while (end > begin && (text.data[end - 1] == '.' || text.data[end - 1] == ':')) {
        end--; /* the end of a sentence is no part of a date */
    }
    return rn_bytes_sub(text, begin, end - begin);
}

/* --- places -------------------------------------------------------------------------------------------------------- */

/* Where a prompt, an input or tools stand in the requests of the providers we know. */
static const struct {
    const char *prefix;
    const struct rn_cause *cause; /* NULL: whoever speaks there */
} places[] = {{"/messages", NULL},
              {"/input", NULL},
              {"/contents", NULL},
              {"/system", &prompt_cause},
              {"/instructions", &prompt_cause},
              {"/systemInstruction", &prompt_cause},
              {"/system_instruction", &prompt_cause},
              {"/preamble", &prompt_cause},
              {"/prompt", &prompt_cause},
              {"/message", &input_cause},
              {"/query", &input_cause},
              {"/texts", &input_cause},
              {"/documents", &input_cause},
              {"/chat_history", &course_cause},
              {"/tools", &tools_cause},
              {"/functions", &tools_cause},
              {"/model", &model_cause}};

enum rn_speaker rn_cause_speaker(struct rn_bytes role)
{
    static const struct {
        const char *role;
        enum rn_speaker speaker;
    } roles[] = {
        {"system", RN_SPEAKER_SYSTEM}, {"developer", RN_SPEAKER_SYSTEM}, {"user", RN_SPEAKER_USER}};
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (rn_bytes_equal_nocase(role, rn_bytes_text(roles[i].role))) {
            return roles[i].speaker;
        }
    }
    return role.len == 0 ? RN_SPEAKER_UNKNOWN : RN_SPEAKER_COURSE;
}

static struct rn_cause cause_of_speaker(enum rn_speaker speaker)
{
    switch (speaker) {
    case RN_SPEAKER_SYSTEM:
        return prompt_cause;
    case RN_SPEAKER_USER:
        return input_cause;
    case RN_SPEAKER_COURSE:
    case RN_SPEAKER_UNKNOWN:
        break;
    }
    return course_cause;
}

static struct rn_cause cause_of_place(struct rn_bytes pointer, enum rn_speaker speaker)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct rn_bytes prefix = rn_bytes_text(places[i].prefix);
        if (rn_bytes_starts_with(pointer, prefix) &&
            (pointer.len == prefix.len || pointer.data[prefix.len] == '/')) {
            return places[i].cause == NULL ? cause_of_speaker(speaker) : *places[i].cause;
        }
    }
    return pointer.len > 0 ? parameter_cause : body_cause;
}

/* The part of a path that names a model, "/v1beta/models/NAME:generateContent" or "/openai/deployments/NAME/..."; empty: none. */
static struct rn_bytes model_in(struct rn_bytes target)
{
    static const char *const before[] = {"/models/", "/deployments/", "/model/"};
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        size_t at = rn_bytes_find(target, rn_bytes_text(before[i]));
        if (at != RN_NPOS) {
            struct rn_bytes name = rn_bytes_from(target, at + strlen(before[i]));
            size_t len = 0;
            while (len < name.len && strchr("/:?", name.data[len]) == NULL) {
                len++;
            }
            return rn_bytes_sub(name, 0, len);
        }
    }
    return rn_bytes_of(NULL, 0);
}

struct rn_cause rn_cause_target(struct rn_bytes recorded, struct rn_bytes live)
{
    struct rn_bytes was = model_in(recorded);
    struct rn_bytes is = model_in(live);
    if (was.len > 0 && is.len > 0 && !rn_bytes_equal(was, is)) {
        size_t before = (size_t)(was.data - recorded.data);
        if (before == (size_t)(is.data - live.data) &&
            rn_bytes_equal(rn_bytes_sub(recorded, 0, before), rn_bytes_sub(live, 0, before)) &&
            rn_bytes_equal(rn_bytes_from(recorded, before + was.len),
                           rn_bytes_from(live, before + is.len))) {
            return model_cause;
        }
    }
    return (struct rn_cause){"another call", "look at what the application did before this call"};
}

struct rn_cause rn_cause_of(struct rn_bytes pointer, enum rn_speaker speaker,
                            struct rn_bytes recorded, struct rn_bytes live, uint64_t now_wall_ns)
{
    size_t at = rn_difference_offset(recorded, live);
    struct rn_bytes was = word_at(recorded, at);
    struct rn_bytes is = word_at(live, at);
    if (rn_bytes_equal(was, is)) { /* what differs stands beside this word */
        return cause_of_place(pointer, speaker);
    }
    if (is_date(was) && is_date(is)) {
        return is_today(is, now_wall_ns) ? today_cause : time_cause;
    }
    if (is_time(was) && is_time(is)) {
        return time_cause;
    }
    if (was.len == is.len && is_id(was) && is_id(is)) {
        return id_cause;
    }
    return cause_of_place(pointer, speaker);
}
