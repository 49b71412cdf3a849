/* Descriptors of the host and of the operating system in one program: the window, dup2 across, fork, exec. */
#define _GNU_SOURCE
#include "claim.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void the_numbers_of_the_host_are_never_the_systems(void)
{
  int fd = open("/tmp/a", O_CREAT | O_RDWR, 0600), other = open("/tmp/a", O_RDONLY), sockets[2];
  CLAIM(fd >= FD_SETSIZE / 2 && fd < FD_SETSIZE && other == fd + 1);
  CLAIM(close(fd) == 0 && open("/tmp/a", O_RDWR) == fd);
  CLAIM(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
  CLAIM(sockets[0] < FD_SETSIZE / 2 && sockets[1] < FD_SETSIZE / 2);
  /* Also where the kernel is asked for a number of the window. */
  int high = fcntl(sockets[0], F_DUPFD_CLOEXEC, fd);
  CLAIM(high < 0 || high >= 2 * FD_SETSIZE);
  if (high >= 0) CLAIM(close(high) == 0);
  CLAIM(close(fd) == 0 && close(other) == 0);
  /* What is not open is not open, although the kernel has something there. */
  struct stat st;
  FAILS(fstat(fd, &st), EBADF);
  FAILS(close(fd), EBADF);
  FAILS(read(fd, &st, 1), EBADF);
  FAILS(dup(fd), EBADF);
  FAILS(fcntl(fd, F_GETFD), EBADF);
  CLAIM(close(sockets[0]) == 0 && close(sockets[1]) == 0);
}

static void calls_on_the_systems_descriptors_pass_through(void)
{
  int s[2], n;
  char buf[8];
  struct stat st;
  CLAIM(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
  CLAIM(write(s[0], "hello", 5) == 5);
  CLAIM(ioctl(s[1], FIONREAD, &n) == 0 && n == 5);
  CLAIM(fstat(s[1], &st) == 0 && S_ISSOCK(st.st_mode));
  struct pollfd p = {s[1], POLLIN | POLLOUT, 0};
  CLAIM(poll(&p, 1, -1) == 1 && p.revents == (POLLIN | POLLOUT));
  int copy = dup(s[1]);
  CLAIM(copy > 0 && copy < FD_SETSIZE / 2);
  CLAIM(fcntl(copy, F_GETFD) == 0 && fcntl(copy, F_SETFD, FD_CLOEXEC) == 0 && fcntl(copy, F_GETFD) == FD_CLOEXEC);
  CLAIM(read(copy, buf, sizeof buf) == 5 && memcmp(buf, "hello", 5) == 0);
  FAILS(lseek(copy, 0, SEEK_CUR), ESPIPE);
  CLAIM(close(copy) == 0);
  FAILS(close(copy), EBADF);
  CLAIM(!isatty(s[0]) && errno == ENOTTY);
  CLAIM(close(s[0]) == 0 && close(s[1]) == 0);
  FAILS(close(-1), EBADF);
}

static void a_file_of_the_host_takes_a_number_of_the_systems(void)
{
  int s[2], fd = open("/tmp/b", O_CREAT | O_RDWR | O_TRUNC, 0600);
  char buf[8];
  struct stat st;
  CLAIM(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
  int kept = dup(s[1]);
  CLAIM(dup2(fd, s[1]) == s[1]);
  CLAIM(write(s[1], "in file", 7) == 7);
  CLAIM(fstat(s[1], &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 7);
  CLAIM(pread(fd, buf, 8, 0) == 7);
  /* The socket lives on at its other number. */
  CLAIM(write(s[0], "x", 1) == 1 && read(kept, buf, 1) == 1);
  /* The flag of the descriptor is its own. */
  CLAIM(fcntl(s[1], F_GETFD) == 0 && dup3(fd, s[1], O_CLOEXEC) == s[1] && fcntl(s[1], F_GETFD) == FD_CLOEXEC);
  FAILS(dup3(fd, fd, 0), EINVAL);
  CLAIM(dup2(s[1], s[1]) == s[1]);
  /* And back. */
  CLAIM(dup2(kept, s[1]) == s[1] && write(s[1], "y", 1) == 1 && read(s[0], buf, 1) == 1 && buf[0] == 'y');
  /* Closed, the number is free for the kernel, and goes to who asks next. */
  CLAIM(dup2(fd, s[1]) == s[1] && close(s[1]) == 0);
  FAILS(fstat(s[1], &st), EBADF);
  int again = dup(kept);
  CLAIM(again == s[1] && fstat(again, &st) == 0 && S_ISSOCK(st.st_mode));
  FAILS(dup2(fd, -1), EBADF);
  FAILS(dup2(fd, 1 << 20), EBADF);
  FAILS(dup2(-1, fd), EBADF);
  FAILS(dup2(400, fd), EBADF);
  CLAIM(fstat(fd, &st) == 0);
  CLAIM(close(again) == 0 && close(kept) == 0 && close(s[0]) == 0 && close(fd) == 0);
}

static void a_descriptor_of_the_systems_takes_a_number_of_the_window(void)
{
  int s[2], fd = open("/tmp/c", O_CREAT | O_RDWR | O_TRUNC, 0600);
  char buf[8];
  struct stat st;
  CLAIM(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
  CLAIM(dup2(s[1], fd) == fd);
  CLAIM(fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode));
  CLAIM(write(s[0], "z", 1) == 1 && read(fd, buf, 1) == 1 && buf[0] == 'z');
  /* The host gives the number to nobody. */
  int next = open("/tmp/c", O_RDONLY);
  CLAIM(next == fd + 1);
  /* Closed, it is the host's again. */
  CLAIM(close(fd) == 0);
  FAILS(fstat(fd, &st), EBADF);
  FAILS(close(fd), EBADF);
  CLAIM(open("/tmp/c", O_RDONLY) == fd && fstat(fd, &st) == 0 && S_ISREG(st.st_mode));
  int free = fcntl(s[1], F_DUPFD, fd);
  CLAIM(free < 0 || free >= 2 * FD_SETSIZE);
  if (free >= 0) close(free);
  /* A file of the host over it takes it back at once. */
  CLAIM(dup2(s[1], fd) == fd && dup2(next, fd) == fd && fstat(fd, &st) == 0 && S_ISREG(st.st_mode));
  CLAIM(close(fd) == 0 && close(next) == 0 && open("/tmp/c", O_RDONLY) == fd && close(fd) == 0);
  CLAIM(close(s[0]) == 0 && close(s[1]) == 0);
}

static void select_and_poll_take_both(void)
{
  int s[2], p[2];
  CLAIM(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && pipe(p) == 0);
  fd_set reads, writes;
  FD_ZERO(&reads);
  FD_ZERO(&writes);
  FD_SET(s[0], &reads);
  FD_SET(p[0], &reads);
  FD_SET(s[0], &writes);
  FD_SET(p[1], &writes);
  int count = (p[1] > s[0] ? p[1] : s[0]) + 1;
  CLAIM(select(count, &reads, &writes, NULL, NULL) == 2);
  CLAIM(!FD_ISSET(s[0], &reads) && !FD_ISSET(p[0], &reads) && FD_ISSET(s[0], &writes) && FD_ISSET(p[1], &writes));
  CLAIM(write(p[1], "x", 1) == 1 && write(s[1], "x", 1) == 1);
  struct pollfd fds[] = {{p[0], POLLIN, 0}, {s[0], POLLIN, 0}, {-1, POLLIN, 9}, {p[0] + 100, POLLIN, 0}, {s[1], POLLIN, 0}};
  CLAIM(poll(fds, 5, -1) == 3);
  CLAIM(fds[0].revents == POLLIN && fds[1].revents == POLLIN && fds[2].revents == 0);
  CLAIM(fds[3].revents == POLLNVAL && fds[4].revents == 0);
  CLAIM(close(s[0]) == 0 && close(s[1]) == 0 && close(p[0]) == 0 && close(p[1]) == 0);
}

static int child_says(int (*body)(void))
{
  int status;
  pid_t child = fork();
  CLAIM(child >= 0);
  if (child == 0) _exit(body());
  CLAIM(waitpid(child, &status, 0) == child && WIFEXITED(status));
  return WEXITSTATUS(status);
}

static int file, socket_end;

static int in_a_child(void)
{
  char c;
  struct stat st;
  /* The host stayed with the parent: one errno for all of it. */
  if (read(file, &c, 1) != -1 || errno != ESRCH) return 1;
  if (open("/tmp/d", O_RDONLY) != -1 || errno != ESRCH) return 2;
  if (fstat(file, &st) != -1 || errno != ESRCH) return 3;
  if (dup2(file, 1) != -1 || errno != ESRCH) return 4;
  if (stat("/tmp", &st) != -1 || errno != ESRCH) return 5;
  /* The operating system's descriptors go on. */
  if (write(socket_end, "c", 1) != 1) return 6;
  if (dup2(socket_end, 1) != 1) return 7;
  /* A number of the host's can be given up, and given to something else. */
  if (dup2(socket_end, file) != file || write(file, "d", 1) != 1) return 8;
  if (close(file) != 0 || close(file) != -1 || errno != EBADF) return 9;
  if (close(file + 1) != 0) return 10;
  int p[2];
  if (pipe(p) != -1 || errno != ESRCH) return 11;
  return 0;
}

static int runs_another_program(void)
{
  /* Nothing of the window is left for it: 0, 1, 2 and what was opened for the listing. */
  char *const argv[] = {"sh", "-c", "set -- /proc/self/fd/*; for f; do n=${f##*/}; [ $n -lt 512 ] || exit 1; done; exit 42", NULL};
  extern char **environ;
  /* The C library's own name for it: the program is one of the operating system's. */
  extern int real_execve(const char *, char *const *, char *const *) __asm__("execve");
  real_execve("/bin/sh", argv, environ);
  return 99;
}

static void a_child_has_no_host_and_may_run_a_program(void)
{
  int s[2], status;
  char buf[8];
  file = open("/tmp/d", O_CREAT | O_RDWR, 0600);
  CLAIM(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
  socket_end = s[1];
  CLAIM(write(file, "parent", 6) == 6 && lseek(file, 0, SEEK_SET) == 0);
  CLAIM(child_says(in_a_child) == 0);
  CLAIM(read(s[0], buf, 8) == 2 && memcmp(buf, "cd", 2) == 0);
  /* The parent saw nothing of it. */
  CLAIM(read(file, buf, 8) == 6 && memcmp(buf, "parent", 6) == 0);
  CLAIM(child_says(runs_another_program) == 42);
  pid_t child = vfork();
  if (child == 0) _exit(runs_another_program());
  CLAIM(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 42);
  CLAIM(lseek(file, 0, SEEK_SET) == 0 && read(file, buf, 8) == 6);
  CLAIM(close(file) == 0 && close(s[0]) == 0 && close(s[1]) == 0);
}

static char *volatile view;
static void faulted(int number) { _exit(number == SIGSEGV ? 42 : 43); }

static int reads_a_view(void)
{
  signal(SIGSEGV, faulted);
  return *(volatile char *)view;
}

static void views_stay_with_the_parent(void)
{
  int fd = open("/tmp/e", O_CREAT | O_RDWR, 0600);
  CLAIM(write(fd, "view", 4) == 4);
  view = mmap(NULL, 4, PROT_READ, MAP_SHARED, fd, 0);
  char *own = mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CLAIM(view != MAP_FAILED && own != MAP_FAILED && child_says(reads_a_view) == 42);
  CLAIM(memcmp((char *)view, "view", 4) == 0 && munmap(view, 4) == 0);
  /* Memory of the program's own is in the child as ever. */
  own[0] = 7;
  view = own;
  CLAIM(child_says(reads_a_view) == 7 && munmap(own, 4) == 0 && close(fd) == 0);
}

static void numbers_run_out(void)
{
  static int fds[4096];
  int count = 0;
  while (count < 4096 && (fds[count] = open("/tmp", O_RDONLY)) >= 0) count++;
  CLAIM(errno == EMFILE && count >= FD_SETSIZE / 2);
  int p[2];
  FAILS(pipe(p), EMFILE);
  FAILS(dup(fds[0]), EMFILE);
  FAILS(fcntl(fds[0], F_DUPFD, 0), EMFILE);
  FAILS(fcntl(fds[0], F_DUPFD, 1 << 24), EINVAL);
  CLAIM(close(fds[5]) == 0);
  FAILS(pipe(p), EMFILE);
  CLAIM(dup(fds[0]) == fds[5]);
  while (count > 0) CLAIM(close(fds[--count]) == 0);
}

int main(void)
{
  /* Before there is a host the operating system's descriptors work; the first path brings the board up. */
  struct stat st;
  CLAIM(fstat(0, &st) == 0);
  the_numbers_of_the_host_are_never_the_systems();
  calls_on_the_systems_descriptors_pass_through();
  a_file_of_the_host_takes_a_number_of_the_systems();
  a_descriptor_of_the_systems_takes_a_number_of_the_window();
  select_and_poll_take_both();
  a_child_has_no_host_and_may_run_a_program();
  views_stay_with_the_parent();
  numbers_run_out();
  return well();
}
