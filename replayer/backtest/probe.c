/* Counts failures by kind. Decides nothing about what is a failure. */
#include "probe.h"

#include <stdio.h>

#include "base/digest.h"

void rn_probe_init(struct rn_probe *probe, size_t calls)
{
    *probe =
        (struct rn_probe){.calls = calls < RN_BACKTEST_PROBE ? (unsigned)calls : RN_BACKTEST_PROBE};
}

/* --- words ----------------------------------------------------------------------------------------------------------- */

static bool is_quote(uint8_t byte)
{
    return byte == '\'' || byte == '"' || byte == '`';
}

static bool is_word(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte >= 0x80;
}

static bool has_digit(struct rn_bytes word)
{
    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] >= '0' && word.data[i] <= '9') {
            return true;
        }
    }
    return false;
}

/* The length of the quoted run at the start of `text`, or 0. An apostrophe opens nothing that is never closed. */
static size_t quoted(struct rn_bytes text)
{
    size_t end = rn_bytes_find_byte(rn_bytes_from(text, 1), text.data[0]);
    return end == RN_NPOS ? 0 : end + 2;
}

/* A checksum of the words that are no numbers, no identifiers with digits and not in quotes. */
static uint32_t words_of(struct rn_bytes text)
{
    uint32_t sum = 0;
    while (text.len > 0) {
        size_t len = is_quote(text.data[0]) ? quoted(text) : 0;
        if (len == 0) {
            struct rn_bytes word = text;
            while (len < text.len && is_word(text.data[len])) {
                len++;
            }
            word.len = len;
            sum = len > 0 && !has_digit(word) ? rn_crc32(sum, word) : sum;
        }
        text = rn_bytes_from(text, len > 0 ? len : 1);
    }
    return sum;
}

/* --- kinds ----------------------------------------------------------------------------------------------------------- */

static void describe(struct rn_probe_kind *kind, struct rn_bytes message)
{
    int len = (int)(message.len < 240 ? message.len : 240);
    const char *text = message.len == 0 ? "" : (const char *)message.data;
    if (kind->status == 0) {
        (void)snprintf(kind->sentence, sizeof kind->sentence, "%.*s", len, text);
    } else {
        (void)snprintf(kind->sentence, sizeof kind->sentence, "status %u%s%.*s", kind->status,
                       len > 0 ? ", " : "", len, text);
    }
    for (char *at = kind->sentence; *at != '\0'; at++) {
        *at = (unsigned char)*at < 0x20 || *at == 0x7f ? ' ' : *at;
    }
}

static bool is_of_kind(const struct rn_probe_kind *kind, const struct rn_probe_end *end,
                       uint32_t words)
{
    return kind->status == end->status && kind->code == end->code && kind->words == words;
}

static void begin_kind(struct rn_probe_kind *kind, const struct rn_probe_end *end, uint32_t words)
{
    *kind = (struct rn_probe_kind){
        .count = 1, .words = words, .status = end->status, .code = end->code};
    describe(kind, end->message);
}

void rn_probe_take(struct rn_probe *probe, const struct rn_probe_end *end)
{
    uint32_t words = words_of(end->message);
    if (probe->ended == probe->calls) {
        return;
    }
    probe->ended++;
    if (end->is_success) {
        return;
    }
    for (unsigned i = 0; i < probe->kind_count; i++) {
        if (is_of_kind(&probe->kinds[i], end, words)) {
            probe->kinds[i].count++;
            return;
        }
    }
    begin_kind(&probe->kinds[probe->kind_count++], end, words);
}

static const struct rn_probe_kind *most_frequent(const struct rn_probe *probe)
{
    const struct rn_probe_kind *most = NULL;
    for (unsigned i = 0; i < probe->kind_count; i++) {
        most = most == NULL || probe->kinds[i].count > most->count ? &probe->kinds[i] : most;
    }
    return most;
}

static bool has_failed(const struct rn_probe *probe)
{
    const struct rn_probe_kind *most = most_frequent(probe);
    return most != NULL && most->count * 10 > probe->calls &&
           (most->count > 1 || probe->calls == 1);
}

enum rn_probe_state rn_probe_state(const struct rn_probe *probe)
{
    if (has_failed(probe)) {
        return RN_PROBE_FAILED;
    }
    return probe->ended < probe->calls ? RN_PROBE_OPEN : RN_PROBE_PASSED;
}

void rn_probe_sentence(const struct rn_probe *probe, char *out, size_t out_bytes)
{
    const struct rn_probe_kind *most = most_frequent(probe);
    (void)snprintf(out, out_bytes, "%u of the first %u calls failed alike: %s",
                   most == NULL ? 0 : most->count, probe->calls,
                   most == NULL ? "" : most->sentence);
}

/* --- afterwards ------------------------------------------------------------------------------------------------------ */

void rn_streak_take(struct rn_streak *streak, const struct rn_probe_end *end)
{
    uint32_t words = words_of(end->message);
    if (end->status != 401 && end->status != 402 && end->status != 403) {
        streak->kind = (struct rn_probe_kind){0};
    } else if (streak->kind.count > 0 && is_of_kind(&streak->kind, end, words)) {
        streak->kind.count++;
    } else {
        begin_kind(&streak->kind, end, words);
    }
}

bool rn_streak_is_over(const struct rn_streak *streak)
{
    return streak->kind.count >= RN_BACKTEST_PROBE;
}

void rn_streak_sentence(const struct rn_streak *streak, char *out, size_t out_bytes)
{
    (void)snprintf(out, out_bytes, "the last %u calls were refused alike: %s", streak->kind.count,
                   streak->kind.sentence);
}
