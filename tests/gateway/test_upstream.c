/* Names and URLs of upstreams, and many transfers over few shards. */
#include "main.h"

#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "probe.h"

/* --- many ------------------------------------------------------------------------------------ */

#define MANY 200
START_TEST(upstream_spreads_many_transfers_over_shards)
{
    serve_scripts(SCRIPTS(STEPS(SEND(PLAIN "he"), {TOY_GATE, {0}}, SEND("llo"))));
    static struct seen seen[MANY];
    unsigned left = MANY;
    for (unsigned round = 0; round < 2; round++) {
        left = MANY;
        for (size_t i = 0; i < MANY; i++) {
            seen[i] = (struct seen){.left = &left};
            seen_init(&seen[i]);
            start_on(&seen[i], "toy", GET);
        }
        ck_assert_uint_eq(upstreams->shard_count,
                          (MANY + RN_TRANSFERS_PER_SHARD - 1) / RN_TRANSFERS_PER_SHARD);
        seen[MANY - 1].open_gate_at_piece = server;
        rn_loop_run(loop);
        for (size_t i = 0; i < MANY; i++) {
            ck_complete(&seen[i], PLAIN, "hello");
            seen_free(&seen[i]);
        }
    }
    ck_assert_uint_eq(toy_connections(server), MANY);
    ck_assert_uint_eq(upstreams->spare_count, MANY);
}
END_TEST

/* --- names and URLs -------------------------------------------------------------------------- */

START_TEST(upstream_names_are_sorted_found_and_overridden)
{
    ck_assert_int_eq(rn_upstreams_add_builtin(upstreams, NULL), RN_OK);
    const struct rn_upstream *openai = rn_upstreams_find(upstreams, RN_LIT("openai"));
    ck_assert_str_eq(rn_upstream_url(openai), "https://api.openai.com");
    size_t count = 0;
    while (rn_upstreams_at(upstreams, count) != NULL) {
        const struct rn_upstream *one = rn_upstreams_at(upstreams, count);
        ck_assert_ptr_eq(rn_upstreams_find(upstreams, rn_bytes_text(rn_upstream_name(one))), one);
        if (count > 0) {
            const struct rn_upstream *before = rn_upstreams_at(upstreams, count - 1);
            ck_assert_int_lt(strcmp(rn_upstream_name(before), rn_upstream_name(one)), 0);
        }
        count++;
    }
    ck_assert_uint_eq(count, 17);
    ck_assert_int_eq(rn_upstreams_add(upstreams, "openai", "HTTP://localhost:8080/v1/", NULL),
                     RN_OK);
    ck_assert_ptr_eq(rn_upstreams_find(upstreams, RN_LIT("openai")), openai);
    ck_assert_str_eq(rn_upstream_url(openai), "HTTP://localhost:8080/v1");
    ck_assert_ptr_null(rn_upstreams_find(upstreams, RN_LIT("open")));
    ck_assert_ptr_null(rn_upstreams_find(upstreams, RN_LIT("zzz")));
    ck_assert_ptr_null(rn_upstreams_at(upstreams, count));
}
END_TEST

START_TEST(upstream_refuses_bad_urls_without_repeating_them)
{
    static const char *const bad[] = {"",
                                      "api.openai.com",
                                      "ftp://host",
                                      "http://",
                                      "http:///path",
                                      "http://host:0",
                                      "http://host:65536",
                                      "http://host:",
                                      "http://host:8a",
                                      "http://ho st",
                                      "http://host/p?q",
                                      "http://host/p#f",
                                      "http://ho\tst",
                                      "http://host\xc3\xa9",
                                      "http://[::1",
                                      "http://user:secret@",
                                      "http://a\\b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rn_error error = {0};
        ck_assert_msg(rn_upstreams_add(upstreams, "toy", bad[i], &error) == RN_INVALID, "%s",
                      bad[i]);
        ck_assert_ptr_null(strstr(error.text, "secret"));
        ck_assert_ptr_nonnull(strstr(error.text, "toy"));
    }
    static const char *const good[] = {"http://h", "https://h:65535/", "http://[::1]:8080/a/b",
                                       "http://u:p@h:1", "http://my_host-1.example"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_int_eq(rn_upstreams_add(upstreams, "toy", good[i], NULL), RN_OK);
    }
    ck_assert_int_eq(rn_upstreams_add(upstreams, "T", "http://h", NULL), RN_INVALID);
}
END_TEST

/* --- memory ---------------------------------------------------------------------------------- */

START_TEST(upstream_is_whole_or_nothing_when_memory_runs_out)
{
    enum rn_status status = RN_NOMEM;
    for (unsigned long nth = 1; nth < 40 && status != RN_OK; nth++) {
        rn_memory_fail_from(nth);
        status = rn_upstreams_add(upstreams, "toy", "http://u:p@host/p", NULL);
        rn_memory_fail_from(0);
        ck_assert(status == RN_OK || rn_upstreams_at(upstreams, 0) == NULL);
    }
    ck_assert_int_eq(status, RN_OK);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("upstream");
    PROBE_CASE(suite, "many", upstream_spreads_many_transfers_over_shards);
    PROBE_CASE(suite, "names", upstream_names_are_sorted_found_and_overridden,
               upstream_refuses_bad_urls_without_repeating_them);
    PROBE_CASE(suite, "memory", upstream_is_whole_or_nothing_when_memory_runs_out);
    return suite;
}
