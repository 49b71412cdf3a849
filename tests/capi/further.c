/* Calls beside the headers of NuttX that open, copy, describe or go through files. */
#define _GNU_SOURCE
#include "claim.h"
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static void copying(const char *where)
{
  char buf[64];
  int from = open(in(where, "from"), O_CREAT | O_RDWR | O_TRUNC, 0600), to = open(in(where, "to"), O_CREAT | O_RDWR | O_TRUNC, 0600);
  int append = open(in(where, "to"), O_WRONLY | O_APPEND), dir = open(where, O_RDONLY), p[2], s[2];
  off_t at = 2, target = 10;
  CLAIM(pipe(p) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && write(from, "0123456789", 10) == 10);
  /* From an offset, which is counted on; from the position, which moves. */
  CLAIM(sendfile(to, from, &at, 4) == 4 && at == 6 && lseek(from, 0, SEEK_CUR) == 10 && lseek(from, 5, SEEK_SET) == 5);
  CLAIM(sendfile(p[1], from, NULL, 100) == 5 && lseek(from, 0, SEEK_CUR) == 10 && read(p[0], buf, 64) == 5 && memcmp(buf, "56789", 5) == 0);
  CLAIM(sendfile(p[1], from, NULL, 100) == 0 && pread(to, buf, 64, 0) == 4 && memcmp(buf, "2345", 4) == 0);
  /* To the operating system's. */
  at = 0;
  CLAIM(sendfile(s[0], from, &at, 3) == 3 && read(s[1], buf, 64) == 3 && memcmp(buf, "012", 3) == 0);
  FAILS(sendfile(to, p[0], NULL, 1), ESPIPE);
  FAILS(sendfile(p[0], from, &at, 1), EBADF);
  at = -1;
  FAILS(sendfile(to, from, &at, 1), EINVAL);
  FAILS(sendfile(to, 999, NULL, 1), EBADF);
  at = 3;
  CLAIM(copy_file_range(from, &at, to, &target, 100, 0) == 7 && at == 10 && target == 17 && pread(to, buf, 7, 10) == 7 && memcmp(buf, "3456789", 7) == 0);
  CLAIM(lseek(from, 0, SEEK_SET) == 0 && lseek(to, 0, SEEK_SET) == 0 && copy_file_range(from, NULL, to, NULL, 2, 0) == 2);
  CLAIM(lseek(from, 0, SEEK_CUR) == 2 && lseek(to, 0, SEEK_CUR) == 2 && pread(to, buf, 2, 0) == 2 && memcmp(buf, "01", 2) == 0);
  FAILS(copy_file_range(from, NULL, to, NULL, 1, 1), EINVAL);
  FAILS(copy_file_range(from, NULL, append, NULL, 1, 0), EBADF);
  FAILS(copy_file_range(dir, NULL, to, NULL, 1, 0), EISDIR);
  FAILS(copy_file_range(p[0], NULL, to, NULL, 1, 0), EINVAL);
  at = 1, target = 2;
  FAILS(copy_file_range(from, &at, from, &target, 5, 0), EINVAL);
  target = 20;
  CLAIM(copy_file_range(from, &at, from, &target, 5, 0) == 5 && pread(from, buf, 5, 20) == 5 && memcmp(buf, "12345", 5) == 0);
  struct iovec one = {buf, 4};
  CLAIM(lseek(from, 0, SEEK_SET) == 0 && preadv2(from, &one, 1, -1, 0) == 4 && lseek(from, 0, SEEK_CUR) == 4 && preadv2(from, &one, 1, 2, 0) == 4);
  CLAIM(pwritev2(from, &one, 1, 30, 0) == 4 && lseek(from, 40, SEEK_SET) == 40 && pwritev2(from, &one, 1, -1, 0) == 4);
  FAILS(preadv2(from, &one, 1, 0, RWF_HIPRI), ENOTSUP);
  FAILS(pwritev2(from, &one, 1, 0, RWF_APPEND), ENOTSUP);
  FAILS(preadv2(append, &one, 1, 0, RWF_HIPRI), EBADF);
  for (int i = 0; i < 2; i++) CLAIM(close(p[i]) == 0 && close(s[i]) == 0);
  CLAIM(close(from) == 0 && close(to) == 0 && close(append) == 0 && close(dir) == 0);
}

static void describing(const char *where)
{
  struct statx x;
  struct stat s;
  int fd = open(in(where, "from"), O_RDONLY);
  CLAIM(statx(AT_FDCWD, in(where, "from"), 0, STATX_ALL, &x) == 0 && fstat(fd, &s) == 0 && (x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
  CLAIM(x.stx_ino == s.st_ino && x.stx_size == (uint64_t)s.st_size && x.stx_mode == s.st_mode && x.stx_nlink == s.st_nlink);
  CLAIM(makedev(x.stx_dev_major, x.stx_dev_minor) == s.st_dev && x.stx_mtime.tv_sec == s.st_mtim.tv_sec && x.stx_blocks == (uint64_t)s.st_blocks);
  CLAIM(statx(fd, "", AT_EMPTY_PATH, 0, &x) == 0 && x.stx_ino == s.st_ino && statx(0, "", AT_EMPTY_PATH, 0, &x) == 0);
  FAILS(statx(AT_FDCWD, in(where, "none"), 0, 0, NULL), ENOENT);
  FAILS(statx(AT_FDCWD, in(where, "from"), 0, 0, NULL), EFAULT);
  FAILS(statx(AT_FDCWD, in(where, "from"), 1 << 20, 0, &x), EINVAL);
  FAILS(statx(AT_FDCWD, in(where, "from"), 0, 1u << 31, &x), EINVAL);
  CLAIM(chdir(where) == 0 && stat(where, &s) == 0 && statx(AT_FDCWD, "", AT_EMPTY_PATH, 0, &x) == 0 && x.stx_ino == s.st_ino);
  struct stat here;
  CLAIM(fstatat(AT_FDCWD, "", &here, AT_EMPTY_PATH) == 0 && here.st_ino == s.st_ino && here.st_dev == s.st_dev && chdir("/") == 0);
  CLAIM(pathconf(where, _PC_NAME_MAX) >= 255 && fpathconf(fd, _PC_NAME_MAX) == pathconf(where, _PC_NAME_MAX));
  CLAIM(pathconf(where, _PC_PATH_MAX) == 4096 && pathconf(where, _PC_PIPE_BUF) == 4096 && pathconf(where, _PC_NO_TRUNC) == 1);
  errno = 0;
  CLAIM(pathconf(where, _PC_LINK_MAX) == -1 && errno == 0);
  FAILS(pathconf(where, 9999), EINVAL);
  FAILS(pathconf(in(where, "none"), _PC_NAME_MAX), ENOENT);
  FAILS(fpathconf(999, _PC_NAME_MAX), EBADF);
  CLAIM(close(fd) == 0);
}

static char seen[1000];
static int stop_at;
static int visits(const char *path, const struct stat *stat, int kind, struct FTW *place)
{
  static const char kinds[] = "fdnslpx";
  (void)stat;
  size_t len = strlen(seen);
  snprintf(seen + len, sizeof seen - len, "%s:%c%d ", path + place->base, kinds[kind], place->level);
  return stop_at && place->level == stop_at ? 5 : 0;
}

static int counted;
static int counts(const char *path, const struct stat *stat, int kind)
{
  (void)path, (void)stat;
  counted += kind == FTW_D || kind == FTW_F;
  return 0;
}

static void going_through(void)
{
  CLAIM(mkdir("/tmp/w", 0755) == 0 && mkdir("/tmp/w/d", 0755) == 0 && close(creat("/tmp/w/d/f.c", 0600)) == 0 && symlink("none", "/tmp/w/d/s.c") == 0);
  CLAIM(nftw("/tmp/w", visits, 5, 0) == 0 && strncmp(seen, "w:d0 d:d1 ", 10) == 0 && strstr(seen, "f.c:f2 ") && strstr(seen, "s.c:x2 "));
  seen[0] = 0;
  CLAIM(nftw("/tmp/w", visits, 5, FTW_PHYS | FTW_DEPTH) == 0 && strstr(seen, "s.c:l2 ") && strstr(seen, "d:p1 w:p0 "));
  seen[0] = 0, stop_at = 1;
  CLAIM(nftw("/tmp/w", visits, 5, 0) == 5 && strcmp(seen, "w:d0 d:d1 ") == 0);
  stop_at = 0, seen[0] = 0;
  /* A link that leads up is not followed for ever; another volume is left out, if so asked. */
  CLAIM(symlink("..", "/tmp/w/d/up") == 0 && nftw("/tmp/w", visits, 5, 0) == 0);
  CLAIM(ftw("/tmp/w", counts, 5) == 0 && counted == 3);
  seen[0] = 0;
  CLAIM(nftw("/", visits, 5, FTW_PHYS | FTW_MOUNT) == 0 && !strstr(seen, "text:"));
  FAILS(nftw("/tmp/none", visits, 5, 0), ENOENT);
  FAILS(nftw("/tmp/w", visits, 5, FTW_CHDIR), EINVAL);
  FAILS(ftw("/tmp/none", counts, 5), ENOENT);

  glob_t found;
  CLAIM(glob("/tmp/w/*/*.c", 0, NULL, &found) == 0 && found.gl_pathc == 2);
  CLAIM(strcmp(found.gl_pathv[0], "/tmp/w/d/f.c") == 0 && strcmp(found.gl_pathv[1], "/tmp/w/d/s.c") == 0);
  CLAIM(glob("/rom/t*", GLOB_APPEND | GLOB_MARK, NULL, &found) == 0 && found.gl_pathc == 3 && strcmp(found.gl_pathv[2], "/rom/text") == 0);
  globfree(&found);
  CLAIM(glob("/tmp/w/*.none", 0, NULL, &found) == GLOB_NOMATCH && glob("/usr*", 0, NULL, &found) == GLOB_NOMATCH);
}

static void terminals(void)
{
  struct termios attributes;
  char name[64];
  int fd = open("/dev/console", O_RDWR), file = open("/rom/text", O_RDONLY);
  if (isatty(0)) CLAIM(tcgetattr(fd, &attributes) == 0 && tcsetattr(fd, TCSANOW, &attributes) == 0 && strcmp(ttyname(fd), "/dev/console") == 0);
  else FAILS(tcgetattr(fd, &attributes), ENOTTY);
  FAILS(tcgetattr(file, &attributes), ENOTTY);
  FAILS(tcsetattr(file, TCSANOW, &attributes), ENOTTY);
  FAILS(tcgetattr(999, &attributes), EBADF);
  IS_NULL(ttyname(file), ENOTTY);
  IS_NULL(ttyname(999), EBADF);
  CLAIM(ttyname_r(file, name, sizeof name) == ENOTTY && ttyname_r(999, name, sizeof name) == EBADF && close(fd) == 0 && close(file) == 0);
}

static void many_at_once(void)
{
  int first = open("/rom/text", O_RDONLY), s[2];
  for (int i = 0; i < 9; i++) CLAIM(dup(first) == first + 1 + i);
  CLAIM(close_range(first + 1, first + 4, 0) == 0);
  for (int i = 0; i < 10; i++) CLAIM((fcntl(first + i, F_GETFD) == 0) == (i == 0 || i > 4));
  CLAIM(close_range(first + 5, first + 6, CLOSE_RANGE_CLOEXEC) == 0 && fcntl(first + 5, F_GETFD) == FD_CLOEXEC && fcntl(first + 7, F_GETFD) == 0);
  /* Of the operating system's: above all that the library has. */
  CLAIM(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && dup2(s[0], 400) == 400 && dup2(first, 401) == 401 && dup2(s[1], first + 8) == first + 8);
  CLAIM(close_range(400, first + 8, 0) == 0);
  FAILS(fcntl(400, F_GETFD), EBADF);
  FAILS(fcntl(401, F_GETFD), EBADF);
  FAILS(fcntl(first + 8, F_GETFD), EBADF);
  CLAIM(fcntl(first + 9, F_GETFD) == 0);
  closefrom(first + 9);
  FAILS(fcntl(first + 9, F_GETFD), EBADF);
  FAILS(close_range(5, 4, 0), EINVAL);
  FAILS(close_range(4, 5, 99), EINVAL);
  /* The window is whole. */
  CLAIM((first = open("/rom/text", O_RDONLY)) == 512 && dup(first) == 513 && close(512) == 0 && close(513) == 0 && close(s[0]) == 0 && close(s[1]) == 0);
  pid_t child = fork();
  int status;
  if (child == 0) {
    close_range(3, 2000, 0);
    _exit(fcntl(600, F_GETFD) == -1 && dup2(0, 600) == 600 ? 0 : 1);
  }
  struct rusage usage;
  siginfo_t info;
  CLAIM(child > 0 && waitid(P_PID, child, &info, WEXITED | WNOWAIT) == 0 && info.si_pid == child && info.si_code == CLD_EXITED && info.si_status == 0);
  CLAIM(wait4(child, &status, 0, &usage) == child && status == 0 && usage.ru_utime.tv_sec >= 0);
  FAILS(wait3(&status, WNOHANG, &usage), ECHILD);
  FAILS(waitid(P_ALL, 0, &info, WEXITED), ECHILD);
}

int main(void)
{
  CLAIM(mkdir(OWN, 0755) == 0);
  EACH_PLACE(copying);
  EACH_PLACE(describing);
  going_through();
  terminals();
  many_at_once();
  return well();
}
