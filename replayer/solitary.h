/*
 * Whether an answer can depend on nothing but its own request. Private to replayer/.
 *
 * The service behind a model, an embedding or a search hears of a call what is in it, and its answer waits for no other call. An
 * MCP server may ask its client back in an open answer, and of a service we do not know nothing is known: there the next piece
 * may have its cause in another request (order.h).
 */
#ifndef RN_REPLAYER_SOLITARY_H
#define RN_REPLAYER_SOLITARY_H

#include "catalog.h"

/* Reads the event the first time it is asked; false also when that fails. */
bool rn_solitary(const struct rn_catalog *catalog, uint32_t row);

#endif
