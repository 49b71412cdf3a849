/* Starts by itself, in two threads at once; writes and exits: what it does not do itself exit does. */
#include "claim.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_barrier_t both;

static void *first_call(void *path)
{
  pthread_barrier_wait(&both);
  int fd = open(path, O_CREAT | O_WRONLY, 0600);
  CLAIM(fd >= 0 && close(fd) == 0);
  return NULL;
}

/* Asked for before the host was there, done while it still is. */
static void at_the_end(void)
{
  int fd = open("/fat/last.txt", O_CREAT | O_WRONLY, 0600);
  CLAIM(fd >= 0 && write(fd, "last words\n", 11) == 11);
}

int main(void)
{
  pthread_t threads[2];
  CLAIM(atexit(at_the_end) == 0);
  CLAIM(pthread_barrier_init(&both, NULL, 2) == 0);
  CLAIM(pthread_create(&threads[0], NULL, first_call, "/tmp/one") == 0);
  CLAIM(pthread_create(&threads[1], NULL, first_call, "/tmp/two") == 0);
  CLAIM(pthread_join(threads[0], NULL) == 0 && pthread_join(threads[1], NULL) == 0);
  int fd = open("/fat/left.txt", O_CREAT | O_WRONLY, 0600);
  CLAIM(fd >= 0 && write(fd, "what was written is there\n", 26) == 26);
  errno = 0;
  FILE *stream = fopen("/fat/stream.txt", "w");
  /* Success leaves errno alone. */
  CLAIM(stream != NULL && errno == 0);
  CLAIM(fputs("still in its buffer\n", stream) > 0);
  return well();
}
