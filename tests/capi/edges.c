/* The window where numbers are few or taken, and the host's end. */
#define _GNU_SOURCE
#include "claim.h"
#include <dirent.h>
#include <fcntl.h>
#include <nxvfs.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static int ends[2];

static void *waits_in_poll(void *arg)
{
  struct pollfd fd = {ends[0], POLLIN, 0};
  (void)arg;
  FAILS(poll(&fd, 1, -1), errno == ESRCH ? ESRCH : EINTR);
  return NULL;
}

static void *waits_in_read(void *arg)
{
  char c;
  (void)arg;
  FAILS(read(ends[0], &c, 1), errno == ESRCH ? ESRCH : EINTR);
  return NULL;
}

int main(void)
{
  struct rlimit limit;
  struct stat st;
  CLAIM(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  rlim_t before = limit.rlim_cur;
  limit.rlim_cur = 64;
  CLAIM(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  /* A number of the window-to-be that the program has already stays the program's. */
  CLAIM(dup2(0, 33) == 33);
  int first = open("/tmp", O_RDONLY), second = open("/tmp", O_RDONLY);
  CLAIM(first == 32 && second == 34 && fstat(33, &st) == 0);
  /* Given up, it is the host's like the others. */
  CLAIM(close(33) == 0 && open("/tmp", O_RDONLY) == 33);
  int count = 3;
  while (open("/tmp", O_RDONLY) >= 0) count++;
  CLAIM(errno == EMFILE && count == 32);
  FAILS(dup2(first, 64), EBADF);
  CLAIM(dup2(first, 20) == 20 && fstat(20, &st) == 0 && S_ISDIR(st.st_mode));
  for (int fd = 32; fd < 64; fd++) CLAIM(close(fd) == 0);
  /* The other half is the operating system's alone. */
  int low[32];
  for (count = 0; (low[count] = dup(0)) >= 0; count++) CLAIM(low[count] < 32);
  CLAIM(errno == EMFILE);
  while (count > 0) CLAIM(close(low[--count]) == 0);
  limit.rlim_cur = before;
  CLAIM(setrlimit(RLIMIT_NOFILE, &limit) == 0);

  /* The end: what waits is woken, what is open is closed, what crossed returns. */
  pthread_t threads[2];
  CLAIM(pipe(ends) == 0 && dup2(0, 40) == 40);
  CLAIM(pthread_create(&threads[0], NULL, waits_in_poll, NULL) == 0 && pthread_create(&threads[1], NULL, waits_in_read, NULL) == 0);
  int file = open("/rom/text", O_RDONLY);
  DIR *dir = opendir("/rom");
  CLAIM(file >= 0 && dir != NULL && nx_end() == 0);
  FAILS(nx_end(), ESRCH);
  for (int i = 0; i < 2; i++) CLAIM(pthread_join(threads[i], NULL) == 0);
  char c;
  FAILS(read(file, &c, 1), ESRCH);
  FAILS(open("/rom/text", O_RDONLY), ESRCH);
  FAILS(close(file), ESRCH);
  IS_NULL(readdir(dir), ESRCH);
  FAILS(closedir(dir), ESRCH);
  FAILS(fstat(20, &st), EBADF);
  CLAIM(dup2(0, 20) == 20 && fstat(20, &st) == 0 && fstat(40, &st) == 0);

  /* A new host has the same window, without what the operating system has of it. */
  CLAIM(nx_boot(NULL) == 0);
  FAILS(nx_boot(NULL), EBUSY);
  CLAIM(open("/tmp", O_RDONLY) == 32 && fstat(20, &st) == 0 && fstat(40, &st) == 0);
  for (int fd = 33; fd < 40; fd++) CLAIM(open("/tmp", O_RDONLY) == fd);
  CLAIM(open("/tmp", O_RDONLY) == 41 && close(40) == 0 && open("/tmp", O_RDONLY) == 40);
  FAILS(read(file, &c, 1), EISDIR);
  return well();
}
