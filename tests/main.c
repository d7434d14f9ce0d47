/* Runs one Check suite and prints its counts in the form scripts/test adds up. */
#include "main.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    SRunner *runner = srunner_create(rn_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    int passed = srunner_ntests_run(runner) - failed;
    printf("counted: %d passed, %d failed\n", passed, failed);
    srunner_free(runner);
    return failed == 0 && passed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
