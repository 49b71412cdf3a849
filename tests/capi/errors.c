/* Errors by what causes them, for every call that it can happen to: paths, volumes that cannot be changed or are full, numbers that
 * are used up, what is in use; and which of two comes first. */
#define _GNU_SOURCE
#include "claim.h"
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utime.h>

static char buf[8192];
static struct stat status;
static struct statx statusx;
static struct statfs sizes;
static struct statvfs vsizes;
static struct timespec times[2];
static struct timeval micro[2];

static int opens(const char *p) { return open(p, O_RDONLY); }
static int creates(const char *p) { return creat(p, 0600); }
static int makes(const char *p) { return open(p, O_CREAT | O_EXCL | O_RDWR, 0600); }
static int truncates(const char *p) { return truncate(p, 0); }
static int links_from(const char *p) { return link(p, "/own/new"); }
static int links_to(const char *p) { return link("/own/file", p); }
static int symlinks(const char *p) { return symlink("x", p); }
static int reads_link(const char *p) { return readlink(p, buf, sizeof buf); }
static int renames_from(const char *p) { return rename(p, "/own/new"); }
static int renames_to(const char *p) { return rename("/own/file", p); }
static int finds_real(const char *p) { return realpath(p, buf) ? 0 : -1; }
static int accesses(const char *p) { return access(p, F_OK); }
static int accesses_to_write(const char *p) { return access(p, W_OK); }
static int chowns(const char *p) { return chown(p, 1, 1); }
static int lchowns(const char *p) { return lchown(p, 1, 1); }
static int chmods(const char *p) { return chmod(p, 0600); }
static int stats(const char *p) { return stat(p, &status); }
static int lstats(const char *p) { return lstat(p, &status); }
static int statxes(const char *p) { return statx(AT_FDCWD, p, 0, STATX_ALL, &statusx); }
static int mkdirs(const char *p) { return mkdir(p, 0700); }
static int mkfifos(const char *p) { return mkfifo(p, 0600); }
static int mknods(const char *p) { return mknod(p, S_IFREG | 0600, 0); }
static int utimenses(const char *p) { return utimensat(AT_FDCWD, p, times, 0); }
static int utimeses(const char *p) { return utimes(p, micro); }
static int utime_(const char *p) { return utime(p, NULL); }
static int statfses(const char *p) { return statfs(p, &sizes); }
static int statvfses(const char *p) { return statvfs(p, &vsizes); }
static int limits(const char *p) { errno = 0; return pathconf(p, _PC_NAME_MAX) == -1 ? -1 : 0; }
static int opens_dir(const char *p) { DIR *d = opendir(p); return d ? closedir(d) : -1; }
static int scans(const char *p) { struct dirent **l; return scandir(p, &l, NULL, NULL); }
static int opens_stream(const char *p) { FILE *f = fopen(p, "r"); return f ? fclose(f) : -1; }
static int visit(const char *p, const struct stat *s, int kind, struct FTW *f) { (void)p, (void)s, (void)kind, (void)f; return 0; }
static int walks(const char *p) { return nftw(p, visit, 1, 0); }
static int spawns(const char *p) { errno = posix_spawn(NULL, p, NULL, NULL, (char *[]){"x", NULL}, NULL); return errno ? -1 : 0; }
static int executes(const char *p) { return execv(p, (char *[]){"x", NULL}); }
static int mounts_on(const char *p) { return mount(NULL, p, "tmpfs", MS_REMOUNT, NULL); }
static int unmounts(const char *p) { return umount(p); }

/* How a call is: it changes something; it makes a new name; the last name is not followed; it needs no name that is there. */
enum { CHANGES = 1, NEW = 2, NOT_FOLLOWED = 4 };
static const struct { const char *name; int (*body)(const char *); int how; } calls[] = {
  {"open", opens, 0}, {"creat", creates, CHANGES}, {"open O_CREAT|O_EXCL", makes, CHANGES | NEW | NOT_FOLLOWED},
  {"truncate", truncates, CHANGES}, {"unlink", unlink, CHANGES | NOT_FOLLOWED}, {"rmdir", rmdir, CHANGES | NOT_FOLLOWED},
  {"remove", remove, CHANGES | NOT_FOLLOWED}, {"link from", links_from, NOT_FOLLOWED}, {"link to", links_to, NEW | NOT_FOLLOWED},
  {"symlink", symlinks, CHANGES | NEW | NOT_FOLLOWED}, {"readlink", reads_link, NOT_FOLLOWED}, {"rename from", renames_from, NOT_FOLLOWED},
  {"rename to", renames_to, NEW | NOT_FOLLOWED}, {"realpath", finds_real, 0}, {"access", accesses, 0},
  {"access W_OK", accesses_to_write, CHANGES}, {"chown", chowns, CHANGES}, {"lchown", lchowns, CHANGES | NOT_FOLLOWED},
  {"chmod", chmods, CHANGES}, {"stat", stats, 0}, {"lstat", lstats, NOT_FOLLOWED}, {"statx", statxes, 0},
  {"mkdir", mkdirs, CHANGES | NEW | NOT_FOLLOWED}, {"mkfifo", mkfifos, CHANGES | NEW | NOT_FOLLOWED}, {"mknod", mknods, CHANGES | NEW | NOT_FOLLOWED},
  {"utimensat", utimenses, CHANGES}, {"utimes", utimeses, CHANGES}, {"utime", utime_, CHANGES}, {"statfs", statfses, 0},
  {"statvfs", statvfses, 0}, {"pathconf", limits, 0}, {"chdir", chdir, 0}, {"opendir", opens_dir, 0}, {"scandir", scans, 0},
  {"fopen", opens_stream, 0}, {"nftw", walks, NOT_FOLLOWED}, {"posix_spawn", spawns, 0}, {"execv", executes, 0},
  {"mount", mounts_on, 0}, {"umount", unmounts, 0},
};

#define EACH_CALL(i) for (size_t i = 0; place = calls[i < sizeof calls / sizeof *calls ? i : 0].name, i < sizeof calls / sizeof *calls; i++)

static void paths_that_lead_nowhere(const char *where)
{
  char name[1000], path[5000];
  snprintf(name, sizeof name, "%s/%0800d", where, 0);
  /* Long by its parts, each of which is short. */
  for (size_t i = 0; i < sizeof path; i++) path[i] = i % 2 ? '.' : '/';
  path[sizeof path - 1] = 0;
  CLAIM(close(creat(in(where, "file"), 0600)) == 0 && close(creat("/own/file", 0600)) == 0);
  EACH_CALL(i) {
    FAILS(calls[i].body(in(where, "file/below")), ENOTDIR);
    FAILS(calls[i].body(in(where, "none/below")), ENOENT);
    FAILS(calls[i].body(name), ENAMETOOLONG);
    FAILS(calls[i].body(path), ENAMETOOLONG);
    FAILS(calls[i].body(""), ENOENT);
    if (calls[i].body != (int (*)(const char *))finds_real) FAILS(calls[i].body(NULL), EFAULT);
    if (!(calls[i].how & NEW) && calls[i].body != creates) FAILS(calls[i].body(in(where, "none")), ENOENT);
  }
  place = where;
  CLAIM(unlink("/own/file") == 0 && (strcmp(where, OWN) == 0 || unlink(in(where, "file")) == 0));
}

static void links_without_end(void)
{
  CLAIM(symlink("/tmp/two", "/tmp/one") == 0 && symlink("/tmp/one", "/tmp/two") == 0 && close(creat("/own/file", 0600)) == 0);
  EACH_CALL(i) {
    FAILS(calls[i].body("/tmp/one/below"), ELOOP);
    if (!(calls[i].how & NOT_FOLLOWED)) FAILS(calls[i].body("/tmp/one"), ELOOP);
  }
  place = "";
  FAILS(open("/tmp/one", O_RDONLY | O_NOFOLLOW), ELOOP);
  CLAIM(unlink("/tmp/one") == 0 && unlink("/tmp/two") == 0 && unlink("/own/file") == 0);
}

static void a_volume_that_cannot_be_changed(void)
{
  CLAIM(close(creat("/own/file", 0600)) == 0);
  EACH_CALL(i) {
    if (calls[i].how & CHANGES && !(calls[i].how & NEW)) FAILS(calls[i].body(calls[i].body == rmdir ? "/rom/dir" : "/rom/text"), EROFS);
    if (calls[i].how & CHANGES && calls[i].how & NEW) FAILS(calls[i].body("/rom/new"), EROFS);
    if (calls[i].how & NEW && calls[i].how & CHANGES) FAILS(calls[i].body("/rom/text"), EEXIST);
  }
  place = "";
  FAILS(open("/rom/text", O_RDWR), EROFS);
  FAILS(rename("/rom/text", "/rom/new"), EROFS);
  FAILS(link("/rom/text", "/rom/new"), EROFS);
  FAILS(rename("/own/file", "/rom/new"), EXDEV);
  FAILS(link("/own/file", "/rom/new"), EXDEV);
  FAILS(mkstemp(strcpy(buf, "/rom/XXXXXX")), EROFS);
  IS_NULL(mkdtemp(strcpy(buf, "/rom/XXXXXX")), EROFS);
  int fd = open("/rom/text", O_RDONLY);
  FAILS(fchmod(fd, 0600), EROFS);
  FAILS(fchown(fd, 1, 1), EROFS);
  FAILS(futimens(fd, times), EROFS);
  CLAIM(close(fd) == 0 && unlink("/own/file") == 0);
}

/* What FAT cannot hold, and what only the owner may; the task is user 0. */
static void what_a_file_system_cannot_hold(void)
{
  CLAIM(close(creat("/fat/file", 0600)) == 0);
  FAILS(symlink("x", "/fat/s"), EPERM);
  FAILS(link("/fat/file", "/fat/l"), EPERM);
  FAILS(mkfifo("/fat/p", 0600), EPERM);
  FAILS(mknod("/fat/n", S_IFCHR | 0600, 1), EPERM);
  FAILS(chown("/fat/file", 5, 5), EPERM);
  CLAIM(mkdir("/own/dir", 0700) == 0);
  FAILS(link("/own/dir", "/own/l"), EPERM);
  CLAIM(rmdir("/own/dir") == 0);
  FAILS(truncate("/fat/file", 1LL << 33), EFBIG);
  int fd = open("/fat/file", O_RDWR);
  FAILS(ftruncate(fd, 1LL << 33), EFBIG);
  FAILS(pwrite(fd, "x", 1, 1LL << 33), EFBIG);
  CLAIM(posix_fallocate(fd, 0, 1LL << 33) == EFBIG);
  CLAIM(close(fd) == 0 && unlink("/fat/file") == 0);
}

static void no_room(const char *where)
{
  static char block[65536];
  int fd = open(in(where, "much"), O_CREAT | O_RDWR, 0600), more = open(in(where, "more"), O_CREAT | O_RDWR, 0600);
  ssize_t done;
  while ((done = write(fd, block, sizeof block)) > 0) {}
  CLAIM(done == -1 && errno == ENOSPC);
  while ((done = write(fd, block, 1)) > 0) {}
  CLAIM(done == -1 && errno == ENOSPC);
  struct iovec one = {block, sizeof block};
  FAILS(pwrite(more, block, sizeof block, 0), ENOSPC);
  FAILS(writev(more, &one, 1), ENOSPC);
  /* A directory of tmpfs takes none. */
  if (strcmp(where, FAT) == 0) FAILS(mkdir(in(where, "dir"), 0700), ENOSPC);
  CLAIM(posix_fallocate(more, 0, sizeof block) == ENOSPC);
  FAILS(fallocate(more, 0, 0, sizeof block), ENOSPC);
  FAILS(dprintf(more, "%4096d", 1), ENOSPC);
  CLAIM(close(fd) == 0 && close(more) == 0 && unlink(in(where, "much")) == 0 && unlink(in(where, "more")) == 0);
  CLAIM(mkdir(in(where, "dir"), 0700) == 0 && rmdir(in(where, "dir")) == 0);
}

static void no_number(void)
{
  int fd = open("/rom/text", O_RDONLY), p[2], last = fd, next;
  while ((next = dup(fd)) >= 0) last = next;
  CLAIM(errno == EMFILE);
  FAILS(dup(fd), EMFILE);
  FAILS(fcntl(fd, F_DUPFD, 0), EMFILE);
  FAILS(fcntl(fd, F_DUPFD_CLOEXEC, 0), EMFILE);
  FAILS(open("/rom/text", O_RDONLY), EMFILE);
  FAILS(openat(AT_FDCWD, "/rom/text", O_RDONLY), EMFILE);
  FAILS(creat("/tmp/x", 0600), EMFILE);
  FAILS(pipe(p), EMFILE);
  FAILS(pipe2(p, 0), EMFILE);
  FAILS(mkstemp(strcpy(buf, "/tmp/XXXXXX")), EMFILE);
  IS_NULL(opendir("/rom"), EMFILE);
  IS_NULL(fopen("/rom/text", "r"), EMFILE);
  IS_NULL(tmpfile(), EMFILE);
  /* A number that is given needs none that is free. */
  CLAIM(dup2(fd, last) == last && dup3(fd, last, O_CLOEXEC) == last);
  FAILS(dup2(fd, 1 << 30), EBADF);
  FAILS(dup3(fd, 1 << 30, 0), EBADF);
  for (int i = fd; i <= last; i++) close(i);
}

static void what_is_in_use(void)
{
  struct stat root;
  FAILS(rmdir("/fat"), EBUSY);
  FAILS(rmdir("/"), EBUSY);
  FAILS(rename("/fat", "/own/fat"), EBUSY);
  CLAIM(mkdir("/own/d", 0700) == 0);
  FAILS(rename("/own/d", "/fat"), EBUSY);
  FAILS(unlink("/dev/null"), EBUSY);
  int fd = open("/fat/held", O_CREAT | O_RDWR, 0600);
  FAILS(umount("/fat"), EBUSY);
  FAILS(umount2("/fat", 0), EBUSY);
  CLAIM(mkdir("/own/m", 0700) == 0);
  FAILS(mount("/dev/fat0", "/own/m", "vfat", 0, NULL), EBUSY);
  FAILS(mount(NULL, "/fat", "vfat", MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
  FAILS(open("/dev/fat0", O_WRONLY) < 0 ? -1 : write(open("/dev/fat0", O_WRONLY), buf, 512), EBUSY);
  CLAIM(close(fd) == 0 && unlink("/fat/held") == 0 && rmdir("/own/d") == 0 && stat("/", &root) == 0);
  int p[2];
  CLAIM(pipe(p) == 0 && write(p[1], buf, 8192) == 8192);
  FAILS(fcntl(p[0], F_SETPIPE_SZ, 4096), EBUSY);
  CLAIM(close(p[0]) == 0 && close(p[1]) == 0);
}

/* Of two causes, the one that POSIX looks for first. */
static void which_comes_first(void)
{
  int p[2], reads = open("/rom/text", O_RDONLY), writes = open("/tmp/w", O_CREAT | O_WRONLY, 0600);
  CLAIM(pipe(p) == 0);
  FAILS(read(writes, NULL, 1), EBADF);
  FAILS(write(reads, NULL, 1), EBADF);
  FAILS(pread(writes, NULL, 1, -1), EBADF);
  FAILS(pwrite(reads, NULL, 1, -1), EBADF);
  FAILS(readv(writes, NULL, 0), EBADF);
  FAILS(writev(reads, NULL, 0), EBADF);
  FAILS(preadv(writes, NULL, 1, 0), EBADF);
  FAILS(pwritev(reads, NULL, 1, 0), EBADF);
  FAILS(read(p[1], NULL, 1), EBADF);
  FAILS(write(p[0], NULL, 1), EBADF);
  FAILS(read(reads, NULL, 1), EFAULT);
  FAILS(write(writes, NULL, 1), EFAULT);
  CLAIM(posix_fallocate(reads, -1, 0) == EBADF && posix_fallocate(999, -1, 0) == EBADF && posix_fallocate(writes, -1, 1) == EINVAL);
  FAILS(fallocate(reads, 0, -1, 0), EBADF);
  FAILS(stat("/none", NULL), ENOENT);
  FAILS(stat("/rom/text", NULL), EFAULT);
  FAILS(statfs("/none", NULL), ENOENT);
  FAILS(statfs("/rom", NULL), EFAULT);
  FAILS(statvfs("/none", NULL), ENOENT);
  FAILS(fstat(999, NULL), EBADF);
  FAILS(fstatfs(999, NULL), EBADF);
  FAILS(lseek(999, -1, 99), EBADF);
  FAILS(ftruncate(999, -1), EBADF);
  FAILS(rename("/none", "/rom/x"), ENOENT);
  CLAIM(close(p[0]) == 0 && close(p[1]) == 0 && close(reads) == 0 && close(writes) == 0);
}

int main(void)
{
  CLAIM(mkdir(OWN, 0755) == 0);
  EACH_PLACE(paths_that_lead_nowhere);
  links_without_end();
  a_volume_that_cannot_be_changed();
  what_a_file_system_cannot_hold();
  no_room(FAT);
  CLAIM(mkdir("/small", 0755) == 0 && mount(NULL, "/small", "tmpfs", 0, "size=300k") == 0);
  no_room("/small");
  CLAIM(umount("/small") == 0);
  no_number();
  what_is_in_use();
  which_comes_first();
  return well();
}
