/*
 * One transfer watched from outside, for the tests of the forwarding half: a loop, upstreams, a toy server and a handler that
 * writes down all it is told and, if asked, pauses or cancels.
 */
#ifndef RN_TESTS_PROBE_H
#define RN_TESTS_PROBE_H

#include <check.h>

#include "base/buffer.h"
#include "toy_server.h"
#include "upstream_internal.h"

/* Requests and heads that many tests use. */
#define GET "GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
#define PLAIN                                                                                      \
    "HTTP/1.1 200 Very  OK\r\ncontent-length: 5\r\nX-a: 1\r\nx-A:2  \r\nX-a: 1\r\nEmpty:\r\n\r\n"
#define HINTS "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
#define UNFRAMED "HTTP/1.1 200 OK\r\nX: y\r\n\r\n"
#define HEAD_ONLY "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"

/* What one transfer told us. */
struct seen {
    struct rn_loop *loop;
    struct rn_buffer interim;
    struct rn_buffer head;
    struct rn_buffer body;
    struct rn_buffer trailers;
    unsigned heads;
    unsigned pieces;
    unsigned ends;
    struct rn_transfer_end end;
    /* what to do */
    unsigned *left; /* stop the loop when this comes to 0 */
    struct rn_transfer *transfer;
    struct rn_timer *later;
    bool pause_each;
    bool cancel_at_head;
    bool cancel_at_piece;
    struct toy_server *open_gate_at_piece;
    void (*at_piece)(struct seen *seen);
    void *more;
};

extern struct rn_loop *loop;
extern struct rn_upstreams *upstreams;
extern struct toy_server *server;
extern const struct rn_transfer_handler handler;
/* What the server got last; filled by whoever asks for it. */
extern char sent[128 * 1024];

/* The fixture: loop and upstreams, and the server if one was started. */
void set_up(void);
void tear_down(void);
/* Starts the server and makes it the upstream "toy". */
void serve_scripts(const struct toy_step *const *scripts, size_t count);
/* Adds or overrides an upstream; the format takes the server's port. */
void add_toy(const char *name, const char *format);

void seen_init(struct seen *seen);
void seen_free(struct seen *seen);
/* Starts a request given as it would come from a client; a body follows its head. */
void start_on(struct seen *seen, const char *name, const char *request);
/* The same with "toy", until it ended. */
void run(struct seen *seen, const char *request);
/* A POST with a body of so many bytes; to be freed. */
char *big_request(size_t bytes);

void ck_buffer(const struct rn_buffer *buffer, const char *expected);
void ck_complete(const struct seen *seen, const char *head, const char *body);
void ck_cut(const struct seen *seen);

/* A suite's case with the fixture; the list ends with NULL. */
void add_case(Suite *suite, const char *name, const TTest *const *tests);
#define PROBE_CASE(suite, name, ...)                                                               \
    add_case(suite, name, (const TTest *const[]){__VA_ARGS__, NULL})

#endif
