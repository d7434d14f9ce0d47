/* Defends the life of a connection: clients that leave, read slowly or are strangers, memory and descriptors running out. */
#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "connection.h"
#include "house.h"
#include "main.h"
#include "peer.h"

#define HOST "Host: 127.0.0.1\r\n"

/* --- leaving --------------------------------------------------------------------------------- */

START_TEST(a_client_that_leaves_before_the_answer_is_noticed)
{
    struct house *house = house_open();
    int client = client_open(house_port(house));
    client_send(client, "GET /up/never HTTP/1.1\r\n" HOST "\r\n");
    while (house_counts(house).in_flight == 0) {
    }
    close(client);
    house_await_gone(house, 1);
    ck_assert_uint_eq(house_counts(house).open, 0);
    house_close(house);
}
END_TEST

START_TEST(a_client_that_leaves_in_mid_answer_is_noticed)
{
    struct house *house = house_open();
    int client = client_open(house_port(house));
    client_send(client, "GET /up/slow HTTP/1.1\r\n" HOST "\r\n");
    client_expect(client, "5\r\nbegun\r\n");
    close(client);
    house_await_gone(house, 1);
    ck_assert_uint_eq(house_delivered(house), 0);
    house_close(house);
}
END_TEST

START_TEST(a_reset_is_noticed)
{
    struct house *house = house_open();
    int client = client_open(house_port(house));
    client_send(client, "GET /up/slow HTTP/1.1\r\n" HOST "\r\n");
    client_expect(client, "begun");
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    ck_assert_int_eq(setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    close(client);
    house_await_gone(house, 1);
    house_close(house);
}
END_TEST

START_TEST(a_half_closed_client_counts_as_gone)
{
    struct house *house = house_open();
    int client = client_open(house_port(house));
    client_send(client, "GET /up/slow HTTP/1.1\r\n" HOST "\r\n");
    client_expect(client, "begun");
    ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
    house_await_gone(house, 1);
    close(client);
    house_close(house);
}
END_TEST

START_TEST(a_client_that_leaves_with_a_request_waiting_is_noticed)
{
    struct house *house = house_open();
    int client = client_open(house_port(house));
    client_send(client,
                "GET /up/slow HTTP/1.1\r\n" HOST "\r\nGET /up/echo HTTP/1.1\r\n" HOST "\r\n");
    client_expect(client, "begun");
    close(client);
    house_await_gone(house, 1);
    ck_assert_uint_eq(house_counts(house).requests, 1);
    house_close(house);
}
END_TEST

START_TEST(a_client_that_leaves_within_a_request_is_no_exchange)
{
    static const char request[] = "POST /up/echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhell";
    struct house *house = house_open();
    for (size_t cut = 0; cut < sizeof request; cut++) {
        int client = client_open(house_port(house));
        client_send_bytes(client, request, cut);
        close(client);
    }
    while (house_counts(house).connections < sizeof request || house_counts(house).open > 0) {
    }
    ck_assert_uint_eq(house_counts(house).requests, 0);
    house_close(house);
}
END_TEST

START_TEST(open_exchanges_are_gone_when_the_gateway_ends)
{
    struct house *house = house_open();
    int clients[10];
    for (int i = 0; i < 10; i++) {
        clients[i] = client_open(house_port(house));
        client_send(clients[i], "GET /up/slow HTTP/1.1\r\n" HOST "\r\n");
        client_expect(clients[i], "begun");
    }
    house_close(house); /* counts them */
    for (int i = 0; i < 10; i++) {
        close(clients[i]);
    }
}
END_TEST

/* --- pressure -------------------------------------------------------------------------------- */

START_TEST(a_slow_reader_stops_the_writer)
{
    struct house *house = house_open();
    int client = client_open(house_port(house));
    client_send(client, "GET /up/flood HTTP/1.1\r\n" HOST "\r\n");
    while (house_pending_max(house) <=
           RN_OUT_HIGH_BYTES) { /* the kernel's own buffers fill first */
    }
    client_send(client, "GET /up/echo HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    size_t got = 0;
    char *rest = client_read_all(client, &got);
    ck_assert_uint_gt(got, FLOOD_BYTES);
    ck_assert_ptr_nonnull(memmem(rest + FLOOD_BYTES, got - FLOOD_BYTES, "GET /echo", 9));
    ck_assert_uint_gt(house_drained(house), 0);
    /* the mark, one piece over it, and its framing */
    ck_assert_uint_le(house_pending_max(house), RN_OUT_HIGH_BYTES + 17000);
    free(rest);
    close(client);
    house_close(house);
}
END_TEST

static size_t in_bytes_max;

static void look_at_in(struct house *house)
{
    struct rn_gateway *gateway = house_gateway(house);
    in_bytes_max = RN_OF(gateway->all.next, in_all)->in.len;
}

START_TEST(a_flood_behind_an_open_exchange_is_not_read)
{
    struct house *house = house_open();
    int client = client_open(house_port(house));
    client_send(client, "GET /up/wait HTTP/1.1\r\n" HOST "\r\n");
    static char noise[1 << 16];
    memset(noise, 'x', sizeof noise);
    client_send(client, "POST /up/echo HTTP/1.1\r\n" HOST "Content-Length: 67108864\r\n\r\n");
    ck_assert_int_eq(fcntl(client, F_SETFL, O_NONBLOCK), 0);
    size_t sent = 0;
    unsigned refusals = 0;
    while (refusals < 100) { /* until the kernel takes no more although the loop had its turns */
        ssize_t n = send(client, noise, sizeof noise, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        refusals = n > 0 ? 0 : refusals + 1;
        (void)house_counts(house);
    }
    ck_assert_int_eq(fcntl(client, F_SETFL, 0), 0);
    house_do(house, look_at_in);
    ck_assert_uint_ge(in_bytes_max, RN_READ_AHEAD_BYTES_MAX);
    ck_assert_uint_le(in_bytes_max, RN_READ_AHEAD_BYTES_MAX + RN_READ_BYTES);
    ck_assert_uint_lt(sent, 67108864);
    house_release(house);
    client_expect(client, "waited");
    while (sent < 67108864) {
        size_t part = 67108864 - sent < sizeof noise ? 67108864 - sent : sizeof noise;
        client_send_bytes(client, noise, part);
        sent += part;
    }
    client_expect(client, "POST /echo body=67108864");
    close(client);
    house_close(house);
}
END_TEST

static int flooding;

/* In the loop's own thread: nothing is read before all of it lies in the kernel. */
static void send_at_once(struct house *house)
{
    (void)house;
    static char noise[1 << 16];
    memset(noise, 'x', sizeof noise);
    client_send(flooding, "GET /up/wait HTTP/1.1\r\n" HOST "\r\n"
                          "POST /up/echo HTTP/1.1\r\n" HOST "Content-Length: 67108864\r\n\r\n");
    while (send(flooding, noise, sizeof noise, MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
    }
}

START_TEST(a_flood_that_came_with_its_request_is_not_read_on)
{
    struct house *house = house_open();
    flooding = client_open(house_port(house));
    while (house_counts(house).connections == 0) { /* accepted before it is flooded */
    }
    house_do(house, send_at_once);
    for (unsigned turn = 0; turn < 20; turn++) {
        (void)house_counts(house);
    }
    house_do(house, look_at_in);
    ck_assert_uint_ge(in_bytes_max, RN_READ_AHEAD_BYTES_MAX);
    ck_assert_uint_le(in_bytes_max, RN_READ_AHEAD_BYTES_MAX + RN_READ_BYTES);
    close(flooding);
    house_release(house);
    house_close(house);
}
END_TEST

static size_t bytes_held;

static void look_at_idle(struct house *house)
{
    struct rn_gateway *gateway = house_gateway(house);
    bytes_held = 0;
    for (struct rn_link *link = gateway->all.next; link != &gateway->all; link = link->next) {
        const struct rn_connection *connection = RN_OF(link, in_all);
        bytes_held += sizeof *connection + connection->in.cap + connection->out.cap +
                      connection->request.cap + connection->decoder.trailers.cap;
    }
}

START_TEST(idle_connections_and_streams_hold_no_buffers)
{
    struct house *house = house_open();
    int clients[40];
    for (int i = 0; i < 40; i++) {
        clients[i] = client_open(house_port(house));
        client_send(clients[i], i % 2 == 0 ? "GET /up/slow HTTP/1.1\r\n" HOST "\r\n"
                                           : "GET /up/echo HTTP/1.1\r\n" HOST "\r\n");
        client_expect(clients[i], i % 2 == 0 ? "begun\r\n" : "trailers=0\n");
    }
    house_do(house, look_at_idle);
    ck_assert_uint_le(bytes_held, 40 * 1024);
    for (int i = 0; i < 40; i++) {
        close(clients[i]);
    }
    house_close(house);
}
END_TEST

/* --- lingering ------------------------------------------------------------------------------- */

START_TEST(a_refusal_reaches_a_client_that_is_still_sending)
{
    struct house *house = house_open();
    for (int i = 0; i < 20; i++) {
        int client = client_open(house_port(house));
        client_send(client, "POST /up/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n");
        static char block[8000000];
        client_send_bytes(client, block, sizeof block);
        ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
        char *answer = client_read_all(client, NULL);
        ck_assert_int_eq(strncmp(answer, "HTTP/1.1 421", 12), 0);
        free(answer);
        close(client);
    }
    while (house_counts(house).open > 0) {
    }
    house_close(house);
}
END_TEST

START_TEST(lingering_has_an_end)
{
    struct house *house = house_open();
    int clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = client_open(house_port(house));
        client_send(clients[i], "no HTTP\r\n\r\n");
        client_expect(clients[i], "}}\n");
        ck_assert_int_eq(client_end(clients[i]), 0);
    }
    while (house_counts(house).open > 0) { /* two seconds, and nobody closes on our side */
    }
    for (int i = 0; i < 3; i++) {
        close(clients[i]);
    }
    house_close(house);
}
END_TEST

/* --- strangers ------------------------------------------------------------------------------- */

static void addresses(int client, struct sockaddr_in *peer, struct sockaddr_in *local)
{
    socklen_t len = sizeof *peer;
    ck_assert_int_eq(getsockname(client, (struct sockaddr *)peer, &len), 0);
    len = sizeof *local;
    ck_assert_int_eq(getpeername(client, (struct sockaddr *)local, &len), 0);
}

START_TEST(both_ways_know_the_owner_of_a_socket)
{
    struct house *house = house_open();
    int client = client_open(house_port(house));
    struct sockaddr_in peer;
    struct sockaddr_in local;
    addresses(client, &peer, &local);
    uid_t uid = 12345;
    ck_assert(rn_peer_uid_by_table(&peer, &local, &uid));
    ck_assert_uint_eq(uid, geteuid());
    int diagnosis = rn_peer_open_diagnosis();
    uid = 12345;
    bool answers = diagnosis >= 0 && rn_peer_uid_by_diagnosis(diagnosis, &peer, &local, &uid) !=
                                         RN_PEER_SILENCE; /* not in every container */
    ck_assert(!answers || uid == geteuid());
    peer.sin_port = htons(1);
    ck_assert(!rn_peer_uid_by_table(&peer, &local, &uid));
    ck_assert(!answers ||
              rn_peer_uid_by_diagnosis(diagnosis, &peer, &local, &uid) == RN_PEER_NOBODY);
    ck_assert(!rn_peer_uid(diagnosis, &peer, &local, &uid));
    close(diagnosis);
    close(client);
    house_close(house);
}
END_TEST

START_TEST(lines_of_the_table_are_read_exactly)
{
    const struct sockaddr_in peer = {.sin_family = AF_INET,
                                     .sin_port = htons(0x1234),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in local = peer;
    local.sin_port = htons(0xABCD);
    char line[256];
    char from[16];
    (void)snprintf(from, sizeof from, "%08X", htonl(INADDR_LOOPBACK));
    uid_t uid = 0;
    (void)snprintf(line, sizeof line,
                   "   7: %s:1234 %s:ABCD 01 00000000:00000000 00:00000000 00000000  1000        0 "
                   "4711 1 0000000000000000 20 4 30 10 -1\n",
                   from, from);
    ck_assert(rn_peer_line_matches(line, &peer, &local, &uid));
    ck_assert_uint_eq(uid, 1000);
    ck_assert(!rn_peer_line_matches(line, &local, &peer, &uid));
    (void)snprintf(line, sizeof line,
                   "   7: 0000000000000000FFFF0000%s:1234 0000000000000000FFFF0000%s:ABCD 01 "
                   "00000000:00000000 00:00000000 00000000  1001        0 4711 1 0 20 4 30 10 -1\n",
                   from, from);
    ck_assert(rn_peer_line_matches(line, &peer, &local, &uid));
    ck_assert_uint_eq(uid, 1001);
    ck_assert(!rn_peer_line_matches("  sl  local_address rem_address", &peer, &local, &uid));
    ck_assert(!rn_peer_line_matches("", &peer, &local, &uid));
}
END_TEST

static void admit_any(struct house *house)
{
    rn_gateway_any_peer(house_gateway(house), true);
}

/* As root only: a child of another uid asks. Elsewhere nobody can be somebody else. */
static void ask_as_nobody(struct house *house, const char *expected)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (setuid(65534) != 0) {
            _exit(2);
        }
        int client = client_open(house_port(house));
        client_send(client, "GET /up/echo HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
        char *answer = client_read_all(client, NULL);
        _exit(strncmp(answer, expected, strlen(expected)) == 0 ? 0 : 1);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

START_TEST(another_user_is_refused)
{
    if (geteuid() != 0) {
        return;
    }
    struct house *house = house_open();
    ask_as_nobody(house, "HTTP/1.1 403 Forbidden");
    ck_assert_uint_eq(house_counts(house).requests, 0);
    ck_assert_uint_eq(house_counts(house).foreign, 1);
    house_do(house, admit_any);
    ask_as_nobody(house, "HTTP/1.1 200 OK");
    house_close(house);
}
END_TEST

/* --- what runs out --------------------------------------------------------------------------- */

/* One request of every kind while the n-th allocation and all later ones fail: an answer or the end, and never a leak. */
static bool survives(struct house *house, const char *request, unsigned long nth)
{
    int client = client_open(house_port(house));
    (void)house_counts(house);
    rn_memory_fail_from(nth);
    client_send(client, request);
    char *answer = client_read_all(client, NULL);
    bool failed = rn_memory_failed();
    rn_memory_fail_from(0);
    ck_assert_msg(failed || strncmp(answer, "HTTP/1.1 ", 9) == 0, "%s", answer);
    free(answer);
    close(client);
    return failed;
}

START_TEST(every_failing_allocation_is_survived)
{
    static const char *const requests[] = {
        "POST /up/echo HTTP/1.1\r\n" HOST "Connection: close\r\nContent-Length: 4\r\n\r\nbody",
        "POST /up/echo HTTP/1.1\r\n" HOST "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        "4\r\nbody\r\n0\r\nA: b\r\n\r\n",
        "GET /up/chunks HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
        "GET /up/stop-cut HTTP/1.1\r\n" HOST "\r\n",
        "GET /up/echo HTTP/1.1\r\n" HOST "\r\nGET /up/echo HTTP/1.1\r\n" HOST
        "Connection: close\r\n\r\n",
        "GET /up/flood HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
        "GET /\r\n\r\n"};
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        bool failed = true;
        for (unsigned long nth = 1; failed && nth <= 60; nth++) { /* the flood allocates for long */
            struct house *house = house_open(); /* fresh, so that no spare buffer hides a failure */
            failed = survives(house, requests[i], nth);
            house_close(house);
        }
    }
}
END_TEST

START_TEST(a_gateway_without_memory_is_none)
{
    struct rn_loop *loop = rn_loop_new();
    const struct rn_handler none = {0};
    for (unsigned long nth = 1;; nth++) {
        rn_memory_fail_from(nth);
        struct rn_gateway *gateway = rn_gateway_new(loop, &none);
        uint16_t bound = 0;
        enum rn_status status =
            gateway == NULL ? RN_NOMEM : rn_gateway_listen(gateway, 0, "up", &bound, NULL);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        rn_gateway_free(gateway);
        /* What libev is refused it has from its reserve. */
        ck_assert(status == RN_OK || (failed && status == RN_NOMEM));
        if (!failed) {
            ck_assert_uint_gt(nth, 5);
            break;
        }
    }
    rn_loop_free(loop);
}
END_TEST

/* The loop stands still meanwhile, so that it accepts a connection that was closed already. */
static void send_and_leave(struct house *house)
{
    int client = client_open(house_port(house));
    client_send(client, "GET /up/echo HTTP/1.1\r\n" HOST "\r\n");
    close(client);
}

START_TEST(who_left_before_being_accepted_is_refused_and_counted)
{
    struct house *house = house_open();
    house_do(house, send_and_leave);
    do { /* accepted, refused and forgotten */
    } while (house_counts(house).ownerless == 0);
    ck_assert_uint_eq(house_counts(house).requests, 0);
    ck_assert_uint_eq(house_counts(house).foreign, 0);
    ck_assert_uint_eq(house_counts(house).misdirected, 0);
    house_close(house);
}
END_TEST

static rlim_t descriptors_max;

static void forbid_descriptors(struct house *house)
{
    (void)house;
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    descriptors_max = limit.rlim_cur;
    int next = dup(0); /* the lowest free number: none above it may be made */
    close(next);
    limit.rlim_cur = (rlim_t)next;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static bool paused;

static void look_at_pause(struct house *house)
{
    paused = house_gateway(house)->accept_paused;
}

START_TEST(without_descriptors_clients_wait_and_the_loop_does_not_spin)
{
    struct house *house = house_open();
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(client, 0);
    house_do(house, forbid_descriptors);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(house_port(house)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert_int_eq(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    client_send(client, "GET /up/echo HTTP/1.1\r\n" HOST "\r\n");
    do {
        house_do(house, look_at_pause);
    } while (!paused);
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = descriptors_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    client_expect(client, "GET /echo");
    close(client);
    house_close(house);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("gateway/connection");
    RN_CASE(suite, "leaving", a_client_that_leaves_before_the_answer_is_noticed,
            a_client_that_leaves_in_mid_answer_is_noticed, a_reset_is_noticed,
            a_half_closed_client_counts_as_gone,
            a_client_that_leaves_with_a_request_waiting_is_noticed,
            a_client_that_leaves_within_a_request_is_no_exchange,
            open_exchanges_are_gone_when_the_gateway_ends);
    RN_CASE(suite, "pressure", a_slow_reader_stops_the_writer,
            a_flood_behind_an_open_exchange_is_not_read,
            a_flood_that_came_with_its_request_is_not_read_on,
            idle_connections_and_streams_hold_no_buffers);
    RN_CASE(suite, "lingering", a_refusal_reaches_a_client_that_is_still_sending,
            lingering_has_an_end);
    RN_CASE(suite, "strangers", both_ways_know_the_owner_of_a_socket,
            lines_of_the_table_are_read_exactly, another_user_is_refused,
            who_left_before_being_accepted_is_refused_and_counted);
    RN_CASE(suite, "running out", every_failing_allocation_is_survived,
            a_gateway_without_memory_is_none,
            without_descriptors_clients_wait_and_the_loop_does_not_spin);
    return suite;
}
