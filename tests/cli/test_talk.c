/* Conversations: nothing is told twice, nothing new is left out. */
#include "main.h"
#include "talk.h"

#include <string.h>

#include "base/memory.h"

#define SAID(k, r, t, n, i)                                                                        \
    {                                                                                              \
        .kind = k, .role = RN_LIT(r), .text = RN_LIT(t), .name = RN_LIT(n), .id = RN_LIT(i)        \
    }

/* Chains an array into a list. */
static struct rn_said *chain(struct rn_said *said, size_t count)
{
    for (size_t i = 0; i + 1 < count; i++) {
        said[i].next = &said[i + 1];
    }
    return said;
}
#define CHAIN(array) chain(array, sizeof(array) / sizeof *(array))

static struct rn_said question[] = {SAID(RN_SAID_TEXT, "system", "Be kind.", "", ""),
                                    SAID(RN_SAID_TEXT, "user", "Weather?", "", "")};
static struct rn_said tool_answer[] = {
    SAID(RN_SAID_THINKING, "assistant", "hm", "", ""),
    SAID(RN_SAID_TOOL_CALL, "assistant", "{\"city\": \"Oslo\"}", "weather", "call_1")};
/* The same again as an SDK sends it: an empty text, other blanks, and the result. */
static struct rn_said follow_up[] = {
    SAID(RN_SAID_TEXT, "system", "Be kind.", "", ""),
    SAID(RN_SAID_TEXT, "user", "Weather?", "", ""), SAID(RN_SAID_TEXT, "assistant", "", "", ""),
    SAID(RN_SAID_TOOL_CALL, "assistant", "{\"city\":\"Oslo\"}", "weather", "call_1"),
    SAID(RN_SAID_TOOL_RESULT, "tool", "3 degrees", "", "call_1")};
static struct rn_said final[] = {SAID(RN_SAID_TEXT, "assistant", "It is cold.", "", "")};

static struct rn_reading first_call(void)
{
    return (struct rn_reading){.dialect = RN_DIALECT_OPENAI_CHAT,
                               .request = CHAIN(question),
                               .response = CHAIN(tool_answer)};
}

static struct rn_reading second_call(void)
{
    return (struct rn_reading){.dialect = RN_DIALECT_OPENAI_CHAT,
                               .model_asked = RN_LIT("toy"),
                               .finish = RN_LIT("stop"),
                               .has_usage = true,
                               .tokens_in = 12,
                               .tokens_out = 3,
                               .request = CHAIN(follow_up),
                               .response = CHAIN(final)};
}

START_TEST(only_what_is_new_is_told)
{
    struct rn_talk talk = {0};
    struct rn_talk_news news;
    struct rn_reading reading = first_call();
    ck_assert_int_eq(rn_talk_hear(&talk, 1, &reading, &news), RN_OK);
    ck_assert_ptr_eq(news.first_new, question);
    ck_assert_uint_eq(news.known, 0);
    reading = second_call();
    ck_assert_int_eq(rn_talk_hear(&talk, 2, &reading, &news), RN_OK);
    ck_assert_ptr_eq(news.first_new, &follow_up[4]);
    ck_assert_uint_eq(news.known, 3);
    ck_assert_uint_eq(news.as_in, 1);
    /* the very same call once more: a retry says nothing new */
    ck_assert_int_eq(rn_talk_hear(&talk, 3, &reading, &news), RN_OK);
    ck_assert_ptr_null(news.first_new);
    ck_assert_uint_eq(news.as_in, 2);
    rn_talk_free(&talk);
}
END_TEST

START_TEST(a_changed_beginning_is_all_new)
{
    struct rn_talk talk = {0};
    struct rn_talk_news news;
    struct rn_reading reading = first_call();
    ck_assert_int_eq(rn_talk_hear(&talk, 1, &reading, &news), RN_OK);
    struct rn_said other[] = {SAID(RN_SAID_TEXT, "system", "Be kind!", "", ""),
                              SAID(RN_SAID_TEXT, "user", "Weather?", "", "")};
    reading.request = CHAIN(other);
    ck_assert_int_eq(rn_talk_hear(&talk, 2, &reading, &news), RN_OK);
    ck_assert_ptr_eq(news.first_new, other);
    rn_talk_free(&talk);
}
END_TEST

START_TEST(branches_side_by_side_are_told_apart)
{
    struct rn_talk talk = {0};
    struct rn_talk_news news;
    struct rn_said other[] = {SAID(RN_SAID_TEXT, "user", "Another thing", "", "")};
    struct rn_reading reading = first_call();
    ck_assert_int_eq(rn_talk_hear(&talk, 1, &reading, &news), RN_OK);
    struct rn_reading beside = {.dialect = RN_DIALECT_OPENAI_CHAT, .request = other};
    for (uint32_t n = 2; n <= RN_TALK_MEMORY; n++) {
        ck_assert_int_eq(rn_talk_hear(&talk, n, &beside, &news), RN_OK);
    }
    reading = second_call();
    ck_assert_int_eq(rn_talk_hear(&talk, 99, &reading, &news), RN_OK);
    ck_assert_uint_eq(news.as_in, 1);
    rn_talk_free(&talk);
}
END_TEST

START_TEST(the_lines_say_who_said_what)
{
    const struct rn_screen screen = {false, false, 80};
    struct rn_talk talk = {0};
    struct rn_talk_news news;
    struct rn_buffer out = {0};
    struct rn_reading reading = first_call();
    ck_assert_int_eq(rn_talk_hear(&talk, 1, &reading, &news), RN_OK);
    ck_assert_int_eq(rn_talk_lines(&out, &screen, 4, 80, &reading, &news), RN_OK);
    reading = second_call();
    ck_assert_int_eq(rn_talk_hear(&talk, 2, &reading, &news), RN_OK);
    ck_assert_int_eq(rn_talk_lines(&out, &screen, 4, 80, &reading, &news), RN_OK);
    ck_assert_int_eq(rn_buffer_add_byte(&out, 0), RN_OK);
    ck_assert_str_eq((const char *)out.data, "    > system     Be kind.\n"
                                             "    > user       Weather?\n"
                                             "    < assistant  (thinks) hm\n"
                                             "    < assistant  weather({\"city\": \"Oslo\"})\n"
                                             "      (3 said before, as in 1)\n"
                                             "    > tool       weather: 3 degrees\n"
                                             "    < assistant  It is cold.\n"
                                             "      toy, 12 tokens in, 3 out, stop\n");
    rn_buffer_free(&out);
    rn_talk_free(&talk);
}
END_TEST

START_TEST(vectors_are_counted_and_not_told)
{
    const struct rn_screen screen = {false, false, 80};
    struct rn_said asked[] = {SAID(RN_SAID_TEXT, "input", "a cat", "", ""),
                              SAID(RN_SAID_OTHER, "input", "[1,2]", "tokens", "")};
    struct rn_said vectors[] = {SAID(RN_SAID_OTHER, "", "[0.5, -1e-3,2]", "embedding", ""),
                                SAID(RN_SAID_OTHER, "", "[1,2,3]", "embedding", "")};
    struct rn_said base64[] = {SAID(RN_SAID_OTHER, "", "\"AACAPwAAAEA=\"", "embedding", "")};
    struct rn_said strange[] = {SAID(RN_SAID_OTHER, "", "{}", "embedding", "")};
    struct rn_reading reading = {.dialect = RN_DIALECT_OPENAI_EMBEDDINGS,
                                 .request = CHAIN(asked),
                                 .response = CHAIN(vectors)};
    struct rn_talk_news news = {asked, 0, 0};
    struct rn_buffer out = {0};
    ck_assert_int_eq(rn_talk_lines(&out, &screen, 0, 80, &reading, &news), RN_OK);
    news.first_new = NULL;
    reading.response = base64;
    ck_assert_int_eq(rn_talk_lines(&out, &screen, 0, 80, &reading, &news), RN_OK);
    reading.response = strange;
    ck_assert_int_eq(rn_talk_lines(&out, &screen, 0, 80, &reading, &news), RN_OK);
    ck_assert_int_eq(rn_buffer_add_byte(&out, 0), RN_OK);
    ck_assert_str_eq((const char *)out.data, "> input      a cat\n"
                                             "> input      (tokens) [1,2]\n"
                                             "< embedding  2 vectors of 3 numbers\n"
                                             "< embedding  1 vector of 2 numbers\n"
                                             "< embedding  1 vector\n");
    rn_buffer_free(&out);
}
END_TEST

START_TEST(texts_cannot_steer_the_terminal)
{
    const struct rn_screen screen = {false, false, 80};
    struct rn_said said[] = {SAID(RN_SAID_TEXT,
                                  "us\x1b"
                                  "er",
                                  "a\x1b[2Jb\nc", "", "")};
    struct rn_reading reading = {
        .dialect = RN_DIALECT_OPENAI_CHAT, .request = said, .model_asked = RN_LIT("x\x07")};
    struct rn_talk_news news = {said, 0, 0};
    struct rn_buffer out = {0};
    ck_assert_int_eq(rn_talk_lines(&out, &screen, 0, 80, &reading, &news), RN_OK);
    ck_assert_uint_eq(rn_bytes_find_byte(rn_buffer_bytes(&out), 0x1b), RN_NPOS);
    ck_assert_uint_eq(rn_bytes_find_byte(rn_buffer_bytes(&out), 0x07), RN_NPOS);
    ck_assert_uint_ne(rn_bytes_find(rn_buffer_bytes(&out), RN_LIT("a\\x1b[2Jb c")), RN_NPOS);
    rn_buffer_free(&out);
}
END_TEST

static enum rn_status hear_and_tell(void)
{
    const struct rn_screen screen = {false, false, 80};
    struct rn_talk talk = {0};
    struct rn_talk_news news;
    struct rn_buffer out = {0};
    struct rn_reading reading = second_call();
    enum rn_status status = rn_talk_hear(&talk, 1, &reading, &news);
    if (status == RN_OK) {
        status = rn_talk_lines(&out, &screen, 4, 80, &reading, &news);
    }
    rn_buffer_free(&out);
    rn_talk_free(&talk);
    return status;
}

START_TEST(memory_may_fail_at_every_step)
{
    for (unsigned long nth = 1;; nth++) {
        rn_memory_fail_from(nth);
        enum rn_status status = hear_and_tell();
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        if (!failed) {
            return;
        }
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("cli/talk");
    RN_CASE(suite, "talk", only_what_is_new_is_told, a_changed_beginning_is_all_new,
            branches_side_by_side_are_told_apart, the_lines_say_who_said_what,
            vectors_are_counted_and_not_told, texts_cannot_steer_the_terminal,
            memory_may_fail_at_every_step);
    return suite;
}
