/* Words with places in them. In: argv and values. Out: argv. Executes nothing. */
#include "argv.h"

#include <string.h>

bool rn_argv_has(char *const *argv, const char *mark)
{
    for (size_t i = 0; argv[i] != NULL; i++) {
        if (strstr(argv[i], mark) != NULL) {
            return true;
        }
    }
    return false;
}

/* The place that stands at `at`, or NULL. */
static const struct rn_argv_place *place_at(const char *at, const struct rn_argv_place *places,
                                            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (places[i].value != NULL && strncmp(at, places[i].mark, strlen(places[i].mark)) == 0) {
            return &places[i];
        }
    }
    return NULL;
}

/* Writes the filled word to `out`, or only counts its bytes where that is NULL. */
static size_t fill_word(const char *word, const struct rn_argv_place *places, size_t count,
                        char *out)
{
    size_t len = 0;
    while (*word != '\0') {
        const struct rn_argv_place *place = place_at(word, places, count);
        const char *piece = place == NULL ? word : place->value;
        size_t piece_len = place == NULL ? 1 : strlen(place->value);
        if (out != NULL) {
            memcpy(out + len, piece, piece_len);
        }
        len += piece_len;
        word += place == NULL ? 1 : strlen(place->mark);
    }
    return len;
}

char **rn_argv_fill(struct rn_arena *arena, char *const *argv, const struct rn_argv_place *places,
                    size_t count)
{
    size_t words = 0;
    while (argv[words] != NULL) {
        words++;
    }
    char **filled = rn_arena_alloc(arena, (words + 1) * sizeof *filled);
    for (size_t i = 0; filled != NULL && i < words; i++) {
        /* The arena's memory is zeroed, so the word ends by itself. */
        filled[i] = rn_arena_alloc(arena, fill_word(argv[i], places, count, NULL) + 1);
        if (filled[i] == NULL) {
            return NULL;
        }
        (void)fill_word(argv[i], places, count, filled[i]);
    }
    return filled;
}
