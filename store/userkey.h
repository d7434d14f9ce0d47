/*
 * The user's own key, $XDG_CONFIG_HOME/reenact/key (0600): it marks recordings as this user's and makes fingerprints of
 * credentials. Never kept in a store.
 */
#ifndef RN_STORE_USERKEY_H
#define RN_STORE_USERKEY_H

#include "base/digest.h"
#include "base/status.h"

#define RN_USERKEY_BYTES 32

/* Reads the key; makes one when there is none and `create` is set. RN_NOTFOUND, RN_IO, RN_REFUSED (mode too open). */
enum rn_status rn_userkey_load(bool create, uint8_t out[RN_USERKEY_BYTES], struct rn_error *error);

#endif
