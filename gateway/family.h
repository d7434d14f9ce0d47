/*
 * Ending a process with everything it started. Private to gateway/.
 */
#ifndef RN_GATEWAY_FAMILY_H
#define RN_GATEWAY_FAMILY_H

/* SIGKILL for a child of ours that was not waited for, and for its descendants as far as /proc knows them. Waits for nothing. */
void rn_family_kill(int pid);

#endif
