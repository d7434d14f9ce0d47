/*
 * Who has a store open. Every opener holds a locked file STORE/owners/ID for as long as it lives; its lock says that it
 * lives, whatever its pid may mean to others. Private to store/.
 *
 * The file's text: "pid N\npid-namespace INODE\nboot ID\n". LMDB's reader table knows openers by pid, so all live openers
 * of a store must share one pid namespace and one machine.
 *
 * Claims are locks on single bytes of the file STORE/owners/claims, at a place that follows from the id. Nothing is written.
 */
#ifndef RN_STORE_OWNER_H
#define RN_STORE_OWNER_H

#include "base/bytes.h"
#include "base/status.h"

#define RN_OWNER_TEXT_BYTES 33 /* 32 hex digits and a zero */

struct rn_owner;

/*
 * Registers this opener and removes the files of dead ones. RN_REFUSED when somebody lives in another pid namespace or on
 * another machine; RN_FULL, RN_IO, RN_NOMEM.
 */
enum rn_status rn_owner_enter(const char *store_path, struct rn_owner **out,
                              struct rn_error *error);
/* The id, lent until the leave. */
const char *rn_owner_text(const struct rn_owner *owner);
/* Unregisters. NULL is fine. */
void rn_owner_leave(struct rn_owner *owner);

/*
 * Whether the opener of that id lives. One that cannot be told is taken for alive: what it left is closed by a later opener.
 */
bool rn_owner_is_live(struct rn_owner *self, struct rn_bytes id);

/*
 * Claims a trace id among all live openers, before anything of that trace is in the log: false when another one has it. Never
 * waits, and ends with the release, the leave or the process. Where it cannot be told, the answer is true.
 */
bool rn_owner_claim(struct rn_owner *self, const uint8_t id[16]);
void rn_owner_release(struct rn_owner *self, const uint8_t id[16]);

/* For tests: what this process says of itself (inode of the pid namespace, boot id). Zero and NULL: the truth again. */
void rn_owner_pretend(uint64_t pid_namespace, const char *boot);

#endif
