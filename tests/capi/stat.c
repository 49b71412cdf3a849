/* sys/stat.h, utime.h, sys/time.h, sys/statfs.h, sys/statvfs.h. */
#define _GNU_SOURCE
#include "claim.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

static void attributes(const char *where)
{
  struct stat st, again;
  struct stat64 same;
  const char *name = in(where, "attr");
  int fat = strcmp(where, FAT) == 0;
  mode_t mask = umask(022);
  CLAIM(umask(022) == 022);
  int fd = open(name, O_CREAT | O_RDWR, 0666);
  CLAIM(write(fd, "12345", 5) == 5 && fstat(fd, &st) == 0 && stat(name, &again) == 0);
  CLAIM(S_ISREG(st.st_mode) && st.st_size == 5 && st.st_nlink == 1 && st.st_ino == again.st_ino && st.st_dev == again.st_dev);
  CLAIM(st.st_ino != 0 && st.st_blksize > 0 && (fat || (st.st_mode & 0777) == 0644));
  CLAIM(stat64(name, &same) == 0 && same.st_ino == st.st_ino && lstat(name, &again) == 0 && again.st_ino == st.st_ino);
  CLAIM(fstatat(AT_FDCWD, name, &again, AT_SYMLINK_NOFOLLOW) == 0 && fstatat(fd, "", &again, AT_EMPTY_PATH) == 0);
  CLAIM(again.st_ino == st.st_ino);
  FAILS(stat(in(where, "none"), &st), ENOENT);
  FAILS(stat(in(where, "attr/x"), &st), ENOTDIR);
  FAILS(stat("", &st), ENOENT);
  FAILS(stat(NULL, &st), EFAULT);
  FAILS(stat(name, NULL), EFAULT);
  FAILS(lstat(NULL, &st), EFAULT);
  FAILS(fstat(999, &st), EBADF);
  FAILS(fstat(fd, NULL), EFAULT);
  FAILS(fstatat(AT_FDCWD, name, &st, 1), EINVAL);
  FAILS(fstatat(999, "x", &st, 0), EBADF);

  CLAIM(chmod(name, 0400) == 0 && stat(name, &st) == 0 && (st.st_mode & 0222) == 0);
  CLAIM(fchmod(fd, 0600) == 0 && fchmodat(AT_FDCWD, name, 0644, 0) == 0 && stat(name, &st) == 0 && (st.st_mode & 0200) != 0);
  FAILS(chmod(in(where, "none"), 0600), ENOENT);
  FAILS(chmod(NULL, 0600), EFAULT);
  FAILS(fchmod(999, 0600), EBADF);
  FAILS(fchmodat(AT_FDCWD, name, 0600, 1), EINVAL);
  FAILS(fchmodat(999, "x", 0600, 0), EBADF);

  struct timespec times[2] = {{1000000000, 0}, {1100000000, 0}};
  CLAIM(utimensat(AT_FDCWD, name, times, 0) == 0 && stat(name, &st) == 0 && st.st_mtime == 1100000000);
  times[1].tv_sec += 100;
  times[0].tv_nsec = UTIME_OMIT;
  CLAIM(futimens(fd, times) == 0 && fstat(fd, &again) == 0 && again.st_mtime == 1100000100 && again.st_atime == st.st_atime);
  times[1].tv_sec += 100;
  CLAIM(utimens(name, times) == 0 && stat(name, &st) == 0 && st.st_mtime == 1100000200);
  struct timeval values[2] = {{1000000000, 0}, {1200000000, 0}};
  CLAIM(utimes(name, values) == 0 && stat(name, &st) == 0 && st.st_mtime == 1200000000);
  values[1].tv_sec += 2;
  CLAIM(lutimes(name, values) == 0 && futimes(fd, values) == 0 && stat(name, &st) == 0 && st.st_mtime == 1200000002);
  struct utimbuf old = {1000000000, 1300000000};
  CLAIM(utime(name, &old) == 0 && stat(name, &st) == 0 && st.st_mtime == 1300000000);
  CLAIM(utime(name, NULL) == 0 && stat(name, &st) == 0 && st.st_mtime > 1300000000);
  CLAIM(utimes(name, NULL) == 0 && utimensat(AT_FDCWD, name, NULL, 0) == 0);
  times[1].tv_nsec = 1000000000;
  FAILS(utimensat(AT_FDCWD, name, times, 0), EINVAL);
  FAILS(futimens(fd, times), EINVAL);
  times[1].tv_nsec = -5;
  FAILS(utimens(name, times), EINVAL);
  values[0].tv_usec = 1000000;
  FAILS(utimes(name, values), EINVAL);
  FAILS(futimes(fd, values), EINVAL);
  FAILS(utimensat(AT_FDCWD, name, NULL, 1), EINVAL);
  FAILS(utimensat(AT_FDCWD, in(where, "none"), NULL, 0), ENOENT);
  FAILS(utimes(NULL, NULL), EFAULT);
  FAILS(futimens(999, NULL), EBADF);
  FAILS(futimes(999, NULL), EBADF);
  umask(mask);
  CLAIM(close(fd) == 0);
}

static void directories(const char *where)
{
  struct stat st;
  int root = open(where, O_RDONLY);
  CLAIM(mkdir(in(where, "dir"), 0700) == 0 && mkdirat(root, "dir/sub", 0700) == 0);
  CLAIM(stat(in(where, "dir/sub"), &st) == 0 && S_ISDIR(st.st_mode));
  FAILS(mkdir(in(where, "dir"), 0700), EEXIST);
  FAILS(mkdir(in(where, "no/x"), 0700), ENOENT);
  FAILS(mkdir(NULL, 0700), EFAULT);
  FAILS(mkdir("/rom/x", 0700), EROFS);
  FAILS(mkdirat(999, "x", 0700), EBADF);
  FAILS(mkdir("", 0700), ENOENT);
  CLAIM(rmdir(in(where, "dir/sub")) == 0 && rmdir(in(where, "dir")) == 0 && close(root) == 0);
}

static void special_nodes(const char *where)
{
  struct stat st;
  if (strcmp(where, FAT) == 0) {
    FAILS(mkfifo(in(where, "fifo"), 0600), EPERM);
  } else {
    CLAIM(mkfifo(in(where, "fifo"), 0600) == 0 && stat(in(where, "fifo"), &st) == 0 && S_ISFIFO(st.st_mode));
    FAILS(mkfifo(in(where, "fifo"), 0600), EEXIST);
    CLAIM(mkfifoat(AT_FDCWD, in(where, "fifo2"), 0600) == 0 && unlink(in(where, "fifo2")) == 0);
    if (strcmp(where, TMP) == 0) {
      CLAIM(mknodat(AT_FDCWD, in(where, "sock"), S_IFSOCK | 0600, 0) == 0);
      FAILS(open(in(where, "sock"), O_RDONLY), ENXIO);
    }
    FAILS(open(in(where, "fifo"), O_WRONLY | O_NONBLOCK), ENXIO);
    int reads = open(in(where, "fifo"), O_RDONLY | O_NONBLOCK), writes = open(in(where, "fifo"), O_WRONLY);
    char buf[4];
    CLAIM(write(writes, "abc", 3) == 3 && read(reads, buf, 4) == 3 && close(reads) == 0 && close(writes) == 0);
  }
  CLAIM(mknod(in(where, "file"), S_IFREG | 0600, 0) == 0 && stat(in(where, "file"), &st) == 0 && S_ISREG(st.st_mode));
  FAILS(mknod(in(where, "file"), S_IFREG | 0600, 0), EEXIST);
  FAILS(mknod(in(where, "dir"), S_IFDIR | 0600, 0), EINVAL);
  FAILS(mknod(NULL, S_IFREG, 0), EFAULT);
  FAILS(mkfifo(NULL, 0600), EFAULT);
  FAILS(mkfifo(in(where, "none/x"), 0600), ENOENT);
  FAILS(mkfifo("/rom/x", 0600), EROFS);
}

static void read_only(void)
{
  struct stat st, target;
  CLAIM(lstat("/rom/link", &st) == 0 && S_ISLNK(st.st_mode) && stat("/rom/link", &st) == 0 && S_ISREG(st.st_mode));
  CLAIM(stat("/rom/text", &target) == 0 && target.st_ino == st.st_ino && target.st_size == 15);
  CLAIM(stat("/rom/fifo", &st) == 0 && S_ISFIFO(st.st_mode));
  CLAIM(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode) && stat("/dev/fat0", &st) == 0 && S_ISBLK(st.st_mode) && st.st_size == 4 << 20);
  FAILS(chmod("/rom/text", 0600), EROFS);
  FAILS(utimes("/rom/text", NULL), EROFS);
}

static void sizes(const char *where)
{
  struct statfs fs, again;
  struct statvfs vfs;
  int fd = open(where, O_RDONLY);
  CLAIM(statfs(where, &fs) == 0 && fstatfs(fd, &again) == 0 && fs.f_type == again.f_type && fs.f_bsize == again.f_bsize);
  CLAIM(fs.f_bsize > 0 && fs.f_blocks > 0 && fs.f_bfree > 0 && fs.f_bfree <= fs.f_blocks && fs.f_namelen >= 255);
  CLAIM(statvfs(where, &vfs) == 0 && vfs.f_blocks == fs.f_blocks && vfs.f_namemax == (unsigned long)fs.f_namelen);
  CLAIM(fstatvfs(fd, &vfs) == 0 && (vfs.f_flag & ST_RDONLY) == 0);
  FAILS(statfs(in(where, "none"), &fs), ENOENT);
  FAILS(statfs(NULL, &fs), EFAULT);
  FAILS(statfs(where, NULL), EFAULT);
  FAILS(fstatfs(999, &fs), EBADF);
  FAILS(statvfs(where, NULL), EFAULT);
  FAILS(fstatvfs(999, &vfs), EBADF);
  CLAIM(close(fd) == 0);
}

int main(void)
{
  struct statvfs vfs;
  struct statfs fs;
  CLAIM(mkdir(OWN, 0755) == 0);
  EACH_PLACE(attributes);
  EACH_PLACE(directories);
  EACH_PLACE(special_nodes);
  EACH_PLACE(sizes);
  read_only();
  CLAIM(statvfs("/rom", &vfs) == 0 && (vfs.f_flag & ST_RDONLY) != 0 && vfs.f_bfree == 0);
  CLAIM(statfs("/rom", &fs) == 0 && fs.f_type == 0x7275 && statfs("/fat", &fs) == 0 && fs.f_type == 0x4d44);
  return well();
}
