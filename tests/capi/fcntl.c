/* fcntl.h and sys/file.h. */
#define _GNU_SOURCE
#include "claim.h"
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void opening(const char *where)
{
  struct stat st;
  const char *name = in(where, "open");
  int fd = creat(name, 0640);
  CLAIM(fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0);
  CLAIM(write(fd, "0123456789", 10) == 10);
  FAILS(read(fd, &st, 1), EBADF);
  CLAIM(close(fd) == 0);
  FAILS(open(name, O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
  FAILS(open(in(where, "none"), O_RDONLY), ENOENT);
  FAILS(open(in(where, "none/x"), O_CREAT | O_RDWR, 0600), ENOENT);
  FAILS(open(in(where, "open/x"), O_RDONLY), ENOTDIR);
  FAILS(open(in(where, "open/"), O_RDONLY), ENOTDIR);
  FAILS(open(where, O_RDWR), EISDIR);
  FAILS(open(where, O_RDONLY | O_CREAT, 0600), EISDIR);
  FAILS(open(in(where, "new/"), O_RDONLY | O_CREAT, 0600), EISDIR);
  FAILS(open(name, O_RDONLY | O_DIRECTORY), ENOTDIR);
  FAILS(open(name, O_ACCMODE), EINVAL);
  FAILS(open(name, O_CREAT | O_DIRECTORY, 0600), EINVAL);
  FAILS(open("", O_RDONLY), ENOENT);
  FAILS(open(NULL, O_RDONLY), EFAULT);
  FAILS(creat(NULL, 0), EFAULT);
  static char longer[5000];
  memset(longer, 'a', sizeof longer - 1);
  longer[0] = '/';
  FAILS(open(longer, O_RDONLY), ENAMETOOLONG);
  longer[300] = 0;
  FAILS(open(longer, O_CREAT | O_RDWR, 0600), ENAMETOOLONG);
  /* The file stays as long as it was, is cut, or is written at its end. */
  fd = open(name, O_WRONLY | O_APPEND);
  CLAIM(write(fd, "ab", 2) == 2 && fstat(fd, &st) == 0 && st.st_size == 12 && close(fd) == 0);
  fd = open(name, O_RDWR | O_TRUNC);
  CLAIM(fstat(fd, &st) == 0 && st.st_size == 0 && close(fd) == 0);
}

static void opening_at(const char *where)
{
  int dir = open(where, O_RDONLY | O_DIRECTORY), path = open(where, O_PATH);
  CLAIM(dir >= 0 && path >= 0);
  int fd = openat(dir, "at", O_CREAT | O_RDWR, 0600);
  CLAIM(fd >= 0);
  FAILS(openat(fd, "x", O_RDONLY), ENOTDIR);
  CLAIM(close(fd) == 0);
  CLAIM(close(openat(path, "at", O_RDONLY)) == 0);
  CLAIM(close(openat(-1, in(where, "at"), O_RDONLY)) == 0);
  CLAIM(chdir(where) == 0 && close(openat(AT_FDCWD, "at", O_RDONLY)) == 0 && chdir("/") == 0);
  FAILS(openat(-1, "at", O_RDONLY), EBADF);
  FAILS(openat(0, "at", O_RDONLY), EBADF);
  FAILS(openat(dir, NULL, O_RDONLY), EFAULT);
  FAILS(openat(dir, "none", O_RDONLY), ENOENT);
  char c;
  FAILS(read(path, &c, 1), EBADF);
  FAILS(fchmod(path, 0700), EBADF);
  CLAIM(close(path) == 0 && close(dir) == 0);
}

static void flags_of_descriptors(const char *where)
{
  const char *name = in(where, "flags");
  int fd = open(name, O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
  CLAIM(fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_SETFD, 0) == 0 && fcntl(fd, F_GETFD) == 0);
  CLAIM((fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_CREAT | O_CLOEXEC)) == (O_RDWR | O_APPEND));
  CLAIM(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
  CLAIM((fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK)) == (O_RDWR | O_NONBLOCK));
  int copy = fcntl(fd, F_DUPFD, 0), far = fcntl(fd, F_DUPFD_CLOEXEC, fd + 50);
  CLAIM(copy > fd && far == fd + 50 && fcntl(copy, F_GETFD) == 0 && fcntl(far, F_GETFD) == FD_CLOEXEC);
  /* One open file: position and flags are shared. */
  CLAIM(write(copy, "abc", 3) == 3 && lseek(far, 0, SEEK_CUR) == 3);
  CLAIM((fcntl(far, F_GETFL) & O_NONBLOCK) != 0);
  char path[PATH_MAX];
  CLAIM(fcntl(fd, F_GETPATH, path) == 0 && strcmp(path, name) == 0);
  CLAIM(rename(name, in(where, "moved")) == 0);
  CLAIM(fcntl(fd, F_GETPATH, path) == 0 && strcmp(path, in(where, "moved")) == 0);
  FAILS(fcntl(fd, F_GETPATH, NULL), EFAULT);
  FAILS(fcntl(fd, F_DUPFD, -1), EINVAL);
  FAILS(fcntl(fd, F_GETPIPE_SZ), EBADF);
  FAILS(fcntl(fd, 9999), EINVAL);
  FAILS(fcntl(fd, F_GETOWN), EINVAL);
  FAILS(fcntl(999, F_GETFD), EBADF);
  FAILS(fcntl(999, F_DUPFD, 0), EBADF);
  FAILS(fcntl(-1, F_GETFL), EBADF);
  FAILS(fcntl(999, 9999), EBADF);
  CLAIM(close(fd) == 0 && close(copy) == 0 && close(far) == 0 && unlink(in(where, "moved")) == 0);
}

static void locks(const char *where)
{
  int fd = open(in(where, "locks"), O_CREAT | O_RDWR, 0600), reads = open(in(where, "locks"), O_RDONLY);
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5};
  CLAIM(fcntl(fd, F_SETLK, &lock) == 0 && fcntl(fd, F_SETLKW, &lock) == 0);
  /* A task is not in its own way. */
  CLAIM(fcntl(reads, F_GETLK, &lock) == 0 && lock.l_type == F_UNLCK && lock.l_start == 10);
  lock.l_type = F_WRLCK;
  FAILS(fcntl(reads, F_SETLK, &lock), EBADF);
  lock.l_type = 99;
  FAILS(fcntl(fd, F_SETLK, &lock), EINVAL);
  lock.l_type = F_UNLCK;
  FAILS(fcntl(fd, F_GETLK, &lock), EINVAL);
  CLAIM(fcntl(fd, F_SETLK, &lock) == 0);
  lock = (struct flock){.l_type = F_WRLCK, .l_whence = 7};
  FAILS(fcntl(fd, F_SETLK, &lock), EINVAL);
  lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = -1};
  FAILS(fcntl(fd, F_SETLK, &lock), EINVAL);
  lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = INT64_MAX, .l_len = 5};
  FAILS(fcntl(fd, F_SETLK, &lock), EOVERFLOW);
  FAILS(fcntl(fd, F_SETLK, NULL), EFAULT);
  FAILS(fcntl(999, F_SETLK, NULL), EBADF);
  CLAIM(lockf(fd, F_LOCK, 3) == 0 && lockf(fd, F_TLOCK, 3) == 0 && lockf(fd, F_TEST, 3) == 0 && lockf(fd, F_ULOCK, 3) == 0);
  FAILS(lockf(fd, 77, 0), EINVAL);
  FAILS(lockf(reads, F_LOCK, 0), EBADF);
  FAILS(lockf(999, F_LOCK, 0), EBADF);

  /* flock belongs to the open file. */
  CLAIM(flock(fd, LOCK_EX) == 0);
  FAILS(flock(reads, LOCK_SH | LOCK_NB), EWOULDBLOCK);
  CLAIM(flock(fd, LOCK_SH) == 0 && flock(reads, LOCK_SH | LOCK_NB) == 0);
  FAILS(flock(fd, LOCK_EX | LOCK_NB), EWOULDBLOCK);
  CLAIM(flock(reads, LOCK_UN) == 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
  FAILS(flock(fd, 0), EINVAL);
  FAILS(flock(fd, LOCK_EX | LOCK_SH), EINVAL);
  FAILS(flock(999, LOCK_EX), EBADF);
  CLAIM(close(fd) == 0 && flock(reads, LOCK_EX | LOCK_NB) == 0 && close(reads) == 0);
}

static void space(const char *where)
{
  struct stat st;
  int fd = open(in(where, "space"), O_CREAT | O_RDWR | O_TRUNC, 0600), p[2], reads = open(in(where, "space"), O_RDONLY);
  CLAIM(posix_fallocate(fd, 0, 5000) == 0 && fstat(fd, &st) == 0 && st.st_size == 5000);
  if (strcmp(where, OWN) != 0) CLAIM(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 6000) == 0 && fstat(fd, &st) == 0 && st.st_size == 5000);
  CLAIM(posix_fallocate(fd, -1, 5) == EINVAL && posix_fallocate(fd, 0, 0) == EINVAL);
  CLAIM(posix_fallocate(fd, INT64_MAX, 5) == EFBIG && posix_fallocate(reads, 0, 5) == EBADF);
  CLAIM(posix_fallocate(999, 0, 5) == EBADF);
  FAILS(fallocate(fd, 0, -1, 5), EINVAL);
  FAILS(fallocate(999, 0, 0, 5), EBADF);
  CLAIM(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM) == 0 && posix_fadvise(fd, 0, 0, 77) == EINVAL);
  CLAIM(posix_fadvise(fd, -1, 0, POSIX_FADV_RANDOM) == EINVAL && posix_fadvise(999, 0, 0, 0) == EBADF);
  CLAIM(pipe(p) == 0 && posix_fallocate(p[1], 0, 5) == ESPIPE && posix_fadvise(p[0], 0, 0, 0) == ESPIPE);
  CLAIM(close(p[0]) == 0 && close(p[1]) == 0 && close(fd) == 0 && close(reads) == 0 && unlink(in(where, "space")) == 0);
}

static void *locks_for(void *arg) { return (void *)(long)flock(*(int *)arg, LOCK_EX); }

static void a_lock_is_waited_for(void)
{
  pthread_t thread;
  void *answer;
  int one = open("/tmp/wait", O_CREAT | O_RDWR, 0600), two = open("/tmp/wait", O_RDWR);
  CLAIM(flock(one, LOCK_EX) == 0 && pthread_create(&thread, NULL, locks_for, &two) == 0);
  CLAIM(flock(one, LOCK_UN) == 0 && pthread_join(thread, &answer) == 0 && answer == NULL);
  FAILS(flock(one, LOCK_EX | LOCK_NB), EWOULDBLOCK);
  CLAIM(close(one) == 0 && close(two) == 0);
}

static void what_cannot_be_changed(void)
{
  FAILS(open("/rom/text", O_RDWR), EROFS);
  FAILS(open("/rom/text", O_RDONLY | O_TRUNC), EROFS);
  FAILS(open("/rom/new", O_CREAT | O_WRONLY, 0600), EROFS);
  FAILS(creat("/rom/new", 0600), EROFS);
  FAILS(open("/rom/link", O_RDONLY | O_NOFOLLOW), ELOOP);
  CLAIM(close(open("/rom/link", O_RDONLY)) == 0 && close(open("/rom/link", O_PATH | O_NOFOLLOW)) == 0);
  CLAIM(symlink("loop", "/tmp/loop") == 0);
  FAILS(open("/tmp/loop", O_RDONLY), ELOOP);
  FAILS(open("/rom/fifo", O_WRONLY | O_NONBLOCK), ENXIO);
  int fd = open("/rom/fifo", O_RDONLY | O_NONBLOCK);
  CLAIM(fd >= 0 && fcntl(fd, F_GETPIPE_SZ) >= 4096 && close(fd) == 0);
}

static void sizes_of_pipes(void)
{
  int p[2];
  CLAIM(pipe2(p, O_NONBLOCK | O_CLOEXEC) == 0);
  CLAIM(fcntl(p[0], F_GETFD) == FD_CLOEXEC && (fcntl(p[1], F_GETFL) & O_NONBLOCK) != 0);
  CLAIM(fcntl(p[0], F_GETPIPE_SZ) == 65536 && fcntl(p[1], F_SETPIPE_SZ, 5000) >= 5000);
  CLAIM(write(p[1], "12345", 5) == 5);
  FAILS(fcntl(p[1], F_SETPIPE_SZ, 0), EINVAL);
  FAILS(fcntl(p[1], F_SETPIPE_SZ, -1), EINVAL);
  FAILS(fcntl(p[1], F_SETPIPE_SZ, 1 << 30), EINVAL);
  CLAIM(close(p[0]) == 0 && close(p[1]) == 0);
}

int main(void)
{
  CLAIM(mkdir(OWN, 0755) == 0);
  EACH_PLACE(opening);
  EACH_PLACE(opening_at);
  EACH_PLACE(flags_of_descriptors);
  EACH_PLACE(locks);
  EACH_PLACE(space);
  a_lock_is_waited_for();
  what_cannot_be_changed();
  sizes_of_pipes();
  return well();
}
