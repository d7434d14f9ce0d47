/*
 * Any two texts, cut at the first zero byte, through all that a report does with them: folded, compared
 * word by word, masked, written as markup, read as a condition. What must hold whatever they are is
 * asserted.
 */
#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "failure.h"
#include "fold.h"
#include "markup.h"
#include "report.h"
#include "words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The runs of one side, joined, are that side. */
static void check_side(const struct rn_words_run *runs, size_t count, enum rn_words_kind other,
                       struct rn_bytes text)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (runs[i].kind != other) {
            assert(rn_bytes_equal(runs[i].text, rn_bytes_sub(text, at, runs[i].text.len)));
            at += runs[i].text.len;
        }
    }
    assert(at == text.len);
}

static void check_words(struct rn_bytes a, struct rn_bytes b)
{
    struct rn_arena arena = {0};
    struct rn_words_run *runs = NULL;
    size_t count = 0;
    double share = -1;
    assert(rn_words_compare(&arena, a, b, &runs, &count) == RN_OK);
    check_side(runs, count, RN_WORDS_ADDED, a);
    check_side(runs, count, RN_WORDS_REMOVED, b);
    assert(rn_words_shared(a, b, &share) == RN_OK && share >= 0 && share <= 1);
    rn_arena_free(&arena);
}

static void check_fold(struct rn_bytes text)
{
    struct rn_arena arena = {0};
    struct rn_bytes folded = rn_fold(&arena, text);
    assert(folded.len <= text.len);
    (void)rn_fold_refuses(folded);
    rn_arena_free(&arena);
}

static void check_markup(struct rn_bytes text)
{
    struct rn_buffer out = {0};
    assert(rn_markup_text(&out, text) == RN_OK);
    for (size_t i = 0; i < out.len; i++) {
        assert(strchr("<>\"'\r", out.data[i]) == NULL);
        assert(out.data[i] >= 0x20 || out.data[i] == '\t' || out.data[i] == '\n');
    }
    rn_buffer_clear(&out);
    assert(rn_failure_mask(text, &out) == RN_OK);
    rn_buffer_free(&out);
}

static void check_condition(struct rn_bytes text)
{
    struct rn_condition *condition = NULL;
    struct rn_error error = {RN_OK, ""};
    struct rn_report nothing;
    const char *unknown = NULL;
    char *copy = rn_dup(text.data == NULL ? (const uint8_t *)"" : text.data, text.len);
    memset(&nothing, 0, sizeof nothing);
    assert(copy != NULL);
    if (rn_condition_parse(copy, &condition, &error) == RN_OK) {
        (void)rn_condition_holds(condition, &nothing, &unknown);
    } else {
        assert(error.text[0] != '\0' && condition == NULL);
    }
    rn_condition_free(condition);
    rn_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t cut = rn_bytes_find_byte(rn_bytes_of(data, size), 0);
    struct rn_bytes a = rn_bytes_of(data, cut == RN_NPOS ? size : cut);
    struct rn_bytes b = rn_bytes_from(rn_bytes_of(data, size), cut == RN_NPOS ? size : cut + 1);
    check_words(a, b);
    check_fold(a);
    check_fold(b);
    check_markup(a);
    check_markup(b);
    check_condition(a);
    return 0;
}
