/* poll.h and sys/select.h. */
#define _GNU_SOURCE
#include "claim.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static short told(int fd, short events)
{
  struct pollfd p = {fd, events, 0x7fff};
  int count = poll(&p, 1, 0);
  CLAIM(count == (p.revents != 0));
  return p.revents;
}

static void files_never_wait(const char *where)
{
  int fd = open(in(where, "file"), O_CREAT | O_RDWR, 0600), dir = open(where, O_RDONLY);
  CLAIM(told(fd, POLLIN | POLLOUT | POLLPRI) == (POLLIN | POLLOUT) && told(fd, 0) == 0 && told(dir, POLLIN) == POLLIN);
  CLAIM(told(fd, POLLRDNORM | POLLWRNORM) == (POLLRDNORM | POLLWRNORM));
  fd_set reads, writes, others;
  FD_ZERO(&reads); FD_ZERO(&writes); FD_ZERO(&others);
  FD_SET(fd, &reads), FD_SET(fd, &writes), FD_SET(fd, &others);
  CLAIM(select(fd + 1, &reads, &writes, &others, NULL) == 2);
  CLAIM(FD_ISSET(fd, &reads) && FD_ISSET(fd, &writes) && !FD_ISSET(fd, &others));
  CLAIM(close(fd) == 0 && close(dir) == 0);
}

static void what_is_always_told(void)
{
  int p[2], fd = open("/rom/text", O_PATH);
  CLAIM(told(fd, POLLIN) == POLLNVAL && told(999, 0) == POLLNVAL && told(-1, POLLIN) == 0);
  CLAIM(close(fd) == 0 && pipe(p) == 0);
  CLAIM(told(p[0], POLLIN | POLLOUT) == 0 && told(p[1], POLLIN | POLLOUT) == POLLOUT);
  CLAIM(write(p[1], "x", 1) == 1 && told(p[0], POLLIN) == POLLIN && close(p[1]) == 0);
  /* Data that are left, then the end. */
  char c;
  CLAIM((told(p[0], POLLIN) & POLLIN) != 0 && read(p[0], &c, 1) == 1 && told(p[0], POLLIN) == POLLHUP);
  CLAIM(close(p[0]) == 0 && pipe(p) == 0 && close(p[0]) == 0 && (told(p[1], 0) & POLLERR) != 0 && close(p[1]) == 0);
}

static void errors_of_poll(void)
{
  struct rlimit limit;
  struct pollfd one = {-1, 0, 0};
  CLAIM(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  FAILS(poll(&one, limit.rlim_cur + 1, 0), EINVAL);
  FAILS(poll(NULL, 1, 0), EFAULT);
  CLAIM(poll(NULL, 0, 0) == 0 && poll(&one, 1, 1) == 0);
  struct timespec bad[] = {{0, 1000000000}, {-1, 0}, {0, -1}}, none = {0, 0};
  for (int i = 0; i < 3; i++) FAILS(ppoll(&one, 1, &bad[i], NULL), EINVAL);
  CLAIM(ppoll(&one, 1, &none, NULL) == 0);
  FAILS(ppoll(NULL, 1, &none, NULL), EFAULT);
}

static void a_time_passes(void)
{
  int p[2];
  struct timespec before, after, wait = {0, 20000000};
  CLAIM(pipe(p) == 0);
  struct pollfd fd = {p[0], POLLIN, 7};
  CLAIM(clock_gettime(CLOCK_MONOTONIC, &before) == 0 && ppoll(&fd, 1, &wait, NULL) == 0 && fd.revents == 0);
  CLAIM(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
  CLAIM((after.tv_sec - before.tv_sec) * 1000000000L + after.tv_nsec - before.tv_nsec >= wait.tv_nsec);
  fd_set reads;
  FD_ZERO(&reads); FD_SET(p[0], &reads);
  struct timeval time = {0, 1000};
  CLAIM(select(p[0] + 1, &reads, NULL, NULL, &time) == 0 && !FD_ISSET(p[0], &reads) && time.tv_usec == 1000);
  CLAIM(select(0, NULL, NULL, NULL, &time) == 0);
  CLAIM(close(p[0]) == 0 && close(p[1]) == 0);
}

static void *writes(void *arg)
{
  CLAIM(write(*(int *)arg, "x", 1) == 1);
  return NULL;
}

static void news_wake(void)
{
  int p[2], q[2], s[2];
  pthread_t thread;
  char c;
  CLAIM(pipe(p) == 0 && pipe(q) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
  for (int round = 0; round < 50; round++) {
    int *from = round % 2 ? &p[0] : &s[0], *to = round % 2 ? &p[1] : &s[1];
    struct pollfd fds[] = {{p[0], POLLIN, 0}, {s[0], POLLIN, 0}, {q[0], POLLIN, 0}};
    CLAIM(pthread_create(&thread, NULL, writes, to) == 0);
    CLAIM(poll(fds, 3, -1) == 1 && fds[round % 2 ? 0 : 1].revents == POLLIN && fds[2].revents == 0);
    CLAIM(pthread_join(thread, NULL) == 0 && read(*from, &c, 1) == 1);
  }
  CLAIM(pthread_create(&thread, NULL, writes, &p[1]) == 0);
  fd_set reads;
  FD_ZERO(&reads); FD_SET(p[0], &reads), FD_SET(s[0], &reads);
  CLAIM(pselect(p[0] + 1, &reads, NULL, NULL, NULL, NULL) == 1 && FD_ISSET(p[0], &reads) && !FD_ISSET(s[0], &reads));
  CLAIM(pthread_join(thread, NULL) == 0);
  for (int i = 0; i < 2; i++) CLAIM(close(p[i]) == 0 && close(q[i]) == 0 && close(s[i]) == 0);
}

static void on_signal(int number) { (void)number; }

static void a_signal_ends_a_wait(void)
{
  int p[2];
  sigset_t blocked, open_set;
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  CLAIM(pipe(p) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
  /* It is pending, and let in by the mask for the time of the wait only: no moment in which it could be missed. */
  CLAIM(sigemptyset(&blocked) == 0 && sigaddset(&blocked, SIGUSR1) == 0 && sigprocmask(SIG_BLOCK, &blocked, &open_set) == 0);
  CLAIM(raise(SIGUSR1) == 0);
  struct pollfd fd = {p[0], POLLIN, 0};
  FAILS(ppoll(&fd, 1, NULL, &open_set), EINTR);
  CLAIM(raise(SIGUSR1) == 0);
  fd_set reads;
  FD_ZERO(&reads); FD_SET(p[0], &reads);
  FAILS(pselect(p[0] + 1, &reads, NULL, NULL, NULL, &open_set), EINTR);
  CLAIM(FD_ISSET(p[0], &reads) && sigprocmask(SIG_SETMASK, &open_set, NULL) == 0);
  CLAIM(close(p[0]) == 0 && close(p[1]) == 0);
}

static void errors_of_select(void)
{
  fd_set reads;
  int p[2];
  struct timeval time = {0, 0}, bad[] = {{0, 1000000}, {-1, 0}, {0, -1}};
  struct timespec also_bad = {0, 1000000000};
  CLAIM(pipe(p) == 0);
  FD_ZERO(&reads); FD_SET(p[0], &reads), FD_SET(p[1] + 7, &reads);
  FAILS(select(p[1] + 8, &reads, NULL, NULL, &time), EBADF);
  /* As they were. */
  CLAIM(FD_ISSET(p[0], &reads) && FD_ISSET(p[1] + 7, &reads));
  FAILS(select(-1, &reads, NULL, NULL, &time), EINVAL);
  FAILS(select(FD_SETSIZE + 1, &reads, NULL, NULL, &time), EINVAL);
  for (int i = 0; i < 3; i++) FAILS(select(0, NULL, NULL, NULL, &bad[i]), EINVAL);
  FAILS(pselect(0, NULL, NULL, NULL, &also_bad, NULL), EINVAL);
  /* What is not asked for counts for nothing: the bad number is beyond the count. */
  CLAIM(select(p[1] + 7, &reads, NULL, NULL, &time) == 0);
  /* The end makes reading not wait; an error, writing. */
  CLAIM(close(p[1]) == 0);
  FD_ZERO(&reads); FD_SET(p[0], &reads);
  CLAIM(select(p[0] + 1, &reads, NULL, NULL, NULL) == 1 && close(p[0]) == 0);
  CLAIM(pipe(p) == 0 && close(p[0]) == 0);
  FD_ZERO(&reads); FD_SET(p[1], &reads);
  CLAIM(select(p[1] + 1, NULL, &reads, NULL, NULL) == 1 && close(p[1]) == 0);
}

int main(void)
{
  CLAIM(mkdir(OWN, 0755) == 0);
  EACH_PLACE(files_never_wait);
  what_is_always_told();
  errors_of_poll();
  a_time_passes();
  news_wake();
  a_signal_ends_a_wait();
  errors_of_select();
  return well();
}
