/* unistd.h and sys/uio.h. */
#define _GNU_SOURCE
#include "claim.h"
#include <fcntl.h>
#include <stdint.h>
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static void bytes_in_and_out(const char *where)
{
  char buf[32];
  int fd = open(in(where, "bytes"), O_CREAT | O_RDWR | O_TRUNC, 0600), reads = open(in(where, "bytes"), O_RDONLY);
  CLAIM(write(fd, "hello", 5) == 5 && lseek(fd, -4, SEEK_CUR) == 1 && read(fd, buf, sizeof buf) == 4);
  CLAIM(memcmp(buf, "ello", 4) == 0 && read(fd, buf, sizeof buf) == 0);
  CLAIM(pwrite(fd, "J", 1, 0) == 1 && pread(fd, buf, 5, 0) == 5 && memcmp(buf, "Jello", 5) == 0);
  CLAIM(lseek(fd, 0, SEEK_CUR) == 5 && pread(fd, buf, 5, 100) == 0);
  CLAIM(read(fd, NULL, 0) == 0 && write(fd, NULL, 0) == 0);
  struct iovec out[] = {{"ab", 2}, {NULL, 0}, {"cde", 3}}, in_[] = {{buf, 1}, {buf + 10, 4}};
  CLAIM(writev(fd, out, 3) == 5 && lseek(fd, -5, SEEK_END) == 5);
  CLAIM(readv(fd, in_, 2) == 5 && buf[0] == 'a' && memcmp(buf + 10, "bcde", 4) == 0);
  CLAIM(pwritev(fd, out, 3, 1) == 5 && preadv(fd, in_, 2, 1) == 5 && memcmp(buf + 10, "bcde", 4) == 0);
  /* Past the end lie zeroes. */
  CLAIM(lseek(fd, 20, SEEK_SET) == 20 && write(fd, "z", 1) == 1 && pread(fd, buf, 2, 19) == 2 && buf[0] == 0 && buf[1] == 'z');

  FAILS(read(fd, NULL, 1), EFAULT);
  FAILS(write(fd, NULL, 1), EFAULT);
  FAILS(pread(fd, NULL, 1, 0), EFAULT);
  FAILS(pwrite(fd, NULL, 1, 0), EFAULT);
  FAILS(read(fd, buf, SIZE_MAX), EINVAL);
  FAILS(pread(fd, buf, 1, -1), EINVAL);
  FAILS(pwrite(fd, buf, 1, -1), EINVAL);
  FAILS(readv(fd, in_, 0), EINVAL);
  FAILS(writev(fd, out, -1), EINVAL);
  FAILS(readv(fd, in_, 1025), EINVAL);
  FAILS(readv(fd, NULL, 1), EFAULT);
  struct iovec bad[] = {{buf, 1}, {NULL, 1}}, huge[] = {{buf, SSIZE_MAX}, {buf, 1}};
  FAILS(readv(fd, bad, 2), EFAULT);
  FAILS(writev(fd, bad, 2), EFAULT);
  FAILS(writev(fd, huge, 2), EINVAL);
  FAILS(preadv(fd, in_, 2, -1), EINVAL);
  FAILS(pwritev(fd, out, 3, -1), EINVAL);
  FAILS(write(reads, "x", 1), EBADF);
  FAILS(pwrite(reads, "x", 1, 0), EBADF);
  FAILS(writev(reads, out, 1), EBADF);
  int writes = open(in(where, "bytes"), O_WRONLY);
  FAILS(read(writes, buf, 1), EBADF);
  FAILS(pread(writes, buf, 1, 0), EBADF);
  FAILS(read(999, NULL, 1), EBADF);
  FAILS(write(999, NULL, 1), EBADF);
  FAILS(pread(999, NULL, 1, -1), EBADF);
  FAILS(pwrite(-1, buf, 1, 0), EBADF);
  FAILS(readv(999, NULL, 1), EBADF);
  FAILS(writev(999, NULL, 1), EBADF);

  FAILS(lseek(fd, -1, SEEK_SET), EINVAL);
  FAILS(lseek(fd, 0, 99), EINVAL);
  FAILS(lseek(fd, INT64_MAX, SEEK_END), EOVERFLOW);
  FAILS(lseek(fd, 1000, SEEK_DATA), ENXIO);
  FAILS(lseek(999, 0, 99), EBADF);
  CLAIM(lseek(fd, 0, SEEK_DATA) == 0 && lseek(fd, 0, SEEK_HOLE) >= 0);
  CLAIM(lseek(fd, (off_t)1 << 40, SEEK_SET) == (off_t)1 << 40 && read(fd, buf, 1) == 0);
  CLAIM(fsync(fd) == 0 && fdatasync(fd) == 0 && syncfs(fd) == 0);
  FAILS(fsync(999), EBADF);
  FAILS(fdatasync(-1), EBADF);
  FAILS(syncfs(999), EBADF);
  sync();
  CLAIM(close(writes) == 0 && close(reads) == 0 && close(fd) == 0);
  FAILS(close(fd), EBADF);

  int dir = open(where, O_RDONLY);
  FAILS(read(dir, buf, 1), EISDIR);
  FAILS(write(dir, buf, 1), EBADF);
  CLAIM(close(dir) == 0);
}

static void lengths(const char *where)
{
  struct stat st;
  const char *name = in(where, "length");
  int fd = open(name, O_CREAT | O_RDWR | O_TRUNC, 0600), reads = open(name, O_RDONLY);
  CLAIM(ftruncate(fd, 1000) == 0 && fstat(fd, &st) == 0 && st.st_size == 1000);
  CLAIM(truncate(name, 10) == 0 && fstat(fd, &st) == 0 && st.st_size == 10);
  FAILS(ftruncate(fd, -1), EINVAL);
  FAILS(ftruncate(reads, 1), EINVAL);
  FAILS(ftruncate(999, -1), EBADF);
  FAILS(truncate(name, -1), EINVAL);
  FAILS(truncate(in(where, "none"), 1), ENOENT);
  FAILS(truncate(where, 1), EISDIR);
  FAILS(truncate(NULL, 1), EFAULT);
  FAILS(truncate("/rom/text", 1), EROFS);
  FAILS(truncate("/dev/null", 1), EINVAL);
  CLAIM(close(fd) == 0 && close(reads) == 0);
}

static void names(const char *where)
{
  char buf[PATH_MAX];
  CLAIM(chdir(where) == 0 && getcwd(buf, sizeof buf) == buf && strcmp(buf, where) == 0);
  CLAIM(mkdir("d", 0755) == 0 && close(creat("f", 0600)) == 0);
  CLAIM(chdir("d") == 0 && close(open("../f", O_RDONLY)) == 0);
  int dir = open("..", O_RDONLY), file = open("../f", O_RDONLY);
  FAILS(fchdir(file), ENOTDIR);
  FAILS(fchdir(999), EBADF);
  FAILS(fchdir(0), EBADF);
  CLAIM(fchdir(dir) == 0 && close(open("f", O_RDONLY)) == 0);
  FAILS(chdir("f"), ENOTDIR);
  FAILS(chdir("none"), ENOENT);
  FAILS(chdir(NULL), EFAULT);
  IS_NULL(getcwd(buf, 2), ERANGE);
  IS_NULL(getcwd(buf, 0), EINVAL);
  char *made = getcwd(NULL, 0);
  CLAIM(made && strcmp(made, where) == 0);
  free(made);
  CLAIM(realpath("d/../f", buf) == buf && strcmp(buf, in(where, "f")) == 0);
  IS_NULL(realpath("none", buf), ENOENT);
  IS_NULL(realpath(NULL, buf), EINVAL);

  FAILS(unlink("d"), EISDIR);
  FAILS(unlink("none"), ENOENT);
  FAILS(unlink(NULL), EFAULT);
  FAILS(rmdir("f"), ENOTDIR);
  FAILS(rmdir("none"), ENOENT);
  FAILS(rmdir("d/."), EINVAL);
  CLAIM(close(openat(dir, "d/x", O_CREAT | O_WRONLY, 0600)) == 0);
  FAILS(rmdir("d"), ENOTEMPTY);
  FAILS(unlinkat(dir, "d", AT_REMOVEDIR), ENOTEMPTY);
  FAILS(unlinkat(dir, "f", 1), EINVAL);
  FAILS(unlinkat(file, "f", 0), ENOTDIR);
  FAILS(unlinkat(999, "f", 0), EBADF);
  CLAIM(unlinkat(dir, "d/x", 0) == 0 && unlinkat(dir, "d", AT_REMOVEDIR) == 0);

  CLAIM(rename("f", "g") == 0 && renameat(dir, "g", dir, "h") == 0);
  FAILS(rename("f", "g"), ENOENT);
  FAILS(rename("h", NULL), EFAULT);
  FAILS(rename("h", "/rom/h"), EXDEV);
  CLAIM(mkdir("e", 0700) == 0);
  FAILS(rename("h", "e"), EISDIR);
  FAILS(rename("e", "h"), ENOTDIR);
  FAILS(rename("e", "e/below"), EINVAL);
  CLAIM(close(creat("i", 0600)) == 0);
  FAILS(renameat2(dir, "h", dir, "i", RENAME_NOREPLACE), EEXIST);
  FAILS(renameat2(dir, "h", dir, "i", 1 << 20), EINVAL);
  CLAIM(rename("h", "i") == 0 && remove("i") == 0 && remove("e") == 0);
  FAILS(remove("e"), ENOENT);
  FAILS(remove(NULL), EFAULT);

  CLAIM(close(creat("f", 0600)) == 0);
  CLAIM(access("f", R_OK | W_OK) == 0 && access(".", X_OK) == 0 && faccessat(dir, "f", F_OK, AT_EACCESS) == 0);
  FAILS(access("f", 8), EINVAL);
  FAILS(access("none", F_OK), ENOENT);
  FAILS(access(NULL, F_OK), EFAULT);
  FAILS(faccessat(dir, "f", F_OK, 1), EINVAL);
  FAILS(faccessat(999, "f", F_OK, 0), EBADF);
  FAILS(access("/rom/text", W_OK), EROFS);
  CLAIM(close(dir) == 0 && close(file) == 0 && unlink("f") == 0 && chdir("/") == 0);
}

/* FAT has no links. */
static void links(const char *where)
{
  char buf[16];
  CLAIM(chdir(where) == 0 && close(creat("f", 0600)) == 0);
  int dir = open(".", O_RDONLY);
  if (strcmp(where, FAT) == 0) {
    FAILS(symlink("f", "s"), EPERM);
    FAILS(link("f", "l"), EPERM);
  } else {
    struct stat st;
    CLAIM(link("f", "l") == 0 && linkat(dir, "f", dir, "m", 0) == 0 && stat("f", &st) == 0 && st.st_nlink == 3);
    FAILS(link("f", "l"), EEXIST);
    FAILS(link("none", "x"), ENOENT);
    FAILS(link(".", "x"), EPERM);
    FAILS(link("f", "/rom/x"), EXDEV);
    FAILS(link(NULL, "x"), EFAULT);
    FAILS(linkat(dir, "f", dir, "x", 1), EINVAL);
    FAILS(linkat(999, "f", dir, "x", 0), EBADF);
    CLAIM(symlink("f", "s") == 0 && symlinkat("s", dir, "t") == 0);
    FAILS(symlink("f", "s"), EEXIST);
    FAILS(symlink("f", NULL), EFAULT);
    FAILS(symlink("", "u"), ENOENT);
    CLAIM(readlink("t", buf, sizeof buf) == 1 && buf[0] == 's' && readlinkat(dir, "s", buf, sizeof buf) == 1);
    FAILS(readlink("f", buf, sizeof buf), EINVAL);
    FAILS(readlink("s", buf, 0), EINVAL);
    FAILS(readlink("s", NULL, 4), EFAULT);
    FAILS(readlink("none", buf, 4), ENOENT);
    CLAIM(linkat(dir, "t", dir, "n", AT_SYMLINK_FOLLOW) == 0 && stat("f", &st) == 0 && st.st_nlink == 4);
    CLAIM(unlink("l") == 0 && unlink("m") == 0 && unlink("n") == 0 && unlink("s") == 0 && unlink("t") == 0);
  }
  CLAIM(readlink("/rom/link", buf, 2) == 2 && memcmp(buf, "te", 2) == 0);
  CLAIM(unlink("f") == 0 && close(dir) == 0 && chdir("/") == 0);
}

static void *writes_later(void *arg) { return (void *)(long)write(*(int *)arg, "late", 4); }

static void pipes(void)
{
  int p[2];
  char buf[8];
  pthread_t thread;
  CLAIM(pipe(p) == 0 && write(p[1], "ab", 2) == 2 && read(p[0], buf, 8) == 2);
  FAILS(lseek(p[0], 0, SEEK_SET), ESPIPE);
  FAILS(pread(p[0], buf, 1, 0), ESPIPE);
  FAILS(pwrite(p[1], buf, 1, 0), ESPIPE);
  FAILS(fsync(p[0]), EINVAL);
  FAILS(read(p[1], buf, 1), EBADF);
  FAILS(write(p[0], buf, 1), EBADF);
  FAILS(ftruncate(p[1], 0), EINVAL);
  CLAIM(!isatty(p[0]) && errno == ENOTTY);
  /* A reader waits for what comes. */
  CLAIM(pthread_create(&thread, NULL, writes_later, &p[1]) == 0 && read(p[0], buf, 8) == 4 && pthread_join(thread, NULL) == 0);
  CLAIM(fcntl(p[0], F_SETFL, O_NONBLOCK) == 0);
  FAILS(read(p[0], buf, 1), EAGAIN);
  CLAIM(close(p[1]) == 0 && read(p[0], buf, 1) == 0 && close(p[0]) == 0);
  /* No signal comes. */
  CLAIM(pipe(p) == 0 && close(p[0]) == 0);
  FAILS(write(p[1], "x", 1), EPIPE);
  CLAIM(close(p[1]) == 0);
  FAILS(pipe(NULL), EFAULT);
  FAILS(pipe2(p, O_APPEND), EINVAL);
  FAILS(pipe2(NULL, 0), EFAULT);
}

static void owners(const char *where)
{
  struct stat st;
  const char *name = in(where, "owner");
  int fd = open(name, O_CREAT | O_RDWR, 0600);
  CLAIM(fd >= 0);
  if (strcmp(where, FAT) != 0) {
    CLAIM(chown(name, 7, 8) == 0 && fchown(fd, (uid_t)-1, 9) == 0 && stat(name, &st) == 0 && st.st_uid == 7 && st.st_gid == 9);
    CLAIM(lchown(name, 0, (gid_t)-1) == 0 && fchownat(AT_FDCWD, name, 1, 1, 0) == 0 && fstat(fd, &st) == 0 && st.st_uid == 1);
  }
  FAILS(chown(in(where, "none"), 0, 0), ENOENT);
  FAILS(chown(NULL, 0, 0), EFAULT);
  FAILS(fchown(999, 0, 0), EBADF);
  FAILS(fchownat(AT_FDCWD, name, 0, 0, 1), EINVAL);
  FAILS(chown("/rom/text", 1, 1), EROFS);
  CLAIM(close(fd) == 0);
}

static void terminals(void)
{
  int fd = open("/dev/console", O_RDWR), null = open("/dev/null", O_RDWR);
  CLAIM(isatty(fd) == isatty(0));
  CLAIM(!isatty(null) && errno == ENOTTY && !isatty(999) && errno == EBADF);
  CLAIM(close(fd) == 0 && close(null) == 0);
}

int main(void)
{
  CLAIM(mkdir(OWN, 0755) == 0);
  EACH_PLACE(bytes_in_and_out);
  EACH_PLACE(lengths);
  EACH_PLACE(names);
  EACH_PLACE(links);
  EACH_PLACE(owners);
  pipes();
  terminals();
  return well();
}
