/* poll, select and event loops over everything at once: a driver's node, the console, a FIFO, a pipe, a file, a socket of the
 * operating system's, and one that is a node. */
#define _GNU_SOURCE
#include "claim.h"
#include <aio.h>
#include <fcntl.h>
#include <nxvfs.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_int held;
static uint64_t node;

static ssize_t dev_read(void *arg, void *file, void *buf, size_t len, off_t offset)
{
  (void)arg, (void)file, (void)offset;
  int now = held;
  do {
    if (now == 0) return -EAGAIN;
  } while (!atomic_compare_exchange_weak(&held, &now, now - 1));
  memset(buf, 'd', len > 0);
  return len > 0;
}

static int dev_poll(void *arg, void *file) { (void)arg, (void)file; return held ? POLLIN : 0; }

enum { DRIVER, FIFO, PIPE, SOCKET, NODE, MANY };
static int reads[MANY], writes[MANY];

static void *feeds(void *which)
{
  int i = *(int *)which;
  if (i == DRIVER) {
    held++;
    CLAIM(nx_notify(node, POLLIN) == 0);
  } else CLAIM(write(writes[i], "x", 1) == 1);
  return NULL;
}

static void set(struct pollfd *fds)
{
  for (int i = 0; i < MANY; i++) fds[i] = (struct pollfd){reads[i], POLLIN, 0x7fff};
}

static void each_wakes_alone(void)
{
  struct pollfd fds[MANY];
  pthread_t thread;
  char c;
  for (int round = 0; round < 20 * MANY; round++) {
    int which = round % MANY, most = 0;
    set(fds);
    CLAIM(poll(fds, MANY, 0) == 0 && pthread_create(&thread, NULL, feeds, &which) == 0);
    if (round % 2) {
      CLAIM(poll(fds, MANY, -1) == 1);
      for (int i = 0; i < MANY; i++) CLAIM((fds[i].revents & POLLIN) == (i == which ? POLLIN : 0));
    } else {
      fd_set in;
      FD_ZERO(&in);
      for (int i = 0; i < MANY; i++) FD_SET(reads[i], &in), most = reads[i] > most ? reads[i] : most;
      CLAIM(select(most + 1, &in, NULL, NULL, NULL) == 1 && FD_ISSET(reads[which], &in));
    }
    CLAIM(pthread_join(thread, NULL) == 0 && read(reads[which], &c, 1) == 1);
  }
}

static void all_at_once(void)
{
  struct pollfd fds[MANY + 3];
  int file = open("/rom/text", O_RDONLY), console = open("/dev/console", O_WRONLY), all[MANY];
  char c;
  for (int i = 0; i < MANY; i++) all[i] = i, feeds(&all[i]);
  set(fds);
  fds[MANY] = (struct pollfd){file, POLLIN | POLLOUT, 0}, fds[MANY + 1] = (struct pollfd){console, POLLOUT, 0};
  fds[MANY + 2] = (struct pollfd){-1, POLLIN, 7};
  CLAIM(poll(fds, MANY + 3, -1) == MANY + 2 && fds[MANY].revents == (POLLIN | POLLOUT) && fds[MANY + 1].revents == POLLOUT && fds[MANY + 2].revents == 0);
  for (int i = 0; i < MANY; i++) CLAIM(fds[i].revents == POLLIN && read(reads[i], &c, 1) == 1);
  /* One that is closed is told of, beside what is true. */
  CLAIM(close(file) == 0 && poll(fds, MANY + 3, 0) == 2 && fds[MANY].revents == POLLNVAL && close(console) == 0);
}

static void in_an_event_loop(void)
{
  struct pollfd fds[MANY], there[MANY];
  struct epoll_event event = {.events = EPOLLIN}, got;
  int own[] = {DRIVER, FIFO, PIPE, NODE}, count = 4;
  char c;
  pthread_t thread;
  for (int i = 0; i < count; i++) fds[i] = (struct pollfd){reads[own[i]], POLLIN, 0};
  int ready = nx_ready(fds, count), loop = epoll_create1(0);
  CLAIM(ready >= 0 && epoll_ctl(loop, EPOLL_CTL_ADD, ready, &event) == 0);
  for (int round = 0; round < 40; round++) {
    int which = own[round % count];
    CLAIM(nx_ready_look(ready, there, MANY) == 0 && pthread_create(&thread, NULL, feeds, &which) == 0);
    CLAIM(epoll_wait(loop, &got, 1, -1) == 1 && pthread_join(thread, NULL) == 0);
    CLAIM(nx_ready_look(ready, there, MANY) == 1 && there[0].fd == reads[which] && there[0].revents == POLLIN && read(reads[which], &c, 1) == 1);
  }
  CLAIM(nx_ready_end(ready) == 0 && close(loop) == 0);
}

static void errors_of_sets_and_nodes(void)
{
  struct rlimit limit, few;
  struct pollfd one = {reads[PIPE], POLLIN, 0};
  static struct pollfd many[1 << 17];
  FAILS(nx_ready(&(struct pollfd){reads[SOCKET], POLLIN, 0}, 1), EBADF);
  FAILS(nx_ready(NULL, 1), EFAULT);
  for (size_t i = 0; i < sizeof many / sizeof *many; i++) many[i].fd = -1;
  FAILS(nx_ready(many, sizeof many / sizeof *many), EINVAL);
  FAILS(nx_ready_look(999, many, 1), EBADF);
  FAILS(nx_ready_end(999), EBADF);
  int ready = nx_ready(&one, 1);
  FAILS(nx_ready_look(ready, NULL, 1), EFAULT);
  CLAIM(nx_ready_look(ready, NULL, 0) == 0 && close(ready) == 0);
  FAILS(nx_register_descriptor("/tmp/n", writes[SOCKET], 0600), EPERM);
  FAILS(nx_register_descriptor("/dev/null", writes[SOCKET], 0600), EEXIST);
  FAILS(nx_register_descriptor("n", writes[SOCKET], 0600), EINVAL);
  FAILS(nx_register_descriptor("/dev/n", reads[PIPE], 0600), EINVAL);
  FAILS(nx_register_descriptor("/dev/n", 1 << 20, 0600), EBADF);
  /* No number is left in the operating system. */
  CLAIM(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  few = limit, few.rlim_cur = 3;
  CLAIM(setrlimit(RLIMIT_NOFILE, &few) == 0);
  FAILS(nx_ready(&one, 1), EMFILE);
  int made = nx_register_descriptor("/dev/n", writes[SOCKET], 0600), why = errno;
  CLAIM(setrlimit(RLIMIT_NOFILE, &limit) == 0 && made == -1 && (why == EMFILE || why == EINVAL));
  FAILS(nx_unregister("/dev/n"), ENOENT);
  FAILS(nx_unregister("/own"), ENODEV);
}

static struct aiocb never;
static sem_t there;

static void *suspends(void *arg)
{
  const struct aiocb *list[] = {&never};
  CLAIM(sem_post(&there) == 0 && aio_suspend(list, 1, NULL) == 0 && aio_error(&never) == ECANCELED);
  return arg;
}

static void *waits(void *arg)
{
  char c;
  CLAIM(sem_post(&there) == 0);
  ssize_t got = read(reads[PIPE], &c, 1);
  CLAIM(got == -1 && (errno == EINTR || errno == ESRCH || errno == EBADF));
  return arg;
}

/* With the host end transfers that wait, whoever waits for them, and calls. */
static void the_end_wakes(void)
{
  pthread_t one, two;
  static char c;
  never = (struct aiocb){.aio_fildes = reads[FIFO], .aio_buf = &c, .aio_nbytes = 1};
  /* Opened so that it does not wait, it is made to. */
  CLAIM(fcntl(reads[FIFO], F_SETFL, 0) == 0 && aio_read(&never) == 0 && sem_init(&there, 0, 0) == 0);
  CLAIM(pthread_create(&one, NULL, suspends, NULL) == 0 && pthread_create(&two, NULL, waits, NULL) == 0);
  CLAIM(sem_wait(&there) == 0 && sem_wait(&there) == 0 && nx_end() == 0);
  CLAIM(pthread_join(one, NULL) == 0 && pthread_join(two, NULL) == 0 && aio_return(&never) == -1 && errno == ECANCELED);
}

int main(void)
{
  nx_driver driver = {.size = sizeof driver, .read = dev_read, .poll = dev_poll};
  int p[2], s[2], n[2];
  CLAIM(nx_register_driver("/dev/mine", &driver, 0600, NULL, &node) == 0 && (reads[DRIVER] = open("/dev/mine", O_RDONLY)) >= 0);
  CLAIM(mkfifo("/own", 0600) == 0 && (reads[FIFO] = open("/own", O_RDONLY | O_NONBLOCK)) >= 0 && (writes[FIFO] = open("/own", O_WRONLY)) >= 0);
  CLAIM(pipe(p) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, n) == 0);
  reads[PIPE] = p[0], writes[PIPE] = p[1], reads[SOCKET] = s[0], writes[SOCKET] = s[1], writes[NODE] = n[1];
  CLAIM(nx_register_descriptor("/dev/sock", n[0], 0600) == 0 && (reads[NODE] = open("/dev/sock", O_RDWR)) >= 0);
  each_wakes_alone();
  all_at_once();
  in_an_event_loop();
  errors_of_sets_and_nodes();
  the_end_wakes();
  return well();
}
