/* Stands in for libFuzzer: feeds every file of the given directories to the target once. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int feed(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    size_t cap = 1 << 20;
    uint8_t *data = malloc(cap);
    size_t len = data == NULL ? 0 : fread(data, 1, cap, file);
    fclose(file);
    /* An exact copy, so that a read behind the end is seen by ASan. */
    uint8_t *exact = malloc(len == 0 ? 1 : len);
    if (exact == NULL || data == NULL) {
        free(exact);
        free(data);
        return 1;
    }
    memcpy(exact, data, len);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    int files = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        DIR *directory = opendir(argv[i]);
        if (directory == NULL) {
            perror(argv[i]);
            return EXIT_FAILURE;
        }
        for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
            char path[4096];
            if (entry->d_name[0] == '.') {
                continue;
            }
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            failed += feed(path);
            files++;
        }
        closedir(directory);
    }
    printf("counted: %d passed, %d failed\n", files - failed, failed);
    return failed == 0 && files > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
