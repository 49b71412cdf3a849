/* Event loops: files of the host in those of the operating system, and its descriptors as nodes of the host. */
#define _GNU_SOURCE
#include "claim.h"
#include <fcntl.h>
#include <nxvfs.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void *writes(void *arg)
{
  CLAIM(nx_write(*(int *)arg, "news", 4) == 4);
  return NULL;
}

/* How many of the operating system's there are below the window. */
static int numbers(void)
{
  int count = 0;
  for (int i = 0; i < 512; i++) count += fcntl(i, F_GETFD) >= 0;
  return count;
}

int main(void)
{
  int fds[2], other[2], sockets[2];
  char buf[16];
  pthread_t thread;
  CLAIM(nx_boot(NULL) == 0 && nx_pipe(fds) == 0 && nx_pipe(other) == 0);
  struct pollfd set[] = {{fds[0], POLLIN, 0}, {other[0], POLLIN, 0}}, there[4];
  int ready = nx_ready(set, 2), loop = epoll_create1(0);
  CLAIM(ready >= 0 && loop >= 0);
  struct epoll_event event = {.events = EPOLLIN}, got;
  CLAIM(epoll_ctl(loop, EPOLL_CTL_ADD, ready, &event) == 0 && epoll_wait(loop, &got, 1, 0) == 0 && nx_ready_look(ready, there, 4) == 0);
  for (int i = 0; i < 20; i++) {
    CLAIM(pthread_create(&thread, NULL, writes, &fds[1]) == 0 && epoll_wait(loop, &got, 1, -1) == 1 && pthread_join(thread, NULL) == 0);
    CLAIM(nx_ready_look(ready, there, 4) == 1 && there[0].fd == fds[0] && there[0].revents == POLLIN);
    /* As long as it is true. */
    CLAIM(epoll_wait(loop, &got, 1, 0) == 1 && nx_read(fds[0], buf, sizeof buf) == 4);
    CLAIM(nx_ready_look(ready, there, 4) == 0 && epoll_wait(loop, &got, 1, 0) == 0);
  }
  CLAIM(nx_write(fds[1], "x", 1) == 1 && nx_write(other[1], "x", 1) == 1 && nx_ready_look(ready, there, 1) == 2);
  CLAIM(nx_close(fds[0]) == 0 && nx_ready_look(ready, there, 4) == 2 && there[0].revents == POLLNVAL);
  CLAIM(nx_ready_end(ready) == 0);
  FAILS(nx_ready_end(ready), EBADF);
  FAILS(nx_ready_look(ready, there, 4), EBADF);
  set[0].fd = 0;
  FAILS(nx_ready(set, 2), EBADF);
  FAILS(nx_ready(NULL, 1), EFAULT);

  /* Whatever becomes of its number: nothing of the set is left. */
  set[0].fd = other[0];
  int before = numbers();
  CLAIM((ready = nx_ready(set, 1)) >= 0 && numbers() > before);
  pid_t child = fork();
  if (child == 0)
    _exit(nx_ready_look(ready, there, 4) == -1 && errno == ESRCH && nx_ready_end(ready) == -1 && nx_ready(set, 1) == -1 && nx_close(ready) == 0 ? 0 : 1);
  int status;
  CLAIM(child > 0 && waitpid(child, &status, 0) == child && status == 0 && nx_ready_look(ready, there, 4) == 1);
  CLAIM(nx_close(ready) == 0 && numbers() == before);
  FAILS(nx_ready_look(ready, there, 4), EBADF);
  CLAIM((ready = nx_ready(set, 1)) >= 0 && nx_dup2(loop, ready) == ready && numbers() == before + 1);
  FAILS(nx_ready_end(ready), EBADF);
  CLAIM(nx_close(ready) == 0 && (ready = nx_ready(set, 1)) >= 0 && nx_dup2(other[0], ready) == ready && numbers() == before + 1);
  FAILS(nx_ready_look(ready, there, 4), EBADF);
  CLAIM(nx_close(ready) == 0 && numbers() == before);

  /* A socket in the tree. */
  CLAIM(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0 && nx_register_descriptor("/dev/socket", sockets[0], 0600) == 0);
  int fd = nx_open("/dev/socket", O_RDWR);
  CLAIM(fd >= 0 && nx_write(fd, "ping", 4) == 4 && read(sockets[1], buf, sizeof buf) == 4 && write(sockets[1], "pong", 4) == 4);
  set[0] = (struct pollfd){fd, POLLIN, 0};
  set[1] = (struct pollfd){other[0], POLLOUT, 0};
  CLAIM(nx_poll(set, 2, -1) == 1 && set[0].revents == POLLIN && nx_read(fd, buf, sizeof buf) == 4);
  CLAIM(close(sockets[1]) == 0 && nx_read(fd, buf, sizeof buf) == 0);
  FAILS(nx_register_descriptor("/dev/socket", sockets[0], 0600), EEXIST);
  FAILS(nx_register_descriptor("relative", sockets[0], 0600), EINVAL);
  FAILS(nx_register_descriptor("/dev/other", fd, 0600), EINVAL);
  FAILS(nx_register_descriptor("/dev/other", 999, 0600), EBADF);
  FAILS(nx_register_descriptor(NULL, sockets[0], 0600), EFAULT);
  CLAIM(nx_close(fd) == 0 && nx_unregister("/dev/socket") == 0 && nx_end() == 0);
  return well();
}
