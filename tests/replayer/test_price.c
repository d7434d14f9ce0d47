/* Prices: exact amounts, the list users edit, the list we bring along. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "price.h"
#include "price_builtin.h"
#include "store/room.h"

static struct room room;

static void setup(void)
{
    room_open(&room);
    setenv("XDG_CONFIG_HOME", room.path, 1);
}

static void teardown(void)
{
    room_close(&room);
}

static enum rn_status load_text(const char *text, struct rn_prices **prices, struct rn_error *error)
{
    const char *path = room_file(&room, "list.json");
    room_write(path, text, strlen(text));
    return rn_prices_load(path, prices, error);
}

#define LIST(models)                                                                               \
    "{\"schema\":\"reenact.prices/1\",\"date\":\"2026-11-20\",\"models\":{" models "}}"

static struct rn_price price_in(const struct rn_prices *prices, const char *upstream,
                                const char *model)
{
    struct rn_price price = {0};
    ck_assert(rn_price_of(prices, rn_bytes_text(upstream), rn_bytes_text(model), &price));
    return price;
}

START_TEST(amounts_are_exact)
{
    static const struct {
        const char *text;
        uint64_t pico;
    } good[] = {
        {"12.50", UINT64_C(12500000000000)},
        {"$3", UINT64_C(3000000000000)},
        {"0.05", UINT64_C(50000000000)},
        {"0", 0},
        {"0.000000000001", 1},
        {"18446744.073709551615", UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t pico = 1234;
        ck_assert_msg(rn_price_parse(good[i].text, &pico), "%s", good[i].text);
        ck_assert_uint_eq(pico, good[i].pico);
    }
}
END_TEST

START_TEST(what_is_no_amount_is_refused)
{
    static const char *const bad[] = {"",
                                      "$",
                                      ".5",
                                      "5.",
                                      "-1",
                                      "+1",
                                      "1e3",
                                      "1,5",
                                      " 1",
                                      "1 ",
                                      "0x1",
                                      "1.2.3",
                                      "$$1",
                                      "0.0000000000001",
                                      "18446744.073709551616",
                                      "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t pico = 0;
        ck_assert_msg(!rn_price_parse(bad[i], &pico), "%s", bad[i]);
    }
}
END_TEST

START_TEST(cost_saturates)
{
    const struct rn_price price = {.in = 2000000, .cached = 500000, .out = 8000000};
    ck_assert_uint_eq(rn_price_cost(&price, 1000, 400, 10),
                      600 * UINT64_C(2000000) + 400 * UINT64_C(500000) + 10 * UINT64_C(8000000));
    ck_assert_uint_eq(rn_price_cost(&price, 10, 400, 0), 10 * UINT64_C(500000));
    ck_assert_uint_eq(rn_price_cost(&price, UINT64_MAX, 0, 0), UINT64_MAX);
    ck_assert_uint_eq(rn_price_cost(&price, UINT64_MAX / 2000000, 0, UINT64_MAX / 8000000),
                      UINT64_MAX);
    ck_assert_uint_eq(rn_price_cost(&price, 0, 0, 0), 0);
}
END_TEST

START_TEST(the_longest_name_wins_and_upstreams_before_models)
{
    struct rn_prices *prices = NULL;
    struct rn_error error = {.text = ""};
    struct rn_price price;
    ck_ok(
        load_text(LIST("\"m*\":{\"in\":1},\"m-1*\":{\"in\":2},\"m-1-mini\":{\"in\":3},"
                       "\"m-1-mini*\":{\"in\":4},\"u/m*\":{\"in\":5},\"u/x\":{\"in\":\"0.000001\"},"
                       "\"v/*\":{\"in\":0.1}"),
                  &prices, &error));
    ck_assert_uint_eq(price_in(prices, "o", "m").in, 1000000);
    ck_assert_uint_eq(price_in(prices, "o", "m-1").in, 2000000);
    ck_assert_uint_eq(price_in(prices, "o", "m-1-mini").in, 3000000);
    ck_assert_uint_eq(price_in(prices, "o", "m-1-mini-2").in, 4000000);
    ck_assert_uint_eq(price_in(prices, "u", "m-1-mini").in, 5000000);
    ck_assert_uint_eq(price_in(prices, "u", "x").in, 1);
    ck_assert_uint_eq(price_in(prices, "v", "anything").in, 100000);
    ck_assert_uint_eq(price_in(prices, "", "u/x").in, 1);
    ck_assert(!rn_price_of(prices, RN_LIT("o"), RN_LIT("x"), &price));
    ck_assert(!rn_price_of(prices, RN_LIT(""), RN_LIT(""), &price));
    ck_assert_str_eq(rn_prices_date(prices), "2026-11-20");
    rn_prices_free(prices);
}
END_TEST

START_TEST(a_price_without_cache_is_the_same_for_all)
{
    struct rn_prices *prices = NULL;
    struct rn_error error = {.text = ""};
    ck_ok(load_text(LIST("\"m\":{\"in\":2.5}"), &prices, &error));
    struct rn_price price = price_in(prices, "", "m");
    ck_assert_uint_eq(price.cached, 2500000);
    ck_assert_uint_eq(price.out, 0);
    rn_prices_free(prices);
}
END_TEST

START_TEST(a_bad_list_is_refused_with_its_place)
{
    static const struct {
        const char *text;
        const char *said;
    } bad[] = {
        {"", "list.json"},
        {"[]", "schema"},
        {"{\"schema\":\"reenact.prices/2\"}", "schema"},
        {"{\"schema\":\"reenact.prices/1\",\"date\":\"today\",\"models\":{}}", "date"},
        {"{\"schema\":\"reenact.prices/1\",\"date\":\"2026-11-2x\",\"models\":{}}", "date"},
        {"{\"schema\":\"reenact.prices/1\",\"date\":\"2026-11-20\"}", "models"},
        {LIST("\"m\":1"), "'m'"},
        {LIST("\"m\":{\"out\":1}"), "'m'"},
        {LIST("\"m\":{\"in\":-1}"), "'in'"},
        {LIST("\"m\":{\"in\":1e3}"), "'in'"},
        {LIST("\"m\":{\"in\":null}"), "'in'"},
        {LIST("\"m\":{\"in\":1,\"out\":0.0000001}"), "'out'"},
        {LIST("\"m\":{\"in\":1,\"cached\":\"\"}"), "'cached'"},
        {LIST("\"m\":{\"in\":1},\"m\":{\"in\":2}"), "twice"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rn_prices *prices = NULL;
        struct rn_error error = {.text = ""};
        ck_assert_msg(load_text(bad[i].text, &prices, &error) == RN_INVALID, "%s", bad[i].text);
        ck_assert_msg(strstr(error.text, bad[i].said) != NULL, "%s: %s", bad[i].text, error.text);
        ck_assert_ptr_null(prices);
    }
}
END_TEST

START_TEST(a_list_cut_at_each_byte_is_refused)
{
    static const char text[] = LIST("\"m\":{\"in\":1,\"cached\":0.5,\"out\":\"2\"}");
    for (size_t len = 0; len < sizeof text - 1; len++) {
        struct rn_prices *prices = NULL;
        struct rn_error error;
        char cut[sizeof text];
        memcpy(cut, text, len);
        cut[len] = '\0';
        ck_assert_int_eq(load_text(cut, &prices, &error), RN_INVALID);
    }
}
END_TEST

START_TEST(the_users_own_list_goes_before_ours)
{
    static const char own[] = LIST("\"m\":{\"in\":1}");
    struct rn_prices *prices = NULL;
    struct rn_error error = {.text = ""};
    ck_ok(rn_prices_load(NULL, &prices, &error));
    ck_assert_str_eq(rn_prices_origin(prices), "built in");
    rn_prices_free(prices);
    ck_ok(rn_file_make_directory(room_file(&room, "reenact"), 0700, &error));
    room_write(room_file(&room, "reenact/prices.json"), own, sizeof own - 1);
    ck_ok(rn_prices_load(NULL, &prices, &error));
    ck_assert_str_eq(rn_prices_origin(prices), room_file(&room, "reenact/prices.json"));
    ck_assert_str_eq(rn_prices_date(prices), "2026-11-20");
    rn_prices_free(prices);
}
END_TEST

START_TEST(a_list_that_is_named_must_be_there)
{
    struct rn_prices *prices = NULL;
    struct rn_error error = {.text = ""};
    ck_assert_int_eq(rn_prices_load(room_file(&room, "none.json"), &prices, &error), RN_NOTFOUND);
    ck_assert_ptr_null(prices);
}
END_TEST

START_TEST(the_list_we_bring_along_is_the_one_that_is_installed)
{
    struct rn_buffer file = {0};
    struct rn_error error = {.text = ""};
    struct rn_prices *prices = NULL;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/../share/prices.json", getenv("REENACT_TESTS"));
    ck_ok(rn_file_read(path, &file, &error));
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&file),
                             rn_bytes_of(rn_prices_builtin, rn_prices_builtin_bytes)));
    rn_buffer_free(&file);
    ck_ok(rn_prices_load(NULL, &prices, &error));
    ck_assert_uint_eq(price_in(prices, "openai", "gpt-4.1").in, 2000000);
    ck_assert_uint_eq(price_in(prices, "openai", "gpt-4.1-mini").out, 1600000);
    ck_assert_uint_eq(price_in(prices, "openai", "gpt-4.1-mini-2025-04-14").cached, 100000);
    ck_assert_uint_eq(price_in(prices, "ollama", "llama3").in, 0);
    rn_prices_free(prices);
}
END_TEST

START_TEST(memory_may_fail_anywhere)
{
    enum rn_status status = RN_NOMEM;
    const char *path = room_file(&room, "list.json");
    static const char text[] = LIST("\"m\":{\"in\":1},\"n*\":{\"in\":2}");
    room_write(path, text, sizeof text - 1);
    for (unsigned long nth = 1; status != RN_OK; nth++) {
        struct rn_prices *prices = NULL;
        struct rn_error error = {.text = ""};
        rn_memory_fail_from(nth);
        status = rn_prices_load(path, &prices, &error);
        rn_memory_fail_from(0);
        ck_assert(status == RN_OK || status == RN_NOMEM);
        rn_prices_free(prices);
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("price");
    TCase *list = tcase_create("list");
    RN_CASE(suite, "amounts", amounts_are_exact, what_is_no_amount_is_refused, cost_saturates);
    tcase_add_checked_fixture(list, setup, teardown);
    tcase_add_test(list, the_longest_name_wins_and_upstreams_before_models);
    tcase_add_test(list, a_price_without_cache_is_the_same_for_all);
    tcase_add_test(list, a_bad_list_is_refused_with_its_place);
    tcase_add_test(list, a_list_cut_at_each_byte_is_refused);
    tcase_add_test(list, the_users_own_list_goes_before_ours);
    tcase_add_test(list, a_list_that_is_named_must_be_there);
    tcase_add_test(list, the_list_we_bring_along_is_the_one_that_is_installed);
    tcase_add_test(list, memory_may_fail_anywhere);
    suite_add_tcase(suite, list);
    return suite;
}
