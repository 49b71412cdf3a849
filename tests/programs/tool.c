/* A program that runs from a mounted volume: does what its first argument says. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int copy(int from, int to)
{
    char buf[4096];
    ssize_t len;
    while ((len = read(from, buf, sizeof buf)) > 0) {
        if (write(to, buf, len) != len) {
            return 1;
        }
    }
    return len < 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "args") == 0) {
        for (int i = 0; i < argc; i++) {
            printf("[%s]", argv[i]);
        }
        printf("\n");
    } else if (strcmp(what, "cat") == 0) {
        return copy(0, 1);
    } else if (strcmp(what, "exit") == 0) {
        return atoi(argv[2]);
    } else if (strcmp(what, "raise") == 0) {
        raise(atoi(argv[2]));
    } else if (strcmp(what, "open") == 0) {
        /* Whether it has a descriptor. */
        return fcntl(atoi(argv[2]), F_GETFD) < 0;
    } else if (strcmp(what, "blocked") == 0) {
        /* Which signals it began with blocked. */
        sigset_t set;
        sigprocmask(SIG_BLOCK, NULL, &set);
        for (int i = 1; i < 32; i++) {
            if (sigismember(&set, i)) {
                printf("%d ", i);
            }
        }
    } else if (strcmp(what, "both") == 0) {
        /* Unbuffered, in turns. */
        for (int i = 0; i < 3; i++) {
            if (write(1, "out\n", 4) != 4 || write(2, "err\n", 4) != 4) {
                return 1;
            }
        }
    } else if (strcmp(what, "env") == 0) {
        const char *value = getenv(argv[2]);
        printf("%s\n", value ? value : "(none)");
    } else if (strcmp(what, "flood") == 0) {
        for (long i = atol(argv[2]); i > 0; i--) {
            if (putchar('x') == EOF) {
                return 2;
            }
        }
    } else if (strcmp(what, "wait") == 0) {
        printf("ready\n");
        fflush(stdout);
        pause();
    } else if (strcmp(what, "show") == 0) {
        /* The script that this program interprets, and the script's arguments. */
        FILE *script = fopen(argv[2], "r");
        char line[200];
        while (script && fgets(line, sizeof line, script)) {
            fputs(line, stdout);
        }
        for (int i = 3; i < argc; i++) {
            printf("[%s]", argv[i]);
        }
    } else {
        printf("hello\n");
    }
    return 0;
}
