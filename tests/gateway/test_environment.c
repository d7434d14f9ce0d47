/* Plans of environment variables: what they make of what is set, and what a command is given. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/varint.h"
#include "environment.h"

static struct rn_loop *loop;
static struct rn_upstreams *upstreams;
static struct rn_environment plan;
static struct rn_error error;

static void set_up(void)
{
    loop = rn_loop_new();
    upstreams = rn_upstreams_new(loop);
    ck_assert_int_eq(rn_upstreams_add_builtin(upstreams, NULL), RN_OK);
    plan = (struct rn_environment){0};
    error = (struct rn_error){0};
}

static void tear_down(void)
{
    rn_environment_free(&plan);
    rn_upstreams_free(upstreams);
    rn_loop_free(loop);
}

#define ENVIRONMENT(...) ((char *const[]){__VA_ARGS__, NULL})
#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NOTHING ((char *const[]){NULL})

static void make(char *const *environment, const char *const *wraps)
{
    enum rn_status status = rn_environment_plan(&plan, upstreams, environment, wraps, &error);
    ck_assert_msg(status == RN_OK, "%s", error.text);
}

/* The plan is refused with a sentence that holds `clause`. */
static void ck_refused(char *const *environment, const char *const *wraps, const char *clause)
{
    ck_assert_int_eq(rn_environment_plan(&plan, upstreams, environment, wraps, &error), RN_INVALID);
    ck_assert_msg(strstr(error.text, clause) != NULL, "\"%s\"", error.text);
    rn_environment_free(&plan);
}

static void ck_template(const char *name, const char *expected)
{
    for (const struct rn_variable *v = plan.first; v != NULL; v = v->next) {
        if (rn_bytes_equal(v->name, rn_bytes_text(name))) {
            ck_assert_ptr_nonnull(expected);
            ck_assert_str_eq((const char *)v->template.data, expected);
            return;
        }
    }
    ck_assert_msg(expected == NULL, "%s is not in the plan", name);
}

static void ck_url(const char *upstream, const char *expected)
{
    const struct rn_upstream *found = rn_upstreams_find(upstreams, rn_bytes_text(upstream));
    ck_assert_ptr_nonnull(found);
    ck_assert_str_eq(rn_upstream_url(found), expected);
}

static unsigned times_named(const char *upstream)
{
    unsigned count = 0;
    for (const struct rn_variable_upstream *u = plan.upstreams; u != NULL; u = u->next) {
        count += strcmp(u->name, upstream) == 0;
    }
    return count;
}

/* --- plans --------------------------------------------------------------------------------------------------------- */

START_TEST(what_is_not_set_points_at_the_usual_upstreams)
{
    make(NOTHING, NULL);
    ck_template("OPENAI_BASE_URL", "{openai}/v1");
    ck_template("OPENAI_API_BASE", "{openai}/v1");
    ck_template("ANTHROPIC_BASE_URL", "{anthropic}");
    ck_template("OLLAMA_HOST", "{ollama|authority}");
    ck_template("AZURE_OPENAI_ENDPOINT", NULL);
    ck_url("openai", "https://api.openai.com");
    ck_assert_uint_eq(times_named("openai"), 1);
    ck_assert_uint_eq(times_named("mistral"), 0);
}
END_TEST

START_TEST(a_set_variable_makes_its_origin_the_upstream_and_keeps_its_path)
{
    make(ENVIRONMENT("OPENAI_BASE_URL=https://proxy.example:8443/openai/v1/",
                     "OPENAI_API_BASE=", "AZURE_OPENAI_ENDPOINT=https://me.azure.example"),
         NULL);
    ck_template("OPENAI_BASE_URL", "{openai}/openai/v1/");
    ck_url("openai", "https://proxy.example:8443");
    ck_template("AZURE_OPENAI_ENDPOINT", "{azure-openai}");
    ck_url("azure-openai", "https://me.azure.example");
}
END_TEST

START_TEST(the_order_of_the_table_does_not_matter_to_what_is_set)
{
    make(ENVIRONMENT("OPENAI_API_BASE=https://proxy.example/v1"), NULL);
    ck_template("OPENAI_API_BASE", "{openai}/v1");
    ck_url("openai", "https://proxy.example");
    /* Whoever reads this one would be sent to the proxy with a key for the usual server. */
    ck_template("OPENAI_BASE_URL", NULL);
}
END_TEST

START_TEST(two_variables_may_name_one_server_but_not_two)
{
    make(ENVIRONMENT("OPENAI_BASE_URL=https://u:p@one.example/v1",
                     "OPENAI_API_BASE=https://u:p@one.example/v2"),
         NULL);
    ck_template("OPENAI_BASE_URL", "{openai}/v1");
    ck_template("OPENAI_API_BASE", "{openai}/v2");
    ck_url("openai", "https://one.example");
    rn_environment_free(&plan);
    ck_refused(ENVIRONMENT("OPENAI_BASE_URL=https://one.example/v1",
                           "OPENAI_API_BASE=https://two.example/v1"),
               NULL, "the upstream openai is https://one.example already");
    ck_refused(ENVIRONMENT("OPENAI_BASE_URL=https://a:secret@one.example/v1",
                           "OPENAI_API_BASE=https://b:secret@one.example/v1"),
               NULL, "OPENAI_API_BASE names https://one.example,");
    ck_assert_ptr_null(strstr(error.text, "secret"));
}
END_TEST

START_TEST(what_ollama_leaves_out_is_filled_in)
{
    static const char *const cases[][2] = {
        {"OLLAMA_HOST=10.0.0.2", "http://10.0.0.2:11434"},
        {"OLLAMA_HOST=10.0.0.2:99", "http://10.0.0.2:99"},
        {"OLLAMA_HOST=:99", "http://127.0.0.1:99"},
        {"OLLAMA_HOST=[::1]", "http://[::1]:11434"},
        {"OLLAMA_HOST=[::1]:99", "http://[::1]:99"},
        {"OLLAMA_HOST=http://box", "http://box"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make(ENVIRONMENT((char *)(uintptr_t)cases[i][0]), NULL);
        ck_url("ollama", cases[i][1]);
        ck_template("OLLAMA_HOST", i < 5 ? "{ollama|authority}" : "{ollama}");
        rn_environment_free(&plan);
    }
}
END_TEST

START_TEST(braces_in_a_path_are_no_template)
{
    make(ENVIRONMENT("OPENAI_BASE_URL=https://x.example/{tenant}/v1"), NULL);
    ck_template("OPENAI_BASE_URL", "{openai}/%7Btenant%7D/v1");
    ck_assert_uint_eq(times_named("tenant"), 0);
}
END_TEST

START_TEST(a_wrapped_variable_names_its_upstream)
{
    make(ENVIRONMENT("QDRANT_URL=http://db:6333/", "VECTOR_DB_HOST=10.0.0.1", "VECTOR_DB_PORT=7",
                     "RERANK_HOST=https://r.example", "RERANK_PORT=8"),
         TEXTS("QDRANT_URL", "VECTOR_DB_HOST,VECTOR_DB_PORT", "RERANK_HOST,RERANK_PORT"));
    ck_template("QDRANT_URL", "{qdrant}/");
    ck_url("qdrant", "http://db:6333");
    ck_template("VECTOR_DB_HOST", "{vector-db|host}");
    ck_template("VECTOR_DB_PORT", "{vector-db|port}");
    ck_url("vector-db", "http://10.0.0.1:7");
    ck_template("RERANK_HOST", "http://{rerank|host}");
    ck_url("rerank", "https://r.example:8");
}
END_TEST

START_TEST(what_cannot_be_wrapped_is_refused_with_a_sentence)
{
    ck_refused(NOTHING, TEXTS("QDRANT_URL"), "QDRANT_URL: that variable is not set");
    ck_refused(ENVIRONMENT("A_HOST=x"), TEXTS("A_HOST,A_PORT"), "A_PORT is not set");
    ck_refused(NOTHING, TEXTS("A_HOST,A_PORT"), "A_HOST is not set");
    ck_refused(NOTHING, TEXTS(",A_PORT"), "names no variable");
    ck_refused(ENVIRONMENT("X=http://x"), TEXTS("X"), "no upstream name");
    ck_refused(ENVIRONMENT("DB_URL=postgres://u:secret@db/x"), TEXTS("DB_URL"),
               "DB_URL holds no http or https URL");
    ck_assert_ptr_null(strstr(error.text, "secret"));
    ck_refused(ENVIRONMENT("DB_URL="), TEXTS("DB_URL"), "DB_URL holds no http or https URL");
    ck_refused(ENVIRONMENT("A_URL=http://one", "A_HOST=http://two"), TEXTS("A_URL", "A_HOST"),
               "no upstream name"); /* "a" is too short a name */
    ck_refused(ENVIRONMENT("AB_URL=http://one", "AB_HOST=http://two"), TEXTS("AB_URL", "AB_HOST"),
               "the upstream ab is http://one already");
}
END_TEST

START_TEST(a_value_that_is_too_long_is_refused_not_cut)
{
    char value[3000] = "QDRANT_URL=http://db/";
    memset(value + strlen(value), 'a', sizeof value - strlen(value) - 1);
    value[sizeof value - 1] = '\0';
    ck_assert_int_ne(
        rn_environment_plan(&plan, upstreams, ENVIRONMENT(value), TEXTS("QDRANT_URL"), &error),
        RN_OK);
    rn_environment_free(&plan);
    memcpy(value, "OPENAI_BASE_URL=http://x/", 25);
    ck_assert_int_ne(rn_environment_plan(&plan, upstreams, ENVIRONMENT(value), NULL, &error),
                     RN_OK);
}
END_TEST

/* --- building ------------------------------------------------------------------------------------------------------ */

static const struct rn_port ports[] = {{"", 1}, {"openai", 2}, {"ollama", 3}, {"db", 4}};

static void ck_value(char *const *environment, const char *name, const char *expected)
{
    const char *value = rn_environment_get(environment, name);
    ck_assert_ptr_nonnull(value);
    ck_assert_str_eq(value, expected);
}

static void set(const char *name, const char *template)
{
    ck_assert_int_eq(rn_environment_set(&plan, rn_bytes_text(name), rn_bytes_text(template)),
                     RN_OK);
}

START_TEST(templates_are_filled_with_ports)
{
    set("A", "{openai}/v1");
    set("B", "{ollama|authority}");
    set("C", "http://{db|host}:{db|port}/x");
    set("D", "{}/t");
    set("E", "plain { text");
    set("F", "");
    char **built = rn_environment_build(&plan, ports, 4, ENVIRONMENT("A=old", "KEEP=1"),
                                        TEXTS("G=2", "KEEP=3"));
    ck_assert_ptr_nonnull(built);
    ck_value(built, "A", "http://127.0.0.1:2/v1");
    ck_value(built, "B", "127.0.0.1:3");
    ck_value(built, "C", "http://127.0.0.1:4/x");
    ck_value(built, "D", "http://127.0.0.1:1/t");
    ck_value(built, "E", "plain { text");
    ck_value(built, "F", "");
    ck_value(built, "G", "2");
    ck_value(built, "KEEP", "3");
    size_t count = 0;
    while (built[count] != NULL) {
        count++;
    }
    ck_assert_uint_eq(count, 10);
    rn_environment_drop(built);
}
END_TEST

START_TEST(both_spellings_of_no_proxy_are_extended)
{
    static const char *const cases[][3] = {
        {"X=1", "127.0.0.1,localhost", "127.0.0.1,localhost"},
        {"NO_PROXY=", "127.0.0.1,localhost", "127.0.0.1,localhost"},
        {"NO_PROXY=a", "a,127.0.0.1,localhost", "a,127.0.0.1,localhost"},
        {"no_proxy=b", "b,127.0.0.1,localhost", "b,127.0.0.1,localhost"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char **built = rn_environment_build(&plan, ports, 4,
                                            ENVIRONMENT((char *)(uintptr_t)cases[i][0]), NULL);
        ck_value(built, "NO_PROXY", cases[i][1]);
        ck_value(built, "no_proxy", cases[i][2]);
        rn_environment_drop(built);
    }
}
END_TEST

START_TEST(a_plan_comes_back_from_its_stored_form_and_a_cut_one_is_refused)
{
    struct rn_buffer stored = {0};
    make(ENVIRONMENT("OPENAI_BASE_URL=https://x.example/v1"), NULL);
    ck_assert_int_eq(rn_environment_encode(&plan, &stored), RN_OK);
    unsigned whole = 0;
    for (size_t len = 0; len <= stored.len; len++) {
        struct rn_environment back = {0};
        struct rn_buffer again = {0};
        enum rn_status status =
            rn_environment_decode(rn_bytes_sub(rn_buffer_bytes(&stored), 0, len), &back);
        ck_assert(status == RN_OK || status == RN_DAMAGED);
        if (status == RN_OK) { /* between two variables */
            ck_assert_int_eq(rn_environment_encode(&back, &again), RN_OK);
            ck_assert(rn_bytes_equal(rn_buffer_bytes(&again),
                                     rn_bytes_sub(rn_buffer_bytes(&stored), 0, len)));
            whole++;
        }
        rn_buffer_free(&again);
        rn_environment_free(&back);
    }
    size_t variables = 0;
    for (const struct rn_variable *v = plan.first; v != NULL; v = v->next) {
        variables++;
    }
    ck_assert_uint_eq(whole, variables + 1);
    rn_buffer_free(&stored);
}
END_TEST

START_TEST(credentials_are_known_by_their_names)
{
    static const char *const yes[] = {"OPENAI_API_KEY", "hf_token",     "CLIENT_SECRET",
                                      "DB_PASSWORD",    "MYSQL_PASSWD", "AWS_CREDENTIALS"};
    static const char *const no[] = {"HOME", "PATH", "OPENAI_BASE_URL"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        ck_assert(rn_environment_is_credential(rn_bytes_text(yes[i])));
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        ck_assert(!rn_environment_is_credential(rn_bytes_text(no[i])));
    }
}
END_TEST

START_TEST(a_variable_is_found_by_its_whole_name)
{
    char *const environment[] = {"AB=1", "A=2", "BARE", NULL};
    ck_value(environment, "A", "2");
    ck_assert_ptr_null(rn_environment_get(environment, "B"));
    ck_assert_ptr_null(rn_environment_get(environment, "BARE"));
    ck_assert_ptr_null(rn_environment_get(NULL, "A"));
}
END_TEST

START_TEST(memory_may_run_out_anywhere)
{
    char *const given[] = {"OPENAI_BASE_URL=https://x.example/v1", "QDRANT_URL=http://db:1", NULL};
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        rn_memory_fail_from(nth);
        enum rn_status status =
            rn_environment_plan(&plan, upstreams, given, TEXTS("QDRANT_URL"), &error);
        char **built =
            status == RN_OK ? rn_environment_build(&plan, ports, 4, given, TEXTS("Z=1")) : NULL;
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(built != NULL, !failed);
        ck_assert(status == RN_OK || status == RN_NOMEM);
        rn_environment_drop(built);
        rn_environment_free(&plan);
    }
}
END_TEST

Suite *rn_suite(void)
{
    const TTest *const tests[] = {what_is_not_set_points_at_the_usual_upstreams,
                                  a_set_variable_makes_its_origin_the_upstream_and_keeps_its_path,
                                  the_order_of_the_table_does_not_matter_to_what_is_set,
                                  two_variables_may_name_one_server_but_not_two,
                                  what_ollama_leaves_out_is_filled_in,
                                  braces_in_a_path_are_no_template,
                                  a_wrapped_variable_names_its_upstream,
                                  what_cannot_be_wrapped_is_refused_with_a_sentence,
                                  a_value_that_is_too_long_is_refused_not_cut,
                                  templates_are_filled_with_ports,
                                  both_spellings_of_no_proxy_are_extended,
                                  a_plan_comes_back_from_its_stored_form_and_a_cut_one_is_refused,
                                  credentials_are_known_by_their_names,
                                  a_variable_is_found_by_its_whole_name,
                                  memory_may_run_out_anywhere};
    Suite *suite = suite_create("environment");
    TCase *one = tcase_create("environment");
    tcase_add_checked_fixture(one, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(one, tests[i]);
    }
    suite_add_tcase(suite, one);
    return suite;
}
