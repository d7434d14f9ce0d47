/*
 * Who sits at the other end of a loopback connection? Private to gateway/.
 *
 * SO_PEERCRED does not answer for TCP, but both ends are sockets of this kernel: the peer's own socket is looked up by its
 * addresses, exactly, with inet_diag; where the kernel has none (containers, other sandboxes) by /proc/net/tcp.
 */
#ifndef RN_GATEWAY_PEER_H
#define RN_GATEWAY_PEER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * Owner of the socket whose address is `peer` and that is connected to `local`. `diagnosis` is a NETLINK_SOCK_DIAG socket of
 * the caller's or -1. False when neither way knows it (the peer may be gone already).
 */
bool rn_peer_uid(int diagnosis, const struct sockaddr_in *peer, const struct sockaddr_in *local,
                 uid_t *uid);

/* A socket for the questions of one gateway, or -1. */
int rn_peer_open_diagnosis(void);

/* The two ways, for tests. */
enum rn_peer_answer {
    RN_PEER_KNOWN,
    RN_PEER_NOBODY, /* there is no such socket, or nobody holds it any more */
    RN_PEER_SILENCE /* the kernel does not answer such questions */
};
enum rn_peer_answer rn_peer_uid_by_diagnosis(int diagnosis, const struct sockaddr_in *peer,
                                             const struct sockaddr_in *local, uid_t *uid);
bool rn_peer_uid_by_table(const struct sockaddr_in *peer, const struct sockaddr_in *local,
                          uid_t *uid);
/* One line of /proc/net/tcp or tcp6: whether it is that socket, and whose. */
bool rn_peer_line_matches(const char *line, const struct sockaddr_in *peer,
                          const struct sockaddr_in *local, uid_t *uid);

#endif
