/* A program in C that uses libnxvfs; each line of main is a claim. */
#include <errno.h>
#include <fcntl.h>
#include <nxvfs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLAIM(x) ((x) ? (void)0 : (printf("%s:%d: not so: %s (errno %d)\n", __FILE__, __LINE__, #x, errno), exit(1)))
#define FAILS(call, number) CLAIM((errno = 0, (call) == -1 && errno == (number)))

static int counter(void *arg, nx_text *text)
{
  char line[32];
  int len = snprintf(line, sizeof line, "count %d\n", (*(int *)arg)++);
  return nx_put(text, line, (size_t)len) < 0 ? errno : 0;
}

static int failing(void *arg, nx_text *text)
{
  CLAIM(arg == NULL);
  FAILS(nx_put(NULL, "x", 1), EFAULT);
  FAILS(nx_put(text, NULL, 1), EFAULT);
  FAILS(nx_put(text, "x", (size_t)1 << 40), EFBIG);
  FAILS(nx_put(text, "x", (size_t)-1), EINVAL);
  CLAIM(nx_put(text, NULL, 0) == 0);
  return ENODATA;
}

/* Uses the library while it is called by it. */
static int reentering(void *arg, nx_text *text)
{
  char buf[64];
  int fd = nx_open(arg, O_RDONLY);
  ssize_t len = nx_read(fd, buf, sizeof buf);
  nx_close(fd);
  return len < 0 ? errno : nx_put(text, buf, (size_t)len);
}

static void *other_thread(void *arg)
{
  errno = 77;
  FAILS(nx_open("/none", O_RDONLY), ENOENT);
  return arg;
}

static void content_is(const char *path, const char *expected)
{
  char buf[256] = {0};
  int fd = nx_open(path, O_RDONLY);
  CLAIM(fd >= 0);
  CLAIM(nx_read(fd, buf, sizeof buf - 1) == (ssize_t)strlen(expected));
  CLAIM(strcmp(buf, expected) == 0);
  CLAIM(nx_close(fd) == 0);
}

int main(void)
{
  int count = 5, fd, kept;
  char buf[16];
  pthread_t thread;

  FAILS(nx_open("/x", O_RDONLY), ESRCH);
  FAILS(nx_end(), ESRCH);
  CLAIM(nx_error()[0] != 0);
  FAILS(nx_boot("/not/there.toml"), ENOENT);
  CLAIM(strstr(nx_error(), "/not/there.toml") != NULL);
  FAILS(nx_open("/x", O_RDONLY), ESRCH);
  CLAIM(nx_boot(NULL) == 0);
  FAILS(nx_boot(NULL), EBUSY);

  CLAIM(nx_mount(NULL, "/tmp", "tmpfs", 0, NULL) == 0);
  fd = nx_open("/tmp/file", O_CREAT | O_RDWR | O_EXCL, 0640);
  CLAIM(fd > 2 && fd < FD_SETSIZE);
  FAILS(nx_open("/tmp/file", O_CREAT | O_RDWR | O_EXCL, 0640), EEXIST);
  CLAIM(nx_write(fd, "hello", 5) == 5);
  CLAIM(nx_lseek(fd, -4, SEEK_CUR) == 1);
  CLAIM(nx_read(fd, buf, sizeof buf) == 4 && memcmp(buf, "ello", 4) == 0);
  CLAIM(nx_lseek(fd, (int64_t)1 << 40, SEEK_SET) == (int64_t)1 << 40);
  CLAIM(nx_read(fd, NULL, 0) == 0);
  FAILS(nx_read(fd, NULL, 1), EFAULT);
  FAILS(nx_write(fd, NULL, 1), EFAULT);
  FAILS(nx_read(fd, buf, (size_t)-1), EINVAL);
  FAILS(nx_lseek(fd, -1, SEEK_SET), EINVAL);
  FAILS(nx_lseek(fd, 0, 99), EINVAL);
  FAILS(nx_read(-1, buf, 1), EBADF);
  FAILS(nx_read(77, buf, 1), EBADF);
  FAILS(nx_read(fd + 1, NULL, 1), EBADF);
  FAILS(nx_open(NULL, O_RDONLY), EFAULT);
  FAILS(nx_umount2("/tmp", 0), EBUSY);
  CLAIM(nx_close(fd) == 0);
  FAILS(nx_close(fd), EBADF);
  FAILS(nx_umount2("/tmp", 1 << 30), EINVAL);
  FAILS(nx_mount(NULL, "/tmp2", "tmpfs", 1UL << 20, NULL), EINVAL);
  FAILS(nx_mount(NULL, "/tmp2", "nothing", 0, NULL), ENODEV);
  FAILS(nx_mount(NULL, NULL, "tmpfs", 0, NULL), EFAULT);
  CLAIM(nx_mount("", "/ro", "tmpfs", 1, "") == 0);
  FAILS(nx_open("/ro/x", O_CREAT | O_WRONLY, 0600), EROFS);
  CLAIM(nx_mount(NULL, "/ro", "tmpfs", 32, "rw") == 0);
  CLAIM(nx_close(nx_open("/ro/x", O_CREAT | O_WRONLY, 0600)) == 0);
  CLAIM(nx_umount2("/tmp", 0) == 0);
  FAILS(nx_umount2("/dev", 0), EINVAL);

  CLAIM(nx_register_generated("/proc/program/count", 0444, counter, &count) == 0);
  FAILS(nx_register_generated("/proc/program/count", 0444, counter, &count), EEXIST);
  FAILS(nx_register_generated("/x", 0444, NULL, NULL), EFAULT);
  FAILS(nx_register_generated("x", 0444, counter, NULL), EINVAL);
  content_is("/proc/program/count", "count 5\n");
  content_is("/proc/program/count", "count 6\n");
  CLAIM(nx_register_generated("/proc/program/copy", 0444, reentering, "/proc/program/count") == 0);
  content_is("/proc/program/copy", "count 7\n");
  CLAIM(nx_register_generated("/dev/bad", 0444, failing, NULL) == 0);
  fd = nx_open("/dev/bad", O_RDONLY);
  FAILS(nx_read(fd, buf, 1), ENODATA);
  FAILS(nx_open("/dev/bad", O_WRONLY), EACCES);

  kept = nx_open("/proc/program/count", O_RDONLY);
  CLAIM(nx_unregister("/proc/program/count") == 0);
  FAILS(nx_unregister("/proc/program/count"), ENOENT);
  FAILS(nx_unregister("/dev"), ENODEV);
  CLAIM(nx_read(kept, buf, 7) == 7 && memcmp(buf, "count 8", 7) == 0);

  errno = 33;
  CLAIM(pthread_create(&thread, NULL, other_thread, NULL) == 0 && pthread_join(thread, NULL) == 0);
  CLAIM(errno == 33);

  CLAIM(nx_end() == 0);
  FAILS(nx_read(kept, buf, 1), ESRCH);
  CLAIM(nx_boot(NULL) == 0);
  FAILS(nx_open("/proc/program/copy", O_RDONLY), ENOENT);
  content_is("/proc/mounts", "none / pseudofs rw 0 0\n");
  CLAIM(nx_end() == 0);
  puts("all claims hold");
  return 0;
}
