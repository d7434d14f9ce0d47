/*
 * The uid behind a loopback connection: inet_diag first, the kernel's table as text second.
 *
 * In come the two addresses of an accepted connection, out goes the owner of the socket at the far end. It declines to know
 * who is welcome.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- inet_diag ------------------------------------------------------------------------------- */

int rn_peer_open_diagnosis(void)
{
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
}

struct question {
    struct nlmsghdr head;
    struct inet_diag_req_v2 body;
};

static struct question ask_for(const struct sockaddr_in *peer, const struct sockaddr_in *local)
{
    struct question question = {
        .head = {.nlmsg_len = sizeof question,
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST}, /* without NLM_F_DUMP: exactly one socket */
        .body = {.sdiag_family = AF_INET,
                 .sdiag_protocol = IPPROTO_TCP,
                 .idiag_states = UINT32_MAX,
                 .id = {.idiag_sport = peer->sin_port,
                        .idiag_dport = local->sin_port,
                        .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}}};
    question.body.id.idiag_src[0] = peer->sin_addr.s_addr;
    question.body.id.idiag_dst[0] = local->sin_addr.s_addr;
    return question;
}

/* A connection that its owner closed lingers without an owner; the kernel then says uid 0 and inode 0. */
static enum rn_peer_answer read_reply(const struct question *question, const uint8_t *reply,
                                      size_t len, uid_t *uid)
{
    struct nlmsghdr head;
    struct inet_diag_msg message;
    struct nlmsgerr fault;
    if (len < sizeof head) {
        return RN_PEER_SILENCE;
    }
    memcpy(&head, reply, sizeof head);
    if (head.nlmsg_type == NLMSG_ERROR && len >= sizeof head + sizeof fault) {
        memcpy(&fault, reply + sizeof head, sizeof fault);
        return fault.error == -ENOENT ? RN_PEER_NOBODY : RN_PEER_SILENCE;
    }
    if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY || len < sizeof head + sizeof message) {
        return RN_PEER_SILENCE;
    }
    memcpy(&message, reply + sizeof head, sizeof message);
    if (message.id.idiag_sport != question->body.id.idiag_sport ||
        message.id.idiag_dport != question->body.id.idiag_dport) {
        return RN_PEER_SILENCE; /* no answer to this question */
    }
    *uid = message.idiag_uid;
    return message.idiag_inode != 0 ? RN_PEER_KNOWN : RN_PEER_NOBODY;
}

enum rn_peer_answer rn_peer_uid_by_diagnosis(int diagnosis, const struct sockaddr_in *peer,
                                             const struct sockaddr_in *local, uid_t *uid)
{
    struct question question = ask_for(peer, local);
    uint8_t reply[1024];
    if (send(diagnosis, &question, sizeof question, 0) != (ssize_t)sizeof question) {
        return RN_PEER_SILENCE;
    }
    ssize_t got = recv(diagnosis, reply, sizeof reply, 0); /* the kernel answered within send */
    return got > 0 ? read_reply(&question, reply, (size_t)got, uid) : RN_PEER_SILENCE;
}

/* --- /proc/net ------------------------------------------------------------------------------- */

/* An IPv4 address in tcp6 is mapped: 0000000000000000FFFF0000 before it. Words are printed in the machine's order. */
static bool address_is(const char *text, const struct sockaddr_in *address)
{
    static const char mapped[] = "0000000000000000FFFF0000";
    if (strncmp(text, mapped, sizeof mapped - 1) == 0) {
        text += sizeof mapped - 1;
    }
    char expected[16];
    (void)snprintf(expected, sizeof expected, "%08X:%04X", address->sin_addr.s_addr,
                   ntohs(address->sin_port));
    return strcmp(text, expected) == 0;
}

bool rn_peer_line_matches(const char *line, const struct sockaddr_in *peer,
                          const struct sockaddr_in *local, uid_t *uid)
{
    char from[64];
    char to[64];
    unsigned owner = 0;
    unsigned long inode = 0;
    /* sl, local, remote, state, queues, timer, retransmits, uid, timeout, inode */
    if (sscanf(line, " %*[0-9]: %63s %63s %*x %*x:%*x %*x:%*x %*x %u %*d %lu", from, to, &owner,
               &inode) != 4) {
        return false;
    }
    *uid = owner;
    return inode != 0 && address_is(from, peer) && address_is(to, local);
}

static bool table_has(const char *path, const struct sockaddr_in *peer,
                      const struct sockaddr_in *local, uid_t *uid)
{
    FILE *table = fopen(path, "re");
    if (table == NULL) {
        return false;
    }
    char line[512];
    bool found = false;
    while (!found && fgets(line, sizeof line, table) != NULL) {
        found = rn_peer_line_matches(line, peer, local, uid);
    }
    (void)fclose(table);
    return found;
}

bool rn_peer_uid_by_table(const struct sockaddr_in *peer, const struct sockaddr_in *local,
                          uid_t *uid)
{
    return table_has("/proc/net/tcp", peer, local, uid) ||
           table_has("/proc/net/tcp6", peer, local, uid);
}

bool rn_peer_uid(int diagnosis, const struct sockaddr_in *peer, const struct sockaddr_in *local,
                 uid_t *uid)
{
    enum rn_peer_answer answer =
        diagnosis < 0 ? RN_PEER_SILENCE : rn_peer_uid_by_diagnosis(diagnosis, peer, local, uid);
    if (answer == RN_PEER_SILENCE) {
        return rn_peer_uid_by_table(peer, local, uid);
    }
    return answer ==
           RN_PEER_KNOWN; /* reading the table of a busy machine takes 100 times as long */
}
