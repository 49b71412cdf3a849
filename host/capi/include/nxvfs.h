/* libnxvfs: a VFS host in user space, for programs in C.
 *
 * One host and one task of user 0 in a process. Paths are those of the host's tree. Functions that answer an int or a
 * size answer -1 after a failure and set errno, as the POSIX functions of the same name do; they may be called from any
 * thread, and overlap. Before nx_boot and after nx_end they fail with ESRCH. A pointer that must not be NULL and is
 * gives EFAULT. Strings end in NUL. Flags, modes and errno values are Linux's.
 */
#ifndef NXVFS_H
#define NXVFS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Starts the host, with the plugins that are linked into the library and those on $NXVFS_PLUGIN_PATH. The calling thread
 * waits until it is there. Errors: EBUSY it runs already. */
int nx_boot(void);

/* Ends the host: descriptors are closed, volumes unmounted, plugins ended. A call that another thread is in keeps them
 * until it returns. Errors: ESRCH. */
int nx_end(void);

/* POSIX open; the mode counts only with O_CREAT, and must be given with it. */
int nx_open(const char *path, int flags, ... /* mode_t mode */);

/* POSIX read. */
ssize_t nx_read(int fd, void *buf, size_t len);

/* POSIX write. */
ssize_t nx_write(int fd, const void *buf, size_t len);

/* POSIX lseek; also Linux's SEEK_DATA (3) and SEEK_HOLE (4). */
int64_t nx_lseek(int fd, int64_t offset, int whence);

/* POSIX close: the descriptor is free whatever is answered. */
int nx_close(int fd);

/* Mounts a volume as mount(2), or with MS_REMOUNT changes its options. `source` is a node under the root, or NULL for a
 * file system without a device; `data` is NULL or what stands after `-o`, such as `dev`, without which device nodes of the
 * volume lead nowhere. Of Linux's flags MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_SYNCHRONOUS, MS_REMOUNT, MS_DIRSYNC,
 * MS_NOATIME and MS_RELATIME are known; others are EINVAL. */
int nx_mount(const char *source, const char *target, const char *fs, unsigned long flags, const char *data);

/* Unmounts the volume on `target` as umount2(2), with MNT_FORCE, MNT_DETACH, MNT_EXPIRE and UMOUNT_NOFOLLOW. Errors: EBUSY
 * it is in use; EAGAIN MNT_EXPIRE marked it; EINVAL nothing is mounted there, or flags that do not go together. */
int nx_umount2(const char *target, int flags);

/* A text that is being made. */
typedef struct nx_text nx_text;

/* Puts bytes at the end of a text; only from the callback that was given it. Errors: EFAULT, EFBIG. */
int nx_put(nx_text *text, const void *bytes, size_t len);

/* Makes the whole text of a file with nx_put. Called for each opening when it is read from the start, in the thread that
 * reads; calls may overlap. It may use any function of this file. Answers 0, or an errno for who reads. */
typedef int (*nx_generate)(void *arg, nx_text *text);

/* Makes a file at `path`, with missing directories, whose text `generate` makes when it is read. `generate` may be called
 * with `arg` until nx_unregister and, for what is open then, until that is closed. Errors: EINVAL, EEXIST, EPERM. */
int nx_register_generated(const char *path, mode_t mode, nx_generate generate, void *arg);

/* Takes away what nx_register_generated made. Errors: ENOENT, ENODEV it is something else. */
int nx_unregister(const char *path);

#ifdef __cplusplus
}
#endif

#endif
