/* share/prices.json as it was when this was configured; made by replayer/CMakeLists.txt. Private to price.c. */
#ifndef RN_REPLAYER_PRICE_BUILTIN_H
#define RN_REPLAYER_PRICE_BUILTIN_H

#include <stddef.h>
#include <stdint.h>

extern const uint8_t rn_prices_builtin[];
extern const size_t rn_prices_builtin_bytes;

#endif
