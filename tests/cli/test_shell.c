/* Words for a shell, tried on a shell. */
#include "main.h"
#include "shell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char shown[1024];

static const char *word(struct rn_bytes bytes)
{
    struct rn_buffer out = {0};
    ck_assert_int_eq(rn_shell_word(&out, bytes), RN_OK);
    memcpy(shown, out.data, out.len);
    shown[out.len] = '\0';
    rn_buffer_free(&out);
    return shown;
}

START_TEST(plain_words_stay_bare)
{
    ck_assert_str_eq(word(rn_bytes_text("--name=a/b.c:1,2@x")), "--name=a/b.c:1,2@x");
    ck_assert_str_eq(word(rn_bytes_text("")), "''");
    ck_assert_str_eq(word(rn_bytes_text("a b")), "'a b'");
    ck_assert_str_eq(word(rn_bytes_text("it's")), "'it'\\''s'");
    ck_assert_str_eq(word(rn_bytes_text("$HOME")), "'$HOME'");
    ck_assert_str_eq(word(rn_bytes_text("~")), "'~'");
}
END_TEST

START_TEST(controls_become_escapes)
{
    ck_assert_str_eq(word(rn_bytes_text("a\x1b[0m")), "$'a\\033[0m'");
    ck_assert_str_eq(word(rn_bytes_text("\xff"
                                        "f'\\")),
                     "$'\\377f\\'\\\\'");
}
END_TEST

START_TEST(a_zero_byte_cannot_be_a_word)
{
    struct rn_buffer out = {0};
    ck_assert_int_eq(rn_shell_word(&out, rn_bytes_of("a\0b", 3)), RN_INVALID);
    rn_buffer_free(&out);
}
END_TEST

/* What the shell makes of `quoted`. */
static size_t unquote(const char *quoted, uint8_t *out, size_t size)
{
    char line[2048];
    (void)snprintf(line, sizeof line, "printf '%%s' %s", quoted);
    ck_assert_int_eq(setenv("LINE", line, 1), 0);
    FILE *pipe = popen("exec bash -c 'eval \"$LINE\"'", "r");
    ck_assert_ptr_nonnull(pipe);
    size_t len = fread(out, 1, size, pipe);
    ck_assert_int_eq(pclose(pipe), 0);
    return len;
}

START_TEST(a_shell_gives_back_every_byte)
{
    uint8_t all[255];
    uint8_t back[512];
    for (unsigned i = 0; i < sizeof all; i++) {
        all[i] = (uint8_t)(i + 1);
    }
    ck_assert_uint_eq(unquote(word(rn_bytes_of(all, sizeof all)), back, sizeof back), sizeof all);
    ck_assert_mem_eq(all, back, sizeof all);
    const char *text = "line one\nline two 'quoted' \"double\" \\ $x `y` !z\n\n";
    ck_assert_uint_eq(unquote(word(rn_bytes_text(text)), back, sizeof back), strlen(text));
    ck_assert_mem_eq(text, back, strlen(text));
}
END_TEST

START_TEST(names_of_variables_are_told_from_other_words)
{
    ck_assert(rn_shell_is_name(rn_bytes_text("OPENAI_BASE_URL")));
    ck_assert(rn_shell_is_name(rn_bytes_text("_x1")));
    ck_assert(!rn_shell_is_name(rn_bytes_text("1x")));
    ck_assert(!rn_shell_is_name(rn_bytes_text("BASH_FUNC_x%%")));
    ck_assert(!rn_shell_is_name(rn_bytes_text("")));
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("cli/shell");
    RN_CASE(suite, "shell", plain_words_stay_bare, controls_become_escapes,
            a_zero_byte_cannot_be_a_word, a_shell_gives_back_every_byte,
            names_of_variables_are_told_from_other_words);
    return suite;
}
