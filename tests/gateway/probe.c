/* Watching one transfer; see probe.h. */
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rn_loop *loop;
struct rn_upstreams *upstreams;
struct toy_server *server;

static void see_interim(void *self, struct rn_bytes head)
{
    struct seen *seen = self;
    rn_buffer_add(&seen->interim, head);
}

static void see_head(void *self, struct rn_bytes head)
{
    struct seen *seen = self;
    seen->heads++;
    rn_buffer_add(&seen->head, head);
    if (seen->cancel_at_head) {
        rn_transfer_cancel(seen->transfer);
        rn_loop_stop(seen->loop);
    }
}

static void go_on(void *self)
{
    struct seen *seen = self;
    rn_transfer_resume(seen->transfer);
}

static bool see_body(void *self, struct rn_bytes piece)
{
    struct seen *seen = self;
    ck_assert_uint_eq(seen->heads, 1);
    seen->pieces++;
    rn_buffer_add(&seen->body, piece);
    if (seen->open_gate_at_piece != NULL) {
        toy_open_gate(seen->open_gate_at_piece);
    }
    if (seen->at_piece != NULL) {
        seen->at_piece(seen);
    }
    if (seen->cancel_at_piece) {
        rn_transfer_cancel(seen->transfer);
        rn_loop_stop(seen->loop);
        return true;
    }
    if (seen->pause_each) {
        rn_timer_start(seen->later, 1000000);
        return false;
    }
    return true;
}

static void see_done(void *self, const struct rn_transfer_end *end)
{
    struct seen *seen = self;
    seen->ends++;
    seen->end = *end;
    rn_buffer_add(&seen->trailers, end->trailers);
    seen->transfer = NULL;
    if (seen->left == NULL || --*seen->left == 0) {
        rn_loop_stop(seen->loop);
    }
}

const struct rn_transfer_handler handler = {see_interim, see_head, see_body, see_done};

void set_up(void)
{
    loop = rn_loop_new();
    upstreams = rn_upstreams_new(loop);
    ck_assert_ptr_nonnull(upstreams);
    server = NULL;
}

void tear_down(void)
{
    rn_upstreams_free(upstreams);
    rn_loop_free(loop);
    if (server != NULL) {
        toy_stop(server);
    }
}

void add_toy(const char *name, const char *format)
{
    char url[128];
    snprintf(url, sizeof url, format, (unsigned)toy_port(server));
    ck_assert_int_eq(rn_upstreams_add(upstreams, name, url, NULL), RN_OK);
}

void serve_scripts(const struct toy_step *const *scripts, size_t count)
{
    server = toy_start(scripts, count);
    add_toy("toy", "http://127.0.0.1:%u");
}

void seen_free(struct seen *seen)
{
    rn_buffer_free(&seen->interim);
    rn_buffer_free(&seen->head);
    rn_buffer_free(&seen->body);
    rn_buffer_free(&seen->trailers);
    rn_timer_free(seen->later);
    *seen = (struct seen){0};
}

void seen_init(struct seen *seen)
{
    seen->loop = loop;
    seen->later = rn_timer_new(loop, go_on, seen);
}

void start_on(struct seen *seen, const char *name, const char *request)
{
    static struct rn_http_head head;
    size_t skipped;
    struct rn_http_fault fault;
    ck_assert_int_eq(rn_http_request_parse(rn_bytes_text(request), &head, &skipped, &fault),
                     RN_HTTP_DONE);
    struct rn_bytes body = rn_bytes_from(rn_bytes_text(request), head.raw.len);
    struct rn_forward forward = {.method = head.method,
                                 .target = head.target,
                                 .head = &head,
                                 .body = body,
                                 .spill = -1,
                                 .body_bytes = body.len,
                                 .has_body = head.framing != RN_FRAMING_NONE};
    const struct rn_upstream *upstream = rn_upstreams_find(upstreams, rn_bytes_text(name));
    ck_assert_ptr_nonnull(upstream);
    seen->transfer = rn_transfer_start(upstreams, upstream, &forward, &handler, seen);
    ck_assert_ptr_nonnull(seen->transfer);
}

void run(struct seen *seen, const char *request)
{
    seen_init(seen);
    start_on(seen, "toy", request);
    rn_loop_run(loop);
}

void ck_buffer(const struct rn_buffer *buffer, const char *expected)
{
    ck_assert_uint_eq(buffer->len, strlen(expected));
    ck_assert_mem_eq(buffer->data == NULL ? (const void *)"" : buffer->data, expected, buffer->len);
}

void ck_complete(const struct seen *seen, const char *head, const char *body)
{
    ck_assert_uint_eq(seen->ends, 1);
    ck_assert_msg(seen->end.complete, "%s", seen->end.sentence);
    ck_assert_int_eq(seen->end.code, 0);
    ck_buffer(&seen->head, head);
    ck_buffer(&seen->body, body);
}

void ck_cut(const struct seen *seen)
{
    ck_assert_uint_eq(seen->ends, 1);
    ck_assert(!seen->end.complete);
    ck_assert_int_ne(seen->end.code, 0);
    ck_assert_int_gt((int)strlen(seen->end.sentence), 20);
    ck_assert_ptr_nonnull(strstr(seen->end.sentence, "://"));
    ck_assert_int_eq(strncmp(seen->end.name, "CURLE_", 6), 0);
}

char sent[128 * 1024];

char *big_request(size_t bytes)
{
    char *request = malloc(bytes + 256);
    int len =
        snprintf(request, 256, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", bytes);
    for (size_t i = 0; i < bytes; i++) {
        request[(size_t)len + i] = (char)('a' + i % 23);
    }
    request[(size_t)len + bytes] = '\0';
    return request;
}

void add_case(Suite *suite, const char *name, const TTest *const *tests)
{
    TCase *one = tcase_create(name);
    tcase_add_checked_fixture(one, set_up, tear_down);
    for (size_t i = 0; tests[i] != NULL; i++) {
        tcase_add_test(one, tests[i]);
    }
    suite_add_tcase(suite, one);
}
