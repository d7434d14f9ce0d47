/* Prompt versions: what is masked, what is not, and which changes make another version. */
#include "main.h"

#include "prompt.h"
#include "told.h"

static char *masked(const char *text)
{
    struct rn_buffer out = {0};
    ck_assert_int_eq(rn_prompt_mask(rn_bytes_text(text), &out), RN_OK);
    ck_assert_int_eq(rn_buffer_add_byte(&out, 0), RN_OK);
    return (char *)out.data;
}

static void expect(const char *text, const char *expected)
{
    char *got = masked(text);
    ck_assert_str_eq(got, expected);
    rn_free(got);
}

START_TEST(mask_finds_dates_and_times)
{
    expect("Today is 2026-11-21.", "Today is <date>.");
    expect("Today is Saturday, 21 November 2026", "Today is <date>");
    expect("Nov 21st, 2026: 14:03", "<date>: <time>");
    expect("on 21.11.2026 or 11/21/26", "on <date> or <date>");
    expect("at 2:03 pm", "at <time>");
    expect("since 2026-11-21T14:03:22.125+01:00 now", "since <time> now");
    expect("since 2026-11-21 14:03:22Z", "since <date> <time>");
}
END_TEST

START_TEST(mask_finds_numbers_and_ids)
{
    expect("order 88231 of 3", "order <number> of 3");
    expect("1,904 tokens, 3.14", "<number> tokens, <number>");
    expect("id 123e4567-e89b-12d3-a456-426614174000!", "id <id>!");
    expect("01ARZ3NDEKTSV4RRFFQ69G5FAV", "<id>");
    expect("call_Zx81kq02Lm and req-0a1b2c3d4e", "<id> and <id>");
    expect("sha 9f86d081884c7d65", "sha <id>");
    expect("trace_id_7f3a91c2", "<id>");
}
END_TEST

START_TEST(mask_leaves_words_alone)
{
    static const char *const kept[] = {
        "",
        "gpt4 base64 v2 utf8",
        "Open Monday to Friday.",
        "You may go.",
        "get_order_status",
        "step 1 of 9",
        "deadbeef",       /* a word, as far as anybody can tell */
        "caf\xc3\xa9s12", /* a letter beyond ASCII is part of the word */
        "chapter 3:1",
    };
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        expect(kept[i], kept[i]);
    }
    expect("2026-1x", "<number>-1x");
}
END_TEST

/* Whatever is cut off at the end, nothing beyond it is read, and what was masked stays out. */
START_TEST(mask_survives_every_cut)
{
    const char *text = "On Sat, Nov 21st, 2026 at 2:03:04.5 pm call_Zx81kq02Lm "
                       "123e4567-e89b-12d3-a456-426614174000 21.11.2026T";
    for (size_t len = 0; len <= strlen(text); len++) {
        uint8_t *copy = rn_alloc(len + 1);
        struct rn_buffer out = {0};
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, text, len);
        ck_assert_int_eq(rn_prompt_mask(rn_bytes_of(copy, len), &out), RN_OK);
        rn_buffer_free(&out);
        rn_free(copy);
    }
}
END_TEST

/* --- versions ------------------------------------------------------------------------------------------------------- */

static struct rn_prompt prompt_of(const char *request)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    struct rn_prompt out;
    ck_assert_int_eq(make(&arena, "/v1/chat/completions", request, "{}", &reading), RN_OK);
    ck_assert(rn_prompt_make(&reading, &out));
    rn_arena_free(&arena);
    return out;
}

static bool same(const struct rn_prompt_key *a, const struct rn_prompt_key *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

#define SAID(text)                                                                                 \
    "{\"role\":\"system\",\"content\":\"" text "\"},{\"role\":\"user\",\"content\":\"Hi\"}"
#define REQUEST(system, more) "{\"model\":\"m\",\"messages\":[" SAID(system) "]" more "}"

START_TEST(another_day_is_another_version_of_one_family)
{
    struct rn_prompt a = prompt_of(REQUEST("Be kind. Today is 2026-11-20.", ""));
    struct rn_prompt b = prompt_of(REQUEST("Be kind. Today is 2026-11-21.", ""));
    struct rn_prompt c = prompt_of(REQUEST("Be rude. Today is 2026-11-21.", ""));
    ck_assert(same(&a.system_family, &b.system_family));
    ck_assert(same(&a.whole, &b.whole));
    ck_assert(!same(&a.system_exact, &b.system_exact));
    ck_assert(!same(&b.system_family, &c.system_family));
    ck_assert(!same(&b.whole, &c.whole));
}
END_TEST

START_TEST(tools_in_another_order_are_the_same_tools)
{
    struct rn_prompt a =
        prompt_of(REQUEST("x", ",\"tools\":[{\"name\":\"a\",\"n\":1},{\"name\":\"b\"}]"));
    struct rn_prompt b =
        prompt_of(REQUEST("x", ",\"tools\":[{\"name\":\"b\"},{\"n\":1.0,\"name\":\"a\"}]"));
    struct rn_prompt c =
        prompt_of(REQUEST("x", ",\"tools\":[{\"name\":\"b\"},{\"n\":2,\"name\":\"a\"}]"));
    ck_assert(same(&a.tools, &b.tools));
    ck_assert(!same(&a.tools, &c.tools));
    ck_assert(!same(&a.whole, &c.whole));
}
END_TEST

START_TEST(parameters_are_compared_as_values)
{
    struct rn_prompt a = prompt_of(REQUEST("x", ",\"temperature\":0.50,\"seed\":7"));
    struct rn_prompt b = prompt_of(REQUEST("x", ",\"seed\":7,\"temperature\":0.5"));
    struct rn_prompt c = prompt_of(REQUEST("x", ",\"seed\":8,\"temperature\":0.5"));
    ck_assert(same(&a.parameters, &b.parameters));
    ck_assert(!same(&a.parameters, &c.parameters));
}
END_TEST

START_TEST(what_the_user_says_is_no_prompt)
{
    struct rn_prompt a =
        prompt_of("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}");
    struct rn_prompt b =
        prompt_of("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Ho\"}]}");
    ck_assert(rn_prompt_key_is_none(&a.system_exact) && rn_prompt_key_is_none(&a.tools));
    ck_assert(same(&a.whole, &b.whole));
}
END_TEST

START_TEST(the_parts_of_a_system_prompt_keep_their_order)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    struct rn_buffer text = {0};
    ck_assert_int_eq(
        make(
            &arena, "/v1/chat/completions",
            "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"One.\"},"
            "{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"developer\",\"content\":\"Two.\"}]}",
            "{}", &reading),
        RN_OK);
    ck_assert_int_eq(rn_prompt_system(&reading, &text), RN_OK);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&text), RN_LIT("One.\n\nTwo.")));
    rn_buffer_free(&text);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(a_key_without_memory_is_no_key)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    struct rn_prompt out;
    ck_assert_int_eq(
        make(&arena, "/v1/chat/completions",
             REQUEST("Today is 2026-11-21.", ",\"seed\":1,\"tools\":[{\"name\":\"a\"}]"), "{}",
             &reading),
        RN_OK);
    bool made = false;
    unsigned failures = 0;
    for (unsigned n = 1; !made; n++) {
        rn_memory_fail_from(n);
        made = rn_prompt_make(&reading, &out);
        rn_memory_fail_from(0);
        failures += !made;
    }
    ck_assert_uint_gt(failures, 1);
    rn_arena_free(&arena);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/prompt");
    RN_CASE(suite, "mask", mask_finds_dates_and_times, mask_finds_numbers_and_ids,
            mask_leaves_words_alone, mask_survives_every_cut);
    RN_CASE(suite, "version", another_day_is_another_version_of_one_family,
            tools_in_another_order_are_the_same_tools, parameters_are_compared_as_values,
            what_the_user_says_is_no_prompt, the_parts_of_a_system_prompt_keep_their_order,
            a_key_without_memory_is_no_key);
    return suite;
}
