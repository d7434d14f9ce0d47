/*
 * A toy server on a raw socket and threads of its own: it reads a request, then does what a script says, byte for byte.
 *
 * Each request, over all connections, takes the next script; the last one is used again and again. Nothing here sleeps: a
 * script waits at a gate until the test opens it.
 */
#ifndef RN_TESTS_TOY_SERVER_H
#define RN_TESTS_TOY_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum toy_what {
    TOY_END = 0, /* of the script: the connection stays open for another request */
    TOY_SEND,    /* `bytes` */
    TOY_GATE,    /* until toy_open_gate */
    TOY_CLOSE,   /* FIN, with all that was sent before */
    TOY_RESET,   /* RST */
    TOY_HANG     /* until the peer goes away; toy_wait_gone sees it */
};

struct toy_step {
    enum toy_what what;
    struct rn_bytes bytes;
};

struct toy_server;

/* Scripts of the toy server. */
#define SEND(text)                                                                                 \
    {                                                                                              \
        TOY_SEND, RN_LIT(text)                                                                     \
    }
#define SCRIPTS(...)                                                                               \
    (const struct toy_step *const[]){__VA_ARGS__},                                                 \
        sizeof((const struct toy_step *const[]){__VA_ARGS__}) / sizeof(const struct toy_step *)
#define STEPS(...)                                                                                 \
    (const struct toy_step[])                                                                      \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            TOY_END,                                                                               \
            {                                                                                      \
                0                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

/* `scripts` are `count` arrays of steps, copied. */
struct toy_server *toy_start(const struct toy_step *const *scripts, size_t count);
/* Ends all connections and threads. */
void toy_stop(struct toy_server *server);
uint16_t toy_port(const struct toy_server *server);
void toy_open_gate(struct toy_server *server);
/* Blocks until `count` connections that hung were closed by their peers. */
void toy_wait_gone(struct toy_server *server, unsigned count);
unsigned toy_connections(struct toy_server *server);
unsigned toy_requests(struct toy_server *server);
/* The last request as it came, head and body, copied into `out`; its length. */
size_t toy_last_request(struct toy_server *server, char *out, size_t size);

#endif
