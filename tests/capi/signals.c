/* Signals and calls that wait: a handler ends them (EINTR), one with SA_RESTART those that Linux ends nevertheless. */
#define _GNU_SOURCE
#include "claim.h"
#include <aio.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int reads[2], full[2], locked;
static struct aiocb block;
static pid_t child;
static FILE *stream;
static char big[300000];

static atomic_int handled, over;
static void on_signal(int number) { (void)number; handled++; }

static void install(int flags)
{
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
  CLAIM(sigaction(SIGUSR1, &action, NULL) == 0);
}

struct call { long (*body)(void); long answer; int error; };

static void *runs(void *arg)
{
  struct call *call = arg;
  errno = 0;
  call->answer = call->body();
  call->error = errno;
  over = 1;
  return NULL;
}

static struct call begun;
static pthread_t begin(long (*body)(void))
{
  pthread_t thread;
  over = 0;
  begun = (struct call){body, 0, 0};
  CLAIM(pthread_create(&thread, NULL, runs, &begun) == 0);
  return thread;
}

/* Signals, until the call has ended: one of them comes while it waits. */
static struct call interrupted(long (*body)(void))
{
  pthread_t thread = begin(body);
  while (!over) {
    CLAIM(pthread_kill(thread, SIGUSR1) == 0);
    sched_yield();
  }
  CLAIM(pthread_join(thread, NULL) == 0);
  return begun;
}

#define ENDS(body) \
  do { \
    place = #body; \
    struct call told = interrupted(body); \
    errno = told.error; \
    CLAIM(told.answer == -1 && told.error == EINTR); \
    place = ""; \
  } while (0)

static char byte;
static long reading(void) { return read(reads[0], &byte, 1); }
static long reading_parts(void) { return readv(reads[0], &(struct iovec){&byte, 1}, 1); }
static long writing(void) { return write(full[1], "x", 1); }
static long writing_much(void) { return write(reads[1], big, sizeof big); }
static long opening(void) { return open("/tmp/fifo", O_RDONLY); }
static long opening_for_writing(void) { return open("/tmp/fifo", O_WRONLY); }
static long locking(void) { return flock(locked, LOCK_EX); }
static long suspending(void) { return aio_suspend((const struct aiocb *const[]){&block}, 1, NULL); }
static long suspending_for_a_time(void) { return aio_suspend((const struct aiocb *const[]){&block}, 1, &(struct timespec){3600, 0}); }
static long polling(void) { return poll(&(struct pollfd){reads[0], POLLIN, 0}, 1, -1); }
static long polling_for_a_time(void) { return ppoll(&(struct pollfd){reads[0], POLLIN, 0}, 1, &(struct timespec){3600, 0}, NULL); }
static long selecting(void)
{
  fd_set set;
  FD_ZERO(&set); FD_SET(reads[0], &set);
  return select(reads[0] + 1, &set, NULL, NULL, NULL);
}
static long waiting(void) { return waitpid(child, NULL, 0); }
static long from_a_stream(void) { clearerr(stream); return fgetc(stream); }
static long a_list(void)
{
  static struct aiocb own;
  own = (struct aiocb){.aio_fildes = reads[0], .aio_buf = &byte, .aio_nbytes = 1, .aio_lio_opcode = LIO_READ, .aio_sigevent.sigev_notify = SIGEV_NONE};
  return lio_listio(LIO_WAIT, (struct aiocb *const[]){&own}, 1, NULL);
}

static void a_handler_ends_what_waits(void)
{
  install(0);
  ENDS(reading);
  ENDS(reading_parts);
  ENDS(writing);
  ENDS(opening);
  ENDS(opening_for_writing);
  ENDS(locking);
  ENDS(suspending);
  ENDS(suspending_for_a_time);
  ENDS(polling);
  ENDS(polling_for_a_time);
  ENDS(selecting);
  ENDS(waiting);
  ENDS(from_a_stream);
  ENDS(a_list);
}

static void what_was_written_is_told(void)
{
  struct call told = interrupted(writing_much);
  CLAIM(told.answer > 0 && told.answer < (long)sizeof big);
  for (long left = told.answer; left > 0;) {
    ssize_t got = read(reads[0], big, sizeof big);
    CLAIM(got > 0);
    left -= got;
  }
}

/* Many signals, and then what it waits for. */
static void goes_on(long (*body)(void), int to)
{
  pthread_t thread = begin(body);
  int before = handled;
  while (handled < before + 100) {
    CLAIM(!over && pthread_kill(thread, SIGUSR1) == 0);
    sched_yield();
  }
  CLAIM(!over && write(to, "y", 1) == 1 && pthread_join(thread, NULL) == 0);
  errno = begun.error;
  CLAIM(begun.answer == 1);
}

static void what_is_restarted_goes_on(void)
{
  install(SA_RESTART);
  goes_on(reading, reads[1]);
  CLAIM(byte == 'y');
  goes_on(reading_parts, reads[1]);
  /* As on Linux, whatever the handler says. */
  ENDS(polling);
  ENDS(polling_for_a_time);
  ENDS(selecting);
}

static void a_blocked_signal_ends_nothing(void)
{
  sigset_t set, before;
  CLAIM(sigemptyset(&set) == 0 && sigaddset(&set, SIGUSR1) == 0 && pthread_sigmask(SIG_BLOCK, &set, &before) == 0);
  install(0);
  int seen = handled;
  pthread_t thread = begin(reading);
  for (int i = 0; i < 100; i++) CLAIM(pthread_kill(thread, SIGUSR1) == 0);
  CLAIM(write(reads[1], "z", 1) == 1 && pthread_join(thread, NULL) == 0 && begun.answer == 1 && handled == seen);
  CLAIM(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
}

int main(void)
{
  CLAIM(mkfifo("/tmp/fifo", 0600) == 0 && pipe(reads) == 0 && pipe(full) == 0 && (stream = fdopen(dup(reads[0]), "r")) != NULL);
  CLAIM(write(full[1], big, 65536) == 65536);
  int other = open("/tmp/lock", O_CREAT | O_RDWR, 0600);
  CLAIM((locked = open("/tmp/lock", O_RDWR)) >= 0 && flock(other, LOCK_EX) == 0);
  /* Nothing comes in this pipe: the request goes on. */
  static int never[2];
  CLAIM(pipe(never) == 0);
  block = (struct aiocb){.aio_fildes = never[0], .aio_buf = big, .aio_nbytes = 1, .aio_sigevent.sigev_notify = SIGEV_NONE};
  CLAIM(aio_read(&block) == 0);
  CLAIM((child = fork()) >= 0);
  if (child == 0)
    for (;;) pause();
  a_handler_ends_what_waits();
  /* The request of the list took none of it. */
  CLAIM(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
  CLAIM(aio_cancel(reads[0], NULL) == AIO_CANCELED && aio_cancel(never[0], NULL) == AIO_CANCELED);
  what_was_written_is_told();
  what_is_restarted_goes_on();
  a_blocked_signal_ends_nothing();
  return well();
}
