/* sys/mount.h, with NuttX's signatures, and what a board's mounts hold. */
#define _GNU_SOURCE
#include "claim.h"
#include <fcntl.h>
#include <nxvfs.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
  struct stat st;
  int fd = open("/fat/busy", O_CREAT | O_RDWR, 0600);
  CLAIM(fd >= 0);
  FAILS(umount("/fat"), EBUSY);
  CLAIM(strstr(nx_error(), "/fat") != NULL);
  FAILS(umount2("/fat", 0), EBUSY);
  FAILS(mount("/dev/fat0", "/other", "vfat", 0, NULL), EBUSY);
  FAILS(mount(NULL, "/fat", "vfat", MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
  CLAIM(close(fd) == 0 && mount(NULL, "/fat", "vfat", MS_REMOUNT | MS_RDONLY, NULL) == 0);
  FAILS(open("/fat/busy", O_RDWR), EROFS);
  CLAIM(mount(NULL, "/fat", NULL, MS_REMOUNT, "rw") == -1 && errno == EFAULT);
  CLAIM(mount(NULL, "/fat", "vfat", MS_REMOUNT, "rw") == 0 && unlink("/fat/busy") == 0);
  CLAIM(umount("/fat") == 0);
  FAILS(umount("/fat"), errno == ENOENT ? ENOENT : EINVAL);
  CLAIM(mount("/dev/fat0", "/fat", "vfat", MS_RDONLY, "") == 0);
  FAILS(open("/fat/x", O_CREAT | O_RDWR, 0600), EROFS);

  FAILS(mount("/dev/fat0", "/x", "romfs", 0, NULL), errno);
  FAILS(mount("/dev/none", "/x", "vfat", 0, NULL), ENOTBLK);
  FAILS(mount("/dev/null", "/x", "vfat", 0, NULL), ENOTBLK);
  FAILS(mount(NULL, "/x", "nothing", 0, NULL), ENODEV);
  FAILS(mount(NULL, "/x", "tmpfs", 1UL << 20, NULL), EINVAL);
  FAILS(mount(NULL, "/x", "tmpfs", 0, "no_such_option"), EINVAL);
  FAILS(mount(NULL, NULL, "tmpfs", 0, NULL), EFAULT);
  FAILS(mount(NULL, "/rom/text", "tmpfs", 0, NULL), ENOTDIR);
  CLAIM(mount(NULL, "/rom/dir", "tmpfs", MS_NOEXEC, "") == 0 && stat("/rom/dir/deep", &st) == -1);
  FAILS(umount("/rom"), EBUSY);
  CLAIM(umount("/rom/dir") == 0 && stat("/rom/dir/deep", &st) == 0);

  /* From the working directory on, as any path. */
  CLAIM(chdir("/tmp") == 0 && mkdir("here", 0755) == 0 && mount(NULL, "here", "tmpfs", 0, NULL) == 0 && stat("/tmp/here", &st) == 0);
  CLAIM(umount("here") == 0 && rmdir("here") == 0 && chdir("/") == 0);

  FAILS(umount("/dev"), EINVAL);
  FAILS(umount("/rom/dir"), EINVAL);
  FAILS(umount("/none"), ENOENT);
  FAILS(umount(NULL), EFAULT);
  FAILS(umount2("/rom", 1 << 30), EINVAL);
  FAILS(umount2("/rom", MNT_EXPIRE), EAGAIN);
  CLAIM(umount2("/rom", MNT_EXPIRE) == 0);
  CLAIM(mount("/dev/rom0", "/rom", "romfs", 0, NULL) == 0);
  /* Detached it works on for who has it; by force nobody has anything. */
  char c;
  fd = open("/rom/text", O_RDONLY);
  CLAIM(umount2("/rom", MNT_DETACH) == 0 && read(fd, &c, 1) == 1 && stat("/rom/text", &st) == -1 && close(fd) == 0);
  fd = open("/fat", O_RDONLY);
  CLAIM(umount2("/fat", MNT_FORCE) == 0);
  FAILS(fstat(fd, &st), EIO);
  CLAIM(close(fd) == 0);
  return well();
}
