/* 64 threads that open, dup, poll, pipe, map and close on both sides; in the end nothing is left. */
#define _GNU_SOURCE
#include "claim.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { THREADS = 64, LEN = 8192 };
static int rounds = 12;

static void files(const char *where, unsigned id, unsigned round)
{
  char path[64], buf[64] = {0}, expected[64];
  struct stat st;
  snprintf(path, sizeof path, "%s/%u-%u", where, id, round % 3);
  int len = snprintf(expected, sizeof expected, "thread %u, round %u", id, round);
  int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600), copy = dup(fd);
  CLAIM(fd >= 0 && copy >= 0 && fd != copy && write(copy, expected, len) == len && ftruncate(fd, LEN) == 0);
  CLAIM(pread(fd, buf, len, 0) == len && memcmp(buf, expected, len) == 0 && fstat(copy, &st) == 0 && st.st_size == LEN);
  char *view = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CLAIM(view != MAP_FAILED && close(fd) == 0 && memcmp(view, expected, len) == 0);
  view[LEN - 1] = 'e';
  CLAIM(pread(copy, buf, 1, LEN - 1) == 1);
  CLAIM(buf[0] == 'e');
  CLAIM(munmap(view, LEN) == 0);
  CLAIM(close(copy) == 0 && unlink(path) == 0);
}

/* A file that all map, read, and list at once. */
static void shared(void)
{
  char buf[8];
  int fd = open("/rom/text", O_RDONLY);
  char *view = mmap(NULL, 9, PROT_READ, MAP_SHARED, fd, 0);
  CLAIM(view != MAP_FAILED && read(fd, buf, 4) == 4 && memcmp(view, "read only", 9) == 0 && memcmp(buf, "read", 4) == 0);
  CLAIM(munmap(view, 9) == 0 && close(fd) == 0);
  DIR *dir = opendir("/rom");
  CLAIM(dir != NULL && readdir(dir) != NULL && closedir(dir) == 0);
}

static void pipes(void)
{
  int p[2], s[2];
  char c;
  CLAIM(pipe2(p, O_CLOEXEC) == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) == 0);
  struct pollfd fds[] = {{p[0], POLLIN, 0}, {s[0], POLLIN, 0}, {p[1], POLLOUT, 0}};
  CLAIM(poll(fds, 2, 0) == 0 && write(p[1], "x", 1) == 1 && poll(fds, 3, -1) == 2 && fds[0].revents == POLLIN);
  CLAIM(write(s[1], "y", 1) == 1 && poll(fds, 2, -1) == 2 && read(s[0], &c, 1) == 1 && c == 'y');
  CLAIM(read(p[0], &c, 1) == 1 && c == 'x');
  /* The socket and the pipe change places, at numbers that this thread has. */
  int keep = dup(s[1]);
  CLAIM(dup2(p[1], s[1]) == s[1] && write(s[1], "z", 1) == 1 && read(p[0], &c, 1) == 1 && c == 'z');
  CLAIM(dup2(keep, p[1]) == p[1] && write(p[1], "w", 1) == 1 && read(s[0], &c, 1) == 1 && c == 'w');
  CLAIM(close(keep) == 0 && close(p[0]) == 0 && close(p[1]) == 0 && close(s[0]) == 0 && close(s[1]) == 0);
}

/* Pairs of threads that wake each other. */
static int to[THREADS][2];

static void wake(unsigned id, unsigned round)
{
  char c = round;
  unsigned other = id ^ 1;
  CLAIM(write(to[other][1], &c, 1) == 1);
  struct pollfd fd = {to[id][0], POLLIN, 0};
  CLAIM(poll(&fd, 1, -1) == 1 && fd.revents == POLLIN && read(to[id][0], &c, 1) == 1);
}

static void *work(void *arg)
{
  unsigned id = (uintptr_t)arg;
  for (int round = 0; round < rounds; round++) {
    files(id % 2 ? TMP : id % 4 ? OWN : FAT, id, round);
    shared();
    pipes();
    wake(id, round);
  }
  return NULL;
}

static int count(const char *path)
{
  int entries = 0;
  DIR *dir = opendir(path);
  CLAIM(dir != NULL);
  while (readdir(dir)) entries++;
  CLAIM(closedir(dir) == 0);
  return entries;
}

int main(int argc, char **argv)
{
  pthread_t threads[THREADS];
  if (argc > 1) rounds = atoi(argv[1]);
  CLAIM(mkdir(OWN, 0755) == 0);
  /* Once alone: what the library keeps for good it has then. */
  files(TMP, 0, 0);
  files(FAT, 0, 0);
  shared();
  pipes();
  int before = count("/proc/self/fd"), system = dup(0);
  CLAIM(close(system) == 0);
  for (int i = 0; i < THREADS; i++) CLAIM(pipe(to[i]) == 0);
  for (uintptr_t i = 0; i < THREADS; i++) CLAIM(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
  for (int i = 0; i < THREADS; i++) CLAIM(pthread_join(threads[i], NULL) == 0);
  for (int i = 0; i < THREADS; i++) CLAIM(close(to[i][0]) == 0 && close(to[i][1]) == 0);
  /* Nothing is left: no descriptor of either side, no file, no view. */
  CLAIM(count("/proc/self/fd") == before);
  int now = dup(0);
  CLAIM(now == system && close(now) == 0);
  CLAIM(count(OWN) == 2 && count(TMP) == 2 && count(FAT) == 2);
  char maps[16];
  int fd = open("/proc/self/maps", O_RDONLY);
  CLAIM(fd >= 0 && read(fd, maps, sizeof maps) == 0);
  return well();
}
