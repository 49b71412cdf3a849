/* A character driver of the program's own: read, write, ioctl, poll with wake-up, mmap. */
#define _GNU_SOURCE
#include "claim.h"
#include <fcntl.h>
#include <nxvfs.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ROOM = 8 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char queue[ROOM];
static size_t held;
static int openings, memory;
static uint64_t node;

static int dev_open(void *arg, int flags, void **file)
{
  CLAIM(strcmp(arg, "arg") == 0);
  if (flags & O_APPEND) return -EPERM;
  *file = arg;
  __atomic_add_fetch(&openings, 1, __ATOMIC_SEQ_CST);
  return 0;
}

static void dev_close(void *arg, void *file)
{
  CLAIM(arg == file);
  __atomic_sub_fetch(&openings, 1, __ATOMIC_SEQ_CST);
}

static ssize_t dev_read(void *arg, void *file, void *buf, size_t len, off_t offset)
{
  (void)arg, (void)file, (void)offset;
  pthread_mutex_lock(&lock);
  ssize_t count = held < len ? held : len;
  memcpy(buf, queue, count);
  memmove(queue, queue + count, held - count);
  held -= count;
  if (count == 0 && len > 0) count = -EAGAIN;
  else CLAIM(nx_notify(node, POLLOUT) == 0);
  pthread_mutex_unlock(&lock);
  return count;
}

static ssize_t dev_write(void *arg, void *file, const void *buf, size_t len, off_t offset)
{
  (void)arg, (void)file, (void)offset;
  pthread_mutex_lock(&lock);
  ssize_t count = ROOM - held < len ? ROOM - held : len;
  memcpy(queue + held, buf, count);
  held += count;
  if (count == 0) count = -EAGAIN;
  else CLAIM(nx_notify(node, POLLIN) == 0);
  pthread_mutex_unlock(&lock);
  return count;
}

static int dev_poll(void *arg, void *file)
{
  (void)arg, (void)file;
  pthread_mutex_lock(&lock);
  int events = (held > 0 ? POLLIN : 0) | (held < ROOM ? POLLOUT : 0);
  pthread_mutex_unlock(&lock);
  return events;
}

#define DEV_DOUBLE _IOWR('x', 1, int)
#define DEV_VALUE _IO('x', 2)

static int dev_ioctl(void *arg, void *file, unsigned int command, uintptr_t argument)
{
  (void)arg, (void)file;
  switch (command) {
  case DEV_DOUBLE: *(int *)argument *= 2; return 0;
  case DEV_VALUE: return (int)argument + 1;
  case 0x7701: return *(const char *)argument; /* Opaque: an address of the program's own. */
  default: return -ENOTTY;
  }
}

static int dev_mmap(void *arg, void *file, nx_memory *out)
{
  (void)arg, (void)file;
  *out = (nx_memory){.fd = memory, .writable = 1, .len = 4096};
  return 0;
}

static int bad_mmap(void *arg, void *file, nx_memory *out)
{
  (void)arg, (void)file;
  *out = (nx_memory){.fd = memory, .len = 1 << 20};
  return 0;
}

static ssize_t long_read(void *arg, void *file, void *buf, size_t len, off_t offset)
{
  (void)arg, (void)file, (void)buf, (void)offset;
  return len + 1;
}

static const char text[] = "0123456789";
static ssize_t text_read(void *arg, void *file, void *buf, size_t len, off_t offset)
{
  (void)arg, (void)file;
  if (offset >= 10) return 0;
  if (len > (size_t)(10 - offset)) len = 10 - offset;
  memcpy(buf, text + offset, len);
  return len;
}
static off_t text_length(void *arg, void *file) { (void)arg, (void)file; return 10; }

static void *reads_all(void *arg)
{
  char buf[3];
  long sum = 0;
  for (ssize_t count; sum < 1000; sum += count) {
    count = read(*(int *)arg, buf, sizeof buf);
    CLAIM(count > 0);
  }
  return (void *)sum;
}

int main(void)
{
  static const nx_driver driver = {sizeof driver, dev_open, dev_close, dev_read, dev_write, NULL, dev_ioctl, dev_poll, dev_mmap};
  static const nx_driver still = {.size = sizeof still, .read = text_read, .length = text_length};
  static const nx_driver liar = {.size = sizeof liar, .read = long_read, .mmap = bad_mmap};
  char buf[16];
  int n = 21;

  memory = memfd_create("device", 0);
  CLAIM(memory >= 0 && ftruncate(memory, 4096) == 0 && pwrite(memory, "registers", 9, 0) == 9);
  CLAIM(nx_register_driver("/dev/mine", &driver, 0666, "arg", &node) == 0);
  FAILS(nx_register_driver("/dev/mine", &driver, 0666, "arg", &node), EEXIST);
  FAILS(nx_register_driver("/dev/x", NULL, 0666, NULL, NULL), EFAULT);
  FAILS(nx_register_driver(NULL, &driver, 0666, NULL, NULL), EFAULT);
  FAILS(nx_register_driver("x", &driver, 0666, NULL, NULL), EINVAL);
  FAILS(nx_register_driver("/rom/x", &driver, 0666, NULL, NULL), EPERM);
  nx_driver sized = driver;
  sized.size = 3;
  FAILS(nx_register_driver("/dev/x", &sized, 0666, NULL, NULL), EINVAL);

  int fd = open("/dev/mine", O_RDWR), quick = open("/dev/mine", O_RDWR | O_NONBLOCK);
  CLAIM(fd >= 0 && openings == 2);
  FAILS(open("/dev/mine", O_RDWR | O_APPEND), EPERM);
  FAILS(read(quick, buf, 1), EAGAIN);
  CLAIM(write(fd, "12345", 5) == 5 && read(fd, buf, sizeof buf) == 5 && memcmp(buf, "12345", 5) == 0);
  FAILS(lseek(fd, 0, SEEK_SET), ESPIPE);
  FAILS(pread(fd, buf, 1, 0), ESPIPE);
  CLAIM(ioctl(fd, DEV_DOUBLE, &n) == 0 && n == 42 && ioctl(fd, DEV_VALUE, 6) == 7 && ioctl(fd, 0x7701, "Q") == 'Q');
  FAILS(ioctl(fd, DEV_DOUBLE, NULL), EFAULT);
  FAILS(ioctl(fd, _IO('x', 9)), ENOTTY);

  /* A reader sleeps until there are news, and a writer until there is room. */
  pthread_t thread;
  void *sum;
  CLAIM(pthread_create(&thread, NULL, reads_all, &fd) == 0);
  for (int left = 1000; left > 0;) {
    ssize_t count = write(fd, "abcdefghij", left < 10 ? left : 10);
    CLAIM(count > 0);
    left -= count;
  }
  CLAIM(pthread_join(thread, &sum) == 0 && (long)sum == 1000);
  struct pollfd p = {fd, POLLIN | POLLOUT, 0};
  CLAIM(poll(&p, 1, -1) == 1 && p.revents == POLLOUT);
  for (int round = 0; round < 20; round++) {
    p.events = POLLIN;
    CLAIM(pthread_create(&thread, NULL, (void *(*)(void *))reads_all, &fd) == 0);
    for (int left = 1000; left > 0;) left -= write(fd, "abcdefghij", left < 10 ? left : 10);
    CLAIM(pthread_join(thread, &sum) == 0);
    CLAIM(poll(&p, 1, 0) == 0);
  }

  char *view = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CLAIM(view != MAP_FAILED && memcmp(view, "registers", 9) == 0);
  view[0] = 'R';
  CLAIM(pread(memory, buf, 1, 0) == 1 && buf[0] == 'R' && munmap(view, 4096) == 0);

  /* What has a length has positions. */
  CLAIM(nx_register_driver("/dev/still", &still, 0444, NULL, NULL) == 0);
  int fixed = open("/dev/still", O_RDONLY);
  CLAIM(lseek(fixed, -3, SEEK_END) == 7 && read(fixed, buf, 9) == 3 && memcmp(buf, "789", 3) == 0);
  CLAIM(pread(fixed, buf, 2, 4) == 2 && buf[0] == '4' && lseek(fixed, 0, SEEK_CUR) == 10);
  FAILS(ioctl(fixed, DEV_VALUE, 6), ENOTTY);
  CLAIM(mmap(NULL, 10, PROT_READ, MAP_SHARED, fixed, 0) == MAP_FAILED && errno == ENODEV);
  CLAIM(close(fixed) == 0 && nx_unregister("/dev/still") == 0);

  /* A lie does no harm. */
  CLAIM(nx_register_driver("/dev/liar", &liar, 0666, NULL, NULL) == 0);
  int lies = open("/dev/liar", O_RDWR);
  FAILS(read(lies, buf, 4), EIO);
  FAILS(write(lies, buf, 4), EINVAL);
  CLAIM(mmap(NULL, 10, PROT_READ, MAP_SHARED, lies, 0) == MAP_FAILED && errno == ENODEV);
  CLAIM(close(lies) == 0);

  /* Unregistered, it works on for who has it open. */
  CLAIM(nx_unregister("/dev/mine") == 0);
  FAILS(open("/dev/mine", O_RDWR), ENOENT);
  CLAIM(write(fd, "x", 1) == 1 && read(fd, buf, 1) == 1 && close(quick) == 0 && openings == 1);
  CLAIM(close(fd) == 0 && openings == 0);
  FAILS(nx_notify(node, POLLIN), EBADF);
  return well();
}
