/*
 * disk.c for a program that knows nothing of it: loaded by LD_PRELOAD, told by FAULTY_DISK what is to fail.
 *
 *   FAULTY_DISK="CALL NTH ERRNO once|always"     CALL: write, sync, open, truncate, read; ERRNO 0: a short write
 *   FAULTY_DISK_STALLS=FILE                      while FILE is there, no sync comes back
 *
 * At its end a program that met the failure leaves the file named by FAULTY_DISK_MET.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk.h"

static const char *const calls[DISK_CALL_COUNT] = {
    [DISK_CALL_WRITE] = "write",       [DISK_CALL_FSYNC] = "sync", [DISK_CALL_OPEN] = "open",
    [DISK_CALL_TRUNCATE] = "truncate", [DISK_CALL_READ] = "read",
};

__attribute__((constructor)) static void begin(void)
{
    char call[16];
    char how[16];
    unsigned nth = 0;
    int error = 0;
    const char *told = getenv("FAULTY_DISK");
    disk_stall_while(getenv("FAULTY_DISK_STALLS"));
    if (told == NULL || sscanf(told, "%15s %u %d %15s", call, &nth, &error, how) != 4) {
        return;
    }
    for (unsigned i = 0; i < DISK_CALL_COUNT; i++) {
        if (strcmp(calls[i], call) == 0) {
            disk_fail((enum disk_call)i, nth, error, strcmp(how, "always") == 0);
        }
    }
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("FAULTY_DISK_MET");
    if (path != NULL && disk_failed()) {
        int met = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        (void)(met >= 0 ? close(met) : 0);
    }
}
