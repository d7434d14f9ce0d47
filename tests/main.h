/* Every unit test file defines rn_suite; tests/main.c does the rest. */
#ifndef RN_TESTS_MAIN_H
#define RN_TESTS_MAIN_H

#include <check.h>

Suite *rn_suite(void);

/* pipe(2) for what a test and its children tell each other: may still be open when the test ends, which else is a failure. */
int rn_test_pipe(int ends[2]);

/* tcase_add_test for a list of tests of one case. */
#define RN_CASE(suite, name, ...)                                                                  \
    do {                                                                                           \
        const TTest *const rn_tests[] = {__VA_ARGS__};                                             \
        TCase *rn_case = tcase_create(name);                                                       \
        for (size_t rn_i = 0; rn_i < sizeof rn_tests / sizeof rn_tests[0]; rn_i++) {               \
            tcase_add_test(rn_case, rn_tests[rn_i]);                                               \
        }                                                                                          \
        suite_add_tcase(suite, rn_case);                                                           \
    } while (0)

#endif
