/* Runs of replayer/words.h on a screen. */
#include "word_diff.h"

#include "printable.h"
#include "replayer/words.h"

#define SAME_BYTES_SHOWN 120u /* of what did not change, around what did */

/* Long stretches that are the same are shortened in the middle, at characters. */
static enum rn_status add_same(struct rn_buffer *out, struct rn_bytes text)
{
    size_t head = SAME_BYTES_SHOWN;
    if (text.len <= 2 * SAME_BYTES_SHOWN + 8) {
        return rn_printable(out, text, RN_PRINTABLE_TEXT);
    }
    size_t tail = text.len - SAME_BYTES_SHOWN;
    while (head > 0 && (text.data[head] & 0xc0) == 0x80) {
        head--;
    }
    while (tail < text.len && (text.data[tail] & 0xc0) == 0x80) {
        tail++;
    }
    enum rn_status status = rn_printable(out, rn_bytes_sub(text, 0, head), RN_PRINTABLE_TEXT);
    status = status == RN_OK ? rn_buffer_add(out, RN_LIT(" [...] ")) : status;
    return status == RN_OK ? rn_printable(out, rn_bytes_from(text, tail), RN_PRINTABLE_TEXT)
                           : status;
}

/* Removed and added are marked by colour on a terminal, and by "[-" and "{+" always. */
static enum rn_status add_change(struct rn_buffer *out, const struct rn_screen *screen,
                                 const struct rn_words_run *run)
{
    struct rn_buffer text = {0};
    bool removed = run->kind == RN_WORDS_REMOVED;
    enum rn_status status = rn_buffer_add(&text, removed ? RN_LIT("[-") : RN_LIT("{+"));
    status = status == RN_OK ? rn_printable(&text, run->text, RN_PRINTABLE_TEXT) : status;
    status = status == RN_OK ? rn_buffer_add(&text, removed ? RN_LIT("-]") : RN_LIT("+}")) : status;
    status = status == RN_OK
                 ? rn_screen_paint(out, screen->colour, removed ? RN_PAINT_RED : RN_PAINT_GREEN,
                                   rn_buffer_bytes(&text))
                 : status;
    rn_buffer_free(&text);
    return status;
}

enum rn_status rn_word_diff(struct rn_buffer *out, const struct rn_screen *screen,
                            struct rn_bytes a, struct rn_bytes b)
{
    struct rn_arena arena = {0};
    struct rn_words_run *runs = NULL;
    size_t count = 0;
    enum rn_status status = rn_words_compare(&arena, a, b, &runs, &count);
    for (size_t i = 0; status == RN_OK && i < count; i++) {
        status = runs[i].kind == RN_WORDS_SAME ? add_same(out, runs[i].text)
                                               : add_change(out, screen, &runs[i]);
    }
    rn_arena_free(&arena);
    return status;
}
