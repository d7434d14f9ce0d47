/*
 * The requests of the benchmarks: 1,000 different JSON documents of 1.5 KB, words and numbers, made before a clock runs.
 *
 * Each holds the member "n" with a number of ten digits, the first of them 1, at the same place in every document, so that
 * a driver can make each call distinct by writing the other nine.
 */
#ifndef BENCH_DOCUMENTS_H
#define BENCH_DOCUMENTS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define BENCH_DOCUMENTS 1000u
#define BENCH_DOCUMENT_BYTES_MAX 1600u
#define BENCH_NUMBER_DIGITS 9

/* Writes document `index` for `model`, NUL-terminated; gives its length, and where its number is in *number_at. */
static inline size_t bench_document(size_t index, const char *model, char out[BENCH_DOCUMENT_BYTES_MAX], size_t *number_at)
{
    static const char *const words[] = {"refund", "order", "customer", "policy", "shipment", "within", "thirty", "days"};
    uint64_t state = index * 0x9e3779b97f4a7c15u + 1;
    size_t len = (size_t)snprintf(out, BENCH_DOCUMENT_BYTES_MAX, "{\"model\":\"%s\",\"n\":1%0*u,\"messages\":[{\"role\":\"user\",\"content\":\"",
                                  model, BENCH_NUMBER_DIGITS, 0u);
    *number_at = (size_t)(strstr(out, "\"n\":1") - out) + 5;
    while (len < 1506) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        len += (size_t)snprintf(out + len, BENCH_DOCUMENT_BYTES_MAX - len, "%s %u ", words[state >> 61], (unsigned)(state >> 40) % 10000);
    }
    return len + (size_t)snprintf(out + len, BENCH_DOCUMENT_BYTES_MAX - len, "\"}]}");
}

/* Makes `document` the one of call `n`. */
static inline void bench_document_number(char *number, uint64_t n)
{
    for (int i = BENCH_NUMBER_DIGITS - 1; i >= 0; i--, n /= 10) {
        number[i] = (char)('0' + n % 10);
    }
}

#endif
