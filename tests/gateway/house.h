/*
 * A gateway on a thread of its own, with a handler whose answers the target of a request chooses, and a client that speaks
 * raw bytes. For the tests of the listening half.
 *
 *   /echo         200, Content-Length: "METHOD TARGET body=N spill=N trailers=N\n", then the body as it came
 *   /chunks       200, chunked: "one", "two", "three", trailer "X-End: yes"
 *   /until-close  200, ended by the connection: "all there is"
 *   /empty/NNN    that status with no body (204, 304), announced length 5 where the number is 304
 *   /interim      103, then 200 "ok"
 *   /flood        200, chunked: FLOOD_BYTES in pieces of 16 KiB, as fast as the client takes them
 *   /stop-cut     200, chunked: "some", then a cut;  /stop-none: a cut before anything;  /stop-short: less than announced;
 *   /stop-reset   200, ended by the connection, then a cut
 *   /wait         answered ("waited") when house_release is called
 *   /never        nothing
 *   /slow         200, chunked: "begun", then nothing
 */
#ifndef RN_TESTS_GATEWAY_HOUSE_H
#define RN_TESTS_GATEWAY_HOUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/gateway.h"

#define FLOOD_BYTES ((size_t)32 * 1024 * 1024)

/* What /stop-much writes before it is cut: more than a client's kernel takes without its client. */
#define STOP_MUCH_BYTES ((size_t)300 * 1000)

struct house;

struct house *house_open(void);
/* Stops the loop and checks that every exchange ended exactly once. */
void house_close(struct house *house);
/* Runs `call` on the loop's thread and waits for it. */
void house_do(struct house *house, void (*call)(struct house *house));

uint16_t house_port(const struct house *house);     /* with our paths */
uint16_t house_own_port(const struct house *house); /* of the upstream "own" */
struct rn_gateway *house_gateway(struct house *house);
struct rn_gateway_counts house_counts(struct house *house);
/* Waits until so many exchanges were ended by on_delivered, or on_gone. */
void house_await_delivered(struct house *house, unsigned count);
void house_await_gone(struct house *house, unsigned count);
unsigned house_gone(struct house *house);
unsigned house_delivered(struct house *house);
unsigned house_drained(struct house *house);
void house_release(struct house *house);
size_t house_pending_max(struct house *house); /* most bytes ever queued by /flood */

/* --- the client ---------------------------------------------------------------------------------------------------- */

int client_open(uint16_t port);
void client_send(int client, const char *text);
void client_send_bytes(int client, const void *data, size_t len);
/* Everything until the end of the connection, with a final zero; *len may be NULL. Freed by free(). */
char *client_read_all(int client, size_t *len);
/* One complete answer (head and body by its framing), with a final zero; `is_head`: no body. Freed by free(). */
char *client_read_answer(int client, bool is_head);
/* Reads until `text` has come; fails the test when the connection ends before. */
void client_expect(int client, const char *text);
/* Whether the connection ends next: 0 by FIN, 1 by a reset, -1 not at all but with bytes. */
int client_end(int client);

#endif
