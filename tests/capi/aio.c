/* aio.h. */
#define _GNU_SOURCE
#include "claim.h"
#include <aio.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct aiocb block(int fd, void *buf, size_t len, off_t offset)
{
  struct aiocb cb;
  memset(&cb, 0, sizeof cb);
  cb.aio_fildes = fd;
  cb.aio_buf = buf;
  cb.aio_nbytes = len;
  cb.aio_offset = offset;
  cb.aio_sigevent.sigev_notify = SIGEV_NONE;
  return cb;
}

/* The result of a request, once it is over. */
static ssize_t ended(struct aiocb *cb)
{
  const struct aiocb *list[] = {NULL, cb};
  while (aio_error(cb) == EINPROGRESS) CLAIM(aio_suspend(list, 2, NULL) == 0);
  return aio_return(cb);
}

static sem_t told;
static struct aiocb *who;
static void by_thread(union sigval value)
{
  CLAIM(aio_error(value.sival_ptr) == 0);
  who = value.sival_ptr;
  sem_post(&told);
}

static volatile sig_atomic_t code, value, result = -1;
static void by_signal(int signal, siginfo_t *info, void *context)
{
  (void)signal, (void)context;
  code = info->si_code;
  value = info->si_value.sival_int;
  /* Both may be called here. */
  if (aio_error(who) == 0) result = aio_return(who);
  sem_post(&told);
}

static void await(void)
{
  while (sem_wait(&told) < 0) CLAIM(errno == EINTR);
}

static void transfers(const char *where)
{
  char text[64][16], buf[64];
  struct aiocb all[64];
  int fd = open(in(where, "aio"), O_CREAT | O_RDWR | O_TRUNC, 0600);
  CLAIM(fd >= 0);
  for (int i = 0; i < 64; i++) {
    snprintf(text[i], sizeof text[i], "%015d", i);
    all[i] = block(fd, text[i], 15, i * 15);
    CLAIM(aio_write(&all[i]) == 0);
  }
  struct aiocb sync = block(fd, NULL, 0, 0);
  CLAIM(aio_fsync(O_SYNC, &sync) == 0 && ended(&sync) == 0);
  /* A synchronisation is over after all that came before it. */
  for (int i = 0; i < 64; i++) CLAIM(aio_error(&all[i]) == 0 && aio_return(&all[i]) == 15);
  FAILS(aio_return(&all[0]), EINVAL);
  CLAIM(lseek(fd, 0, SEEK_CUR) == 0);
  struct aiocb cb = block(fd, buf, sizeof buf, 64 * 15 - 20);
  CLAIM(aio_read(&cb) == 0 && ended(&cb) == 20 && memcmp(buf + 5, text[63], 15) == 0);
  cb = block(fd, buf, 10, 5000);
  CLAIM(aio_read(&cb) == 0 && ended(&cb) == 0);
  CLAIM(aio_fsync(O_DSYNC, &sync) == 0 && ended(&sync) == 0);
  cb = block(fd, NULL, 0, 0);
  CLAIM(aio_read(&cb) == 0 && ended(&cb) == 0);

  /* Told by a thread, and by a signal. */
  cb = block(fd, "thread", 6, 0);
  cb.aio_sigevent.sigev_notify = SIGEV_THREAD;
  cb.aio_sigevent.sigev_notify_function = by_thread;
  cb.aio_sigevent.sigev_value.sival_ptr = &cb;
  CLAIM(aio_write(&cb) == 0);
  await();
  CLAIM(who == &cb && aio_return(&cb) == 6);
  cb = block(fd, "signal", 6, 0);
  cb.aio_sigevent.sigev_notify = SIGEV_SIGNAL;
  cb.aio_sigevent.sigev_signo = SIGRTMIN;
  cb.aio_sigevent.sigev_value.sival_int = 77;
  who = &cb;
  result = -1;
  CLAIM(aio_write(&cb) == 0);
  await();
  CLAIM(code == SI_ASYNCIO && value == 77 && result == 6);

  /* A list, waited for; and one that is told. */
  struct aiocb *list[5] = {&all[0], NULL, &all[1], &all[2], &all[3]};
  for (int i = 0; i < 4; i++) {
    all[i] = block(fd, text[i], 15, i * 15);
    all[i].aio_lio_opcode = i == 3 ? LIO_NOP : i == 2 ? LIO_READ : LIO_WRITE;
  }
  CLAIM(lio_listio(LIO_WAIT, list, 5, NULL) == 0);
  for (int i = 0; i < 3; i++) CLAIM(aio_error(&all[i]) == 0 && aio_return(&all[i]) == 15);
  struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = by_thread, .sigev_value.sival_ptr = &all[0]};
  CLAIM(lio_listio(LIO_NOWAIT, list, 5, &event) == 0);
  await();
  for (int i = 0; i < 3; i++) CLAIM(aio_error(&all[i]) == 0 && aio_return(&all[i]) == 15);
  CLAIM(lio_listio(LIO_WAIT, NULL, 0, NULL) == 0);
  /* One that fails: the others go on, and each tells its own. */
  all[1].aio_offset = -1;
  FAILS(lio_listio(LIO_WAIT, list, 5, NULL), EIO);
  CLAIM(aio_error(&all[0]) == 0 && aio_error(&all[1]) == EINVAL && aio_error(&all[2]) == 0);
  FAILS(aio_return(&all[1]), EINVAL);
  all[1] = block(fd, text[1], 15, 15);
  all[1].aio_lio_opcode = 9;
  FAILS(lio_listio(LIO_WAIT, list, 5, NULL), EINVAL);
  FAILS(lio_listio(9, list, 0, NULL), EINVAL);
  FAILS(lio_listio(LIO_WAIT, list, -1, NULL), EINVAL);
  FAILS(lio_listio(LIO_WAIT, NULL, 1, NULL), EFAULT);

  /* Appending, in the order of the calls. */
  int log = open(in(where, "log"), O_CREAT | O_WRONLY | O_APPEND | O_TRUNC, 0600);
  for (int i = 0; i < 64; i++) {
    all[i] = block(log, text[i], 15, 0);
    CLAIM(aio_write(&all[i]) == 0);
  }
  for (int i = 0; i < 64; i++) CLAIM(ended(&all[i]) == 15);
  int reads = open(in(where, "log"), O_RDONLY);
  for (int i = 0; i < 64; i++) CLAIM(read(reads, buf, 15) == 15 && memcmp(buf, text[i], 15) == 0);

  /* What is refused. */
  cb = block(999, buf, 1, 0);
  FAILS(aio_cancel(999, NULL), EBADF);
  cb = block(log, buf, 1, 0);
  FAILS(aio_read(&cb), EBADF);
  cb = block(reads, buf, 1, 0);
  FAILS(aio_write(&cb), EBADF);
  FAILS(aio_fsync(O_SYNC, &cb), EBADF);
  cb = block(fd, buf, 1, -1);
  FAILS(aio_read(&cb), EINVAL);
  cb = block(fd, buf, (size_t)-1, 0);
  FAILS(aio_read(&cb), EINVAL);
  cb = block(fd, NULL, 1, 0);
  FAILS(aio_read(&cb), EFAULT);
  cb = block(fd, buf, 1, 0);
  cb.aio_reqprio = -1;
  FAILS(aio_read(&cb), EINVAL);
  cb.aio_reqprio = 21;
  FAILS(aio_read(&cb), EINVAL);
  cb.aio_reqprio = 20;
  cb.aio_sigevent.sigev_notify = 99;
  FAILS(aio_read(&cb), EINVAL);
  FAILS(aio_fsync(O_RDWR, &cb), EINVAL);
  FAILS(aio_read(NULL), EFAULT);
  cb = block(fd, buf, 1, 0);
  CLAIM(aio_error(&cb) == EINVAL);
  FAILS(aio_return(&cb), EINVAL);
  CLAIM(close(fd) == 0 && close(log) == 0 && close(reads) == 0);
}

static struct aiocb over;
static atomic_int asked, hammering = 1;
static void asks(int signal)
{
  (void)signal;
  const struct aiocb *list[] = {&over};
  struct timespec none = {0, 0};
  if (aio_error(&over) != 0 || aio_suspend(list, 1, &none) != 0) _exit(7);
  asked++;
}

static void *interrupts(void *main_thread)
{
  while (hammering) {
    CLAIM(pthread_kill(*(pthread_t *)main_thread, SIGUSR1) == 0);
    sched_yield();
  }
  return NULL;
}

/* A handler asks, wherever its thread is: within the library, or allocating. */
static void handlers_ask(void)
{
  char buf[16];
  pthread_t self = pthread_self(), thread;
  int fd = open(ROM "/text", O_RDONLY), p[2];
  struct sigaction action = {.sa_handler = asks, .sa_flags = SA_RESTART};
  over = block(fd, buf, 4, 0);
  CLAIM(aio_read(&over) == 0);
  while (aio_error(&over) == EINPROGRESS) sched_yield();
  CLAIM(sigaction(SIGUSR1, &action, NULL) == 0 && pipe(p) == 0 && pthread_create(&thread, NULL, interrupts, &self) == 0);
  for (int i = 0; i < 500 || asked < 500; i++) {
    struct aiocb cb = block(fd, buf, 9, 5), waits = block(p[0], buf, 1, 0);
    const struct aiocb *list[] = {&cb};
    CLAIM(aio_read(&cb) == 0 && aio_read(&waits) == 0);
    while (aio_error(&cb) == EINPROGRESS) CLAIM(aio_suspend(list, 1, NULL) == 0 || errno == EINTR);
    CLAIM(aio_return(&cb) == 9 && aio_cancel(p[0], &waits) == AIO_CANCELED);
    free(malloc(100 + i % 1000));
  }
  hammering = 0;
  CLAIM(pthread_join(thread, NULL) == 0 && aio_return(&over) == 4 && close(p[0]) == 0 && close(p[1]) == 0 && close(fd) == 0);
}

static atomic_int running, most;
static void counts(union sigval value)
{
  int now = ++running, before = most;
  while (before < now && !atomic_compare_exchange_weak(&most, &before, now)) {}
  for (int i = 0; i < 100; i++) sched_yield();
  running--;
  sem_post(value.sival_ptr);
}

/* However many ends there are: a few threads tell of them. */
static void notices_are_bounded(void)
{
  enum { MANY = 300 };
  static struct aiocb all[MANY];
  static char buf[MANY];
  int fd = open(ROM "/text", O_RDONLY);
  for (int i = 0; i < MANY; i++) {
    all[i] = block(fd, &buf[i], 1, 0);
    all[i].aio_sigevent.sigev_notify = SIGEV_THREAD;
    all[i].aio_sigevent.sigev_notify_function = counts;
    all[i].aio_sigevent.sigev_value.sival_ptr = &told;
    CLAIM(aio_read(&all[i]) == 0);
  }
  for (int i = 0; i < MANY; i++) await();
  CLAIM(most >= 1 && most <= 8);
  for (int i = 0; i < MANY; i++) CLAIM(aio_return(&all[i]) == 1);
  CLAIM(close(fd) == 0);
}

/* The state is the block's: a copy of it has none, and a child has no requests. */
static void blocks(void)
{
  char buf[16];
  int fd = open(ROM "/text", O_RDONLY), p[2], status;
  struct aiocb cb;
  memset(&cb, 0, sizeof cb);
  cb.aio_fildes = fd, cb.aio_buf = buf, cb.aio_nbytes = 4;
  /* All zeroes ask for signal 0, which is none. */
  CLAIM(aio_read(&cb) == 0 && ended(&cb) == 4 && aio_read(&cb) == 0);
  while (aio_error(&cb) == EINPROGRESS) sched_yield();
  struct aiocb copy = cb;
  CLAIM(aio_error(&copy) == EINVAL && aio_error(&cb) == 0);
  FAILS(aio_return(&copy), EINVAL);
  CLAIM(aio_return(&cb) == 4 && aio_error(&cb) == EINVAL);
  cb.aio_fildes = 999, cb.aio_reqprio = -1;
  FAILS(aio_read(&cb), EBADF);
  CLAIM(pipe(p) == 0);
  struct aiocb waits = block(p[0], buf, 1, 0);
  CLAIM(aio_read(&waits) == 0);
  pid_t child = fork();
  if (child == 0) {
    const struct aiocb *list[] = {&waits};
    /* By a signal: a checker of memory would have a word about what threads had that the child does not have. */
    raise(aio_error(&waits) == EINVAL && aio_return(&waits) == -1 && errno == EINVAL && aio_suspend(list, 1, NULL) == 0 &&
          aio_read(&waits) == -1 && errno == ESRCH && aio_cancel(p[0], NULL) == -1 && errno == ESRCH ? SIGTERM : SIGKILL);
  }
  CLAIM(child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM && aio_error(&waits) == EINPROGRESS);
  CLAIM(aio_cancel(p[0], &waits) == AIO_CANCELED && close(p[0]) == 0 && close(p[1]) == 0 && close(fd) == 0);
}

int main(void)
{
  CLAIM(sem_init(&told, 0, 0) == 0);
  struct sigaction action = {.sa_sigaction = by_signal, .sa_flags = SA_SIGINFO};
  CLAIM(sigaction(SIGRTMIN, &action, NULL) == 0);
  mkdir(OWN, 0755);
  EACH_PLACE(transfers);
  handlers_ask();
  notices_are_bounded();
  blocks();

  char buf[16];
  int text = open(ROM "/text", O_RDONLY), dir = open(ROM, O_RDONLY);
  struct aiocb cb = block(text, buf, 9, 5);
  CLAIM(aio_read(&cb) == 0 && ended(&cb) == 9 && memcmp(buf, "only text", 9) == 0);
  cb = block(dir, buf, 9, 0);
  CLAIM(aio_read(&cb) == 0 && ended(&cb) == -1 && errno == EISDIR);

  /* Pipes: what waits is suspended for, cancelled, and ended by close. */
  int fds[2];
  CLAIM(pipe(fds) == 0);
  struct aiocb first = block(fds[0], buf, 4, 0), second = block(fds[0], buf + 4, 4, 0);
  CLAIM(aio_read(&first) == 0 && aio_read(&second) == 0 && aio_error(&first) == EINPROGRESS);
  FAILS(aio_return(&first), EINVAL);
  FAILS(aio_read(&first), EINVAL);
  const struct aiocb *list[] = {&first, NULL, &second};
  struct timespec soon = {0, 1000000}, bad = {0, 1000000000};
  FAILS(aio_suspend(list, 3, &soon), EAGAIN);
  FAILS(aio_suspend(list, 3, &bad), EINVAL);
  FAILS(aio_suspend(list, -1, &soon), EINVAL);
  CLAIM(write(fds[1], "abcd", 4) == 4 && aio_suspend(list, 3, NULL) == 0 && ended(&first) == 4 && memcmp(buf, "abcd", 4) == 0);
  FAILS(aio_cancel(fds[1], &second), EINVAL);
  CLAIM(aio_cancel(fds[1], NULL) == AIO_ALLDONE && aio_cancel(fds[0], &second) == AIO_CANCELED);
  CLAIM(aio_error(&second) == ECANCELED && aio_cancel(fds[0], &second) == AIO_ALLDONE);
  FAILS(aio_return(&second), ECANCELED);
  CLAIM(aio_read(&first) == 0 && aio_cancel(fds[0], NULL) == AIO_CANCELED && aio_error(&first) == ECANCELED);
  CLAIM(aio_read(&second) == 0 && close(fds[0]) == 0 && ended(&second) == -1 && errno == ECANCELED);

  /* The operating system's go to the C library. */
  int os[2] = {fcntl(0, F_DUPFD, 3), -1};
  char path[] = "/proc/self/cmdline";
  (void)path;
  struct aiocb theirs = block(os[0], buf, 1, 0);
  CLAIM(aio_read(&theirs) == 0);
  while (aio_error(&theirs) == EINPROGRESS) {
    const struct aiocb *one[] = {&theirs};
    aio_suspend(one, 1, &soon);
  }
  CLAIM(aio_error(&theirs) == 0 ? aio_return(&theirs) >= 0 : aio_return(&theirs) == -1);
  CLAIM(aio_read(&first) == -1 && errno == EBADF);
  return well();
}
