/*
 * Digests against vectors computed by evidence_vectors.py, which shares no code with us; the same hex digits stand in
 * docs/format.md.
 */
#include "main.h"

#include <string.h>

#include "base/memory.h"
#include "base/varint.h"
#include "store/evidence.h"

static const char salt_1_20[] = "7d8be51737fc1e173a4a960eb931f1fbcfe3599d29e45d94f538c2f5a2e64685";
static const char hash_1_20[] = "43cf22ec523c3c1cc7b403d2528d9b4c13edc4a0f9c7de2a24f4afd7a3c6d980";
static const char hash_1_19[] = "11979f15599647ccbfa4caaf7553a95fd96f0d08bb9e6df3835dc8bd047e0c1a";
static const char said_1_19[] = "57919cd1645350a2d6917cceb4692b0325a9246e299030250b144a85079b28e1";
static const char chain_start[] =
    "e883991872aa243239a6ad06cdfbebd2c9a278a9ce9c909a7a67f2667b994db4";
static const char evidence_0[] = "caad67d5edb93c59c8dd6d7691eb082f1f5d564796b1757d6886070377b6a7c7";
static const char said_0[] = "99c279256906fa5be6222fc63decda8f15c433e8414548254dc545107d63d177";
static const char evidence_1[] = "fdf302b3f86323b466a74c1025270f2fa04bf72190da67f5f87b83559d8c024d";
static const char said_1[] = "a70eca4cd9fa71176b4c4e9a68420cff23132ca1d2d72bb80210187f49356879";
static const char evidence_g1[] =
    "c7ca373add22d4d609bf48ee6305be313b8efbf0e040808dce59f36e68fd162f";
static const char chain_evidence[] =
    "4ef43e0c51d0c4de095e6bbc98e15bc6ba43dd6c5ce74862f3221f78232b76e8";
static const char chain_said[] = "00de998a6d1ec93fc970862e92a39d8a81bc2ed0a23451819dfe72e51fbb07a1";

static struct rn_buffer times;
static struct rn_buffer argv;
static struct rn_buffer gap;

static void setup(void)
{
    ck_assert_int_eq(rn_varint_put(&times, UINT64_C(1700000000000000000)), RN_OK);
    ck_assert_int_eq(rn_varint_put(&times, 1000), RN_OK);
    ck_assert_int_eq(rn_varint_put(&times, 2000), RN_OK);
    ck_assert_int_eq(rn_run_put(&argv, RN_LIT("python3")), RN_OK);
    ck_assert_int_eq(rn_run_put(&argv, RN_LIT("app.py")), RN_OK);
    ck_assert_int_eq(rn_varint_put(&gap, 1), RN_OK);
    ck_assert_int_eq(rn_varint_put(&gap, 5), RN_OK);
    ck_assert_int_eq(rn_varint_put(&gap, 6), RN_OK);
    ck_assert_int_eq(rn_buffer_add(&gap, RN_LIT("disk full")), RN_OK);
}

static void teardown(void)
{
    rn_buffer_free(&times);
    rn_buffer_free(&argv);
    rn_buffer_free(&gap);
}

static struct rn_salts salts_of_secret(void)
{
    struct rn_salts salts = {.from_secret = true};
    for (unsigned i = 0; i < RN_SECRET_BYTES; i++) {
        salts.secret[i] = (uint8_t)i;
    }
    return salts;
}

static struct rn_trace_id trace_id(void)
{
    struct rn_trace_id id;
    for (unsigned i = 0; i < RN_TRACE_ID_BYTES; i++) {
        id.bytes[i] = (uint8_t)(0x10 + i);
    }
    return id;
}

static struct rn_event run_event(void)
{
    struct rn_event event = {.class = RN_CLASS_EVENT, .n = 0};
    rn_event_set(&event, RN_TAG_KIND, RN_LIT("\1"));
    rn_event_set(&event, RN_TAG_ARGV, rn_buffer_bytes(&argv));
    rn_event_set(&event, RN_TAG_CWD, RN_LIT("/srv/app"));
    rn_event_set(&event, RN_TAG_STDOUT, RN_LIT("done\n"));
    rn_event_set(&event, RN_TAG_EXIT, RN_LIT("\0"));
    return event;
}

static struct rn_event exchange(void)
{
    struct rn_event event = {.class = RN_CLASS_EVENT, .n = 1};
    rn_event_set(&event, RN_TAG_KIND, RN_LIT("\2"));
    rn_event_set(&event, RN_TAG_TIMES, rn_buffer_bytes(&times));
    rn_event_set(&event, RN_TAG_END, RN_LIT("\1"));
    rn_event_set(&event, RN_TAG_UPSTREAM, RN_LIT("openai"));
    rn_event_set(&event, RN_TAG_METHOD, RN_LIT("POST"));
    rn_event_set(&event, RN_TAG_TARGET, RN_LIT("/v1/chat/completions"));
    rn_event_set(&event, RN_TAG_REQUEST_HEAD,
                 RN_LIT("POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:4000\r\n"
                        "Date: Mon, 01 Jan 2024 00:00:00 GMT\r\nX-Stainless-Lang: python\r\n"
                        "Accept: */*\r\n\r\n"));
    rn_event_set(&event, RN_TAG_REQUEST_BODY, RN_LIT("{\"model\":\"m\"}"));
    rn_event_set(
        &event, RN_TAG_RESPONSE_HEAD,
        RN_LIT("HTTP/1.1 200 OK\r\nX-Request-Id: abc\r\nContent-Type: text/plain\r\n\r\n"));
    rn_event_set(&event, RN_TAG_RESPONSE_BODY, RN_LIT("hello"));
    rn_event_set(&event, RN_TAG_RESPONSE_CUTS, RN_LIT("\2\3"));
    return event;
}

static struct rn_event gap_event(void)
{
    struct rn_event event = {.class = RN_CLASS_GAP, .n = 1};
    rn_event_set(&event, RN_TAG_KIND, RN_LIT("\6"));
    rn_event_set(&event, RN_TAG_GAP, rn_buffer_bytes(&gap));
    return event;
}

static void expect_hex(const uint8_t digest[RN_SHA256_BYTES], const char *hex)
{
    char text[2 * RN_SHA256_BYTES + 1];
    rn_hex(rn_bytes_of(digest, RN_SHA256_BYTES), text);
    ck_assert_str_eq(text, hex);
}

/* Both ways: as pieces that may go on, and as a whole. */
static struct rn_digests digest_with(const struct rn_salts *salts, const struct rn_event *event)
{
    struct rn_digests out;
    struct rn_digests at_once;
    struct rn_event_hash *hash = rn_event_hash_begin(salts, event->class, event->n);
    ck_assert_ptr_nonnull(hash);
    ck_assert_int_eq(rn_event_hash_add(hash, event), RN_OK);
    ck_assert_int_eq(rn_event_hash_end(hash, &out), RN_OK);
    ck_assert_int_eq(rn_event_digests(salts, event, &at_once), RN_OK);
    ck_assert_mem_eq(&out, &at_once, sizeof out);
    return out;
}

static struct rn_digests digest(const struct rn_event *event)
{
    struct rn_salts salts = salts_of_secret();
    return digest_with(&salts, event);
}

START_TEST(digests_equal_the_vectors)
{
    struct rn_salts salts = salts_of_secret();
    struct rn_event run = run_event();
    struct rn_event call = exchange();
    struct rn_event missing = gap_event();
    uint8_t salt[RN_SHA256_BYTES];
    ck_assert(rn_salt_of(&salts, RN_CLASS_EVENT, 1, RN_TAG_REQUEST_BODY, salt));
    expect_hex(salt, salt_1_20);
    struct rn_digests found = digest(&run);
    expect_hex(found.evidence, evidence_0);
    expect_hex(found.said, said_0);
    found = digest(&call);
    expect_hex(found.evidence, evidence_1);
    expect_hex(found.said, said_1);
    found = digest(&missing);
    expect_hex(found.evidence, evidence_g1);
}
END_TEST

START_TEST(chain_equals_the_vectors)
{
    struct rn_trace_id id = trace_id();
    struct rn_event run = run_event();
    struct rn_event call = exchange();
    struct rn_event missing = gap_event();
    struct rn_digests chain;
    struct rn_digests event = digest(&run);
    ck_assert(rn_chain_begin(&id, &chain));
    expect_hex(chain.evidence, chain_start);
    expect_hex(chain.said, chain_start);
    ck_assert(rn_chain_add(&chain, RN_CLASS_EVENT, 0, &event));
    event = digest(&call);
    ck_assert(rn_chain_add(&chain, RN_CLASS_EVENT, 1, &event));
    event = digest(&missing);
    ck_assert(rn_chain_add(&chain, RN_CLASS_GAP, 1, &event));
    ck_assert(rn_chain_add(&chain, RN_CLASS_NOTE, 1, &event));
    expect_hex(chain.evidence, chain_evidence);
    expect_hex(chain.said, chain_said);
}
END_TEST

START_TEST(digest_does_not_depend_on_pieces)
{
    struct rn_salts salts = salts_of_secret();
    struct rn_event call = exchange();
    for (size_t cut = 0; cut <= 5; cut++) {
        struct rn_event first = call;
        struct rn_event last = {.class = RN_CLASS_EVENT, .n = 1};
        struct rn_digests out;
        rn_event_set(&first, RN_TAG_RESPONSE_BODY, rn_bytes_sub(RN_LIT("hello"), 0, cut));
        rn_event_set(&last, RN_TAG_RESPONSE_BODY, rn_bytes_from(RN_LIT("hello"), cut));
        first.fields &= ~(UINT64_C(1) << RN_TAG_END);
        rn_event_set(&last, RN_TAG_END, RN_LIT("\1"));
        struct rn_event_hash *hash = rn_event_hash_begin(&salts, RN_CLASS_EVENT, 1);
        ck_assert_int_eq(rn_event_hash_add(hash, &first), RN_OK);
        ck_assert_int_eq(rn_event_hash_add(hash, &last), RN_OK);
        ck_assert_int_eq(rn_event_hash_end(hash, &out), RN_OK);
        expect_hex(out.evidence, evidence_1);
        expect_hex(out.said, said_1);
    }
}
END_TEST

START_TEST(each_field_and_its_place_change_the_digest)
{
    struct rn_event call = exchange();
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        struct rn_event other = call;
        if (!rn_event_has(&call, tag)) {
            continue;
        }
        rn_event_set(&other, tag, RN_LIT("something else"));
        struct rn_digests a = digest(&call);
        struct rn_digests b = digest(&other);
        ck_assert(memcmp(a.evidence, b.evidence, RN_SHA256_BYTES) != 0);
        ck_assert_int_eq(memcmp(a.said, b.said, RN_SHA256_BYTES) != 0, tag != RN_TAG_TIMES);
        other = call;
        other.fields &= ~(UINT64_C(1) << tag);
        b = digest(&other);
        ck_assert(memcmp(a.evidence, b.evidence, RN_SHA256_BYTES) != 0);
    }
}
END_TEST

/* The column s of docs/format.md, "Fields". */
START_TEST(said_covers_the_fields_it_says)
{
    static const unsigned said[] = {1,  3,  16, 17, 18, 19, 20, 21, 25, 26,
                                    27, 28, 30, 40, 44, 45, 46, 47, 53};
    struct rn_event call = exchange();
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        struct rn_event other = call;
        bool is_said = false;
        for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
            is_said = is_said || said[i] == tag;
        }
        rn_event_set(&other, (enum rn_tag)tag, RN_LIT("something else"));
        struct rn_digests a = digest(&call);
        struct rn_digests b = digest(&other);
        ck_assert(memcmp(a.evidence, b.evidence, RN_SHA256_BYTES) != 0);
        ck_assert_msg((memcmp(a.said, b.said, RN_SHA256_BYTES) != 0) == is_said, "tag %u", tag);
    }
}
END_TEST

START_TEST(said_leaves_volatile_lines_out)
{
    struct rn_event call = exchange();
    struct rn_event other = call;
    rn_event_set(&other, RN_TAG_REQUEST_HEAD,
                 RN_LIT("POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:4000\r\n"
                        "USER-AGENT: x\r\nDATE: today\r\nAccept: */*\r\n\r\n"));
    struct rn_digests a = digest(&call);
    struct rn_digests b = digest(&other);
    ck_assert(memcmp(a.evidence, b.evidence, RN_SHA256_BYTES) != 0);
    ck_assert(memcmp(a.said, b.said, RN_SHA256_BYTES) == 0);
    ck_assert(rn_evidence_is_volatile(RN_LIT("X-RateLimit-Remaining-Tokens")));
    ck_assert(rn_evidence_is_volatile(RN_LIT("anthropic-ratelimit-requests-limit")));
    ck_assert(rn_evidence_is_volatile(RN_LIT("x-stainless-retry-count")));
    ck_assert(!rn_evidence_is_volatile(RN_LIT("anthropic-version")));
    ck_assert(!rn_evidence_is_volatile(RN_LIT("x-stainless")));
    ck_assert(!rn_evidence_is_volatile(RN_LIT("")));
}
END_TEST

START_TEST(erased_field_leaves_both_digests)
{
    struct rn_salts salts = salts_of_secret();
    struct rn_event call = exchange();
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        if (!rn_event_has(&call, tag)) {
            continue;
        }
        struct rn_event erased = call;
        struct rn_buffer record = {0};
        ck_assert_int_eq(
            rn_erasure_put(&salts, RN_CLASS_EVENT, 1, tag, rn_event_get(&call, tag), &record),
            RN_OK);
        erased.fields &= ~(UINT64_C(1) << tag);
        erased.erased = UINT64_C(1) << tag;
        erased.erasures = rn_buffer_bytes(&record);
        struct rn_digests found = digest(&erased);
        expect_hex(found.evidence, evidence_1);
        expect_hex(found.said, said_1);
        rn_buffer_free(&record);
    }
}
END_TEST

START_TEST(erasure_records_hold_the_hashes)
{
    struct rn_salts salts = salts_of_secret();
    struct rn_event call = exchange();
    struct rn_buffer records = {0};
    struct rn_erasure erasure;
    ck_assert_int_eq(rn_erasure_put(&salts, RN_CLASS_EVENT, 1, RN_TAG_REQUEST_HEAD,
                                    rn_event_get(&call, RN_TAG_REQUEST_HEAD), &records),
                     RN_OK);
    ck_assert_int_eq(rn_erasure_put(&salts, RN_CLASS_EVENT, 1, RN_TAG_REQUEST_BODY,
                                    rn_event_get(&call, RN_TAG_REQUEST_BODY), &records),
                     RN_OK);
    for (size_t len = 0; len < records.len; len++) {
        struct rn_bytes in = rn_bytes_sub(rn_buffer_bytes(&records), 0, len);
        bool first = rn_erasure_get(&in, &erasure);
        ck_assert(!first || !rn_erasure_get(&in, &erasure));
    }
    struct rn_bytes in = rn_buffer_bytes(&records);
    ck_assert(rn_erasure_get(&in, &erasure));
    ck_assert_uint_eq(erasure.tag, RN_TAG_REQUEST_HEAD);
    expect_hex(erasure.hash, hash_1_19);
    expect_hex(erasure.said, said_1_19);
    ck_assert_uint_lt(erasure.said_bytes, erasure.bytes);
    ck_assert(rn_erasure_get(&in, &erasure));
    expect_hex(erasure.hash, hash_1_20);
    ck_assert_uint_eq(erasure.said_bytes, erasure.bytes);
    ck_assert_uint_eq(in.len, 0);
    rn_buffer_free(&records);
}
END_TEST

START_TEST(table_of_salts_stands_in_for_the_secret)
{
    struct rn_salts salts = salts_of_secret();
    struct rn_event call = exchange();
    struct rn_buffer table = {0};
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        uint8_t row[38] = {RN_CLASS_EVENT, 0, 0, 0, 1, (uint8_t)tag};
        if (rn_event_has(&call, tag)) {
            ck_assert(rn_salt_of(&salts, RN_CLASS_EVENT, 1, tag, row + 6));
            ck_assert_int_eq(rn_buffer_append(&table, row, sizeof row), RN_OK);
        }
    }
    struct rn_salts rows = {.from_secret = false, .table = rn_buffer_bytes(&table)};
    struct rn_digests found = digest_with(&rows, &call);
    expect_hex(found.evidence, evidence_1);
    /* A field without a row has no salt any more. */
    rn_event_set(&call, RN_TAG_RULE, RN_LIT("run"));
    struct rn_event_hash *hash = rn_event_hash_begin(&rows, RN_CLASS_EVENT, 1);
    struct rn_digests none;
    ck_assert_int_eq(rn_event_hash_add(hash, &call), RN_NOTFOUND);
    ck_assert_int_eq(rn_event_digests(&rows, &call, &none), RN_NOTFOUND);
    rn_event_hash_drop(hash);
    rn_buffer_free(&table);
}
END_TEST

START_TEST(whole_fields_do_not_go_on)
{
    struct rn_salts salts = salts_of_secret();
    struct rn_event call = exchange();
    struct rn_event more = {.class = RN_CLASS_EVENT, .n = 1};
    static const enum rn_tag whole[] = {RN_TAG_RESPONSE_HEAD, RN_TAG_ANSWERS, RN_TAG_MOVES,
                                        RN_TAG_INPUT};
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        struct rn_event first = call;
        rn_event_set(&first, whole[i], RN_LIT("some"));
        more.fields = 0;
        rn_event_set(&more, whole[i], RN_LIT("more"));
        struct rn_event_hash *hash = rn_event_hash_begin(&salts, RN_CLASS_EVENT, 1);
        ck_assert_int_eq(rn_event_hash_add(hash, &first), RN_OK);
        ck_assert_int_eq(rn_event_hash_add(hash, &more), RN_DAMAGED);
        rn_event_hash_drop(hash);
    }
}
END_TEST

START_TEST(hashing_survives_each_failed_allocation)
{
    struct rn_salts salts = salts_of_secret();
    struct rn_event call = exchange();
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        struct rn_digests out;
        rn_memory_fail_from(nth);
        struct rn_event_hash *hash = rn_event_hash_begin(&salts, RN_CLASS_EVENT, 1);
        enum rn_status status = hash == NULL ? RN_NOMEM : rn_event_hash_add(hash, &call);
        if (status == RN_OK) {
            status = rn_event_hash_end(hash, &out);
        } else {
            rn_event_hash_drop(hash);
        }
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("store/evidence");
    TCase *digests = tcase_create("digests");
    tcase_add_checked_fixture(digests, setup, teardown);
    tcase_add_test(digests, digests_equal_the_vectors);
    tcase_add_test(digests, chain_equals_the_vectors);
    tcase_add_test(digests, digest_does_not_depend_on_pieces);
    tcase_add_test(digests, each_field_and_its_place_change_the_digest);
    tcase_add_test(digests, said_covers_the_fields_it_says);
    tcase_add_test(digests, said_leaves_volatile_lines_out);
    tcase_add_test(digests, erased_field_leaves_both_digests);
    tcase_add_test(digests, erasure_records_hold_the_hashes);
    tcase_add_test(digests, table_of_salts_stands_in_for_the_secret);
    tcase_add_test(digests, whole_fields_do_not_go_on);
    tcase_add_test(digests, hashing_survives_each_failed_allocation);
    suite_add_tcase(suite, digests);
    return suite;
}
