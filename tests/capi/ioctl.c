/* sys/ioctl.h, with Linux's numbers and with NuttX's. */
#define _GNU_SOURCE
#include "claim.h"
#include <fcntl.h>
#include <linux/fs.h>
#include <nxvfs/block.h>
#include <nxvfs/ioctl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static void files(const char *where)
{
  int n = 7, fd = open(in(where, "file"), O_CREAT | O_RDWR, 0600);
  CLAIM(ioctl(fd, FIOCLEX) == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && ioctl(fd, FIONCLEX) == 0 && fcntl(fd, F_GETFD) == 0);
  CLAIM(ioctl(fd, FIONBIO, &n) == 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  n = 0;
  CLAIM(ioctl(fd, FIONBIO, &n) == 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0);
  char path[4096];
  CLAIM(ioctl(fd, NX_FIOC_FILEPATH, path) == 0 && strcmp(path, in(where, "file")) == 0);
  FAILS(ioctl(fd, NX_FIOC_FILEPATH, NULL), EFAULT);
  FAILS(ioctl(fd, FIONBIO, NULL), EFAULT);
  FAILS(ioctl(fd, 0x7777, 5), ENOTTY);
  FAILS(ioctl(fd, TIOCGWINSZ, &n), ENOTTY);
  FAILS(ioctl(999, FIONBIO, &n), EBADF);
  FAILS(ioctl(-1, 0x7777), EBADF);
  CLAIM(close(fd) == 0);
}

static void pipes(void)
{
  int p[2], n;
  char buf[8] = {0};
  struct { void *buf; size_t len; } peek = {buf, sizeof buf};
  CLAIM(pipe(p) == 0 && write(p[1], "12345", 5) == 5);
  CLAIM(ioctl(p[0], FIONREAD, &n) == 0 && n == 5 && ioctl(p[0], NX_FIONREAD, &n) == 0 && n == 5);
  CLAIM(ioctl(p[1], NX_FIONWRITE, &n) == 0 && n == 5 && ioctl(p[1], NX_FIONSPACE, &n) == 0 && n == 65536 - 5);
  CLAIM(ioctl(p[1], TIOCOUTQ, &n) == 0 && n == 5);
  CLAIM(ioctl(p[0], NX_PIPEIOC_PEEK, &peek) == 5 && memcmp(buf, "12345", 5) == 0 && ioctl(p[0], FIONREAD, &n) == 0 && n == 5);
  CLAIM(ioctl(p[0], NX_PIPEIOC_GETSIZE) == 65536 && ioctl(p[0], NX_PIPEIOC_SETSIZE, 8192) == 8192);
  CLAIM(ioctl(p[0], NX_PIPEIOC_POLICY, 1) == 0);
  FAILS(ioctl(p[0], NX_PIPEIOC_PEEK, NULL), EFAULT);
  FAILS(ioctl(p[0], FIONREAD, NULL), EFAULT);
  CLAIM(close(p[0]) == 0 && close(p[1]) == 0);
}

static void devices(void)
{
  int fd = open("/dev/fat0", O_RDONLY), sector = 0;
  uint64_t bytes = 0, sectors = 0;
  void *base = NULL;
  struct nx_geometry shape = {.size = sizeof shape};
  CLAIM(fd >= 0 && ioctl(fd, BLKSSZGET, &sector) == 0 && sector == 512 && ioctl(fd, BLKGETSIZE64, &bytes) == 0 && bytes == 4 << 20);
  CLAIM(ioctl(fd, NX_BIOC_BLKSSZGET, &sector) == 0 && ioctl(fd, NX_BIOC_BLKGETSIZE, &sectors) == 0 && sectors == bytes / 512);
  CLAIM(ioctl(fd, NX_BIOC_GEOMETRY, &shape) == 0 && shape.sector_size_bytes == 512 && shape.sector_count == sectors);
  shape.size = 3;
  FAILS(ioctl(fd, NX_BIOC_GEOMETRY, &shape), EINVAL);
  FAILS(ioctl(fd, NX_BIOC_GEOMETRY, NULL), EFAULT);
  CLAIM(ioctl(fd, NX_BIOC_XIPBASE, &base) == 0 && base != NULL && ioctl(fd, NX_BIOC_FLUSH) == 0 && ioctl(fd, BLKFLSBUF) == 0);
  FAILS(ioctl(fd, NX_BIOC_DISCARD), EBADF);
  CLAIM(close(fd) == 0);
  fd = open("/rom/text", O_RDONLY);
  char *text = NULL;
  CLAIM(ioctl(fd, NX_FIOC_XIPBASE, &text) == 0 && memcmp(text, "read only", 9) == 0);
  CLAIM(ioctl(fd, NX_FIOC_MMAP, &base) == 0 && base == (void *)text && close(fd) == 0);
  fd = open("/dev/null", O_RDWR);
  FAILS(ioctl(fd, NX_BIOC_XIPBASE, &base), ENOTTY);
  CLAIM(close(fd) == 0);
}

int main(void)
{
  CLAIM(mkdir(OWN, 0755) == 0);
  EACH_PLACE(files);
  pipes();
  devices();
  return well();
}
