/* libnxvfs: a VFS host in user space, for programs in C.
 *
 * One host and one task of user 0 in a process. Every path is one of the host's tree. A descriptor is the host's or the
 * operating system's: functions that take one do for both what POSIX says, so that sockets, standard input and what
 * was inherited go on working beside the host's files (docs/c-library.md).
 *
 * Failures are -1 and errno, or what a comment says, as with the POSIX functions of the same name; nx_error tells more.
 * Functions may be called from any thread, and overlap. Where there is no host (before nx_boot, after nx_end, in a child
 * made by fork) what needs one is ESRCH, in addition to the errors that stand here. So are, in addition: EFAULT a pointer
 * that must not be NULL is; EBADF a descriptor that is not open; of functions with paths ENOENT (also the empty path),
 * ENOTDIR, EACCES, ELOOP, ENAMETOOLONG; of functions that wait EINTR the host ends, another thread closes the descriptor, or a
 * signal's handler ran that was installed without SA_RESTART (with it the call goes on, but for nx_poll and its kin and for
 * what has a time-out, which end in any case); EIO the volume was taken away by force or its driver is broken, and whatever else
 * a file system answers. Strings end in NUL. Flags, modes, errno values, types and layouts are the C library's.
 *
 * nxvfs/posix.h gives these functions their POSIX names.
 */
#ifndef NXVFS_H
#define NXVFS_H

#include <aio.h>
#include <dirent.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

struct FTW;
struct rusage;
struct statx;
struct termios;
struct timeval;
struct utimbuf;

/* fcntl: the path of an open file goes to `char[PATH_MAX]`; follows renames. NuttX F_GETPATH, with a number of our own.
 * Errors: ERANGE it is longer. */
#define NX_F_GETPATH 0x4e50

/* ---- the host ---- */

/* Starts the host, with the plugins that are linked into the library and those on $NXVFS_PLUGIN_PATH, and brings up the
 * plugins, devices and mounts of a board's file; NULL is the file of $NXVFS_BOARD, or an empty host if that is not set. A
 * program that does not call it gets the host of $NXVFS_BOARD, if it is set, at its first call that needs one. The first
 * start takes the window of descriptor numbers. A failure leaves no host. Errors: EBUSY it runs already; ENOTSUP in a child
 * made by fork; EMFILE no numbers are left; those of reading the file, EINVAL what stands there (nx_error tells the lines),
 * and what its plugins, devices and mounts fail with. */
int nx_boot(const char *board_file);

/* Ends the host: streams are written, calls that wait end with EINTR, descriptors are closed, volumes synced and unmounted,
 * plugins ended. A call that another thread is in keeps them until it returns. A program that exits with a host has it ended
 * so by exit(), after what the program asked for with atexit(). Errors: ESRCH; those of bringing what was written to its
 * medium, and the host has ended nevertheless. */
int nx_end(void);

/* What the calling thread's last failed function of this library has to say: what, where, what was found and expected, and a
 * remedy; never NULL. The text is good until the next call of nx_error in this thread. */
const char *nx_error(void);

/* ---- fcntl.h, sys/file.h ---- */

/* POSIX open; the mode counts only with O_CREAT, and must be given with it. Answers the lowest number of the window that is
 * free. Errors: EEXIST O_CREAT and O_EXCL, and it is there; EISDIR a directory for writing, or made; ENOTDIR O_DIRECTORY,
 * and it is none; ELOOP O_NOFOLLOW, and it is a link; EINVAL flags; EROFS; ENXIO a FIFO for writing with O_NONBLOCK that
 * nobody reads, a socket, a device node without a device; ENOSPC; EMFILE; EINTR; EPERM O_NOATIME of another's file. */
int nx_open(const char *path, int flags, ... /* mode_t mode */);

/* POSIX openat: relative paths begin at an open directory, or with AT_FDCWD at the working directory. Errors: as nx_open;
 * ENOTDIR `dir` is no directory. */
int nx_openat(int dir, const char *path, int flags, ... /* mode_t mode */);

/* POSIX creat: nx_open with O_WRONLY, O_CREAT and O_TRUNC. Errors: as nx_open. */
int nx_creat(const char *path, mode_t mode);

/* POSIX fcntl: F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL (O_APPEND, O_NONBLOCK, O_NOATIME), record locks
 * of this task by F_GETLK, F_SETLK, F_SETLKW, NX_F_GETPATH, F_GETPIPE_SZ, F_SETPIPE_SZ. Errors: EINVAL another command, a
 * number beyond the limit, a lock's type, whence or range; EMFILE; EAGAIN, EDEADLK, EINTR, ENOLCK, EOVERFLOW of locks; EBADF
 * also a lock that the access mode does not allow, or the size of what is no pipe; EBUSY, EPERM of F_SETPIPE_SZ. */
int nx_fcntl(int fd, int command, ... /* arg */);

/* POSIX lockf, on record locks from the position on. Errors: EAGAIN, EACCES (F_TEST) another task has it; EDEADLK; EINVAL;
 * EBADF also not open for writing. */
int nx_lockf(int fd, int command, off_t len);

/* BSD flock: LOCK_SH, LOCK_EX, LOCK_UN, with LOCK_NB. Errors: EWOULDBLOCK another opening has it; EINVAL; EINTR; ENOLCK. */
int nx_flock(int fd, int operation);

/* POSIX posix_fallocate. Answers an error number: EBADF also not open for writing, EINVAL, ESPIPE, ENODEV no regular file,
 * EFBIG, ENOSPC, ENOTSUP. */
int nx_posix_fallocate(int fd, off_t offset, off_t len);

/* Linux fallocate: FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE. Errors: as nx_posix_fallocate. */
int nx_fallocate(int fd, int mode, off_t offset, off_t len);

/* POSIX posix_fadvise: checked, and without effect. Answers an error number: EBADF, EINVAL, ESPIPE. */
int nx_posix_fadvise(int fd, off_t offset, off_t len, int advice);

/* ---- unistd.h: descriptors ---- */

/* POSIX close: the descriptor is free whatever is answered. Late errors of the file system come out here.
 * Errors: EBADF; what earlier writes failed with: EIO, ENOSPC. */
int nx_close(int fd);

/* Linux close_range, over numbers of both sides; flags 0, or CLOSE_RANGE_CLOEXEC. What the library itself has open of the
 * operating system's (images of volumes and plugins) is closed too: but for between fork and exec, begin above it or leave it.
 * Errors: EINVAL the range, other flags. */
int nx_close_range(unsigned int first, unsigned int last, int flags);

/* glibc closefrom: nx_close_range up to the last. Fails in nothing. */
void nx_closefrom(int first);

/* POSIX dup: the lowest free number of the same side. Errors: EMFILE. */
int nx_dup(int fd);

/* POSIX dup2, also from one side to the other: `to` is then on the side of `fd`. Errors: EBADF also `to` beyond the limit;
 * EMFILE. */
int nx_dup2(int fd, int to);

/* POSIX dup3: as nx_dup2, and O_CLOEXEC. Errors: EINVAL the same number twice, other flags. */
int nx_dup3(int fd, int to, int flags);

/* POSIX pipe: a pipe of the host's. Errors: EMFILE. */
int nx_pipe(int fds[2]);

/* POSIX pipe2: O_NONBLOCK and O_CLOEXEC. Errors: EINVAL other flags; EMFILE. */
int nx_pipe2(int fds[2], int flags);

/* POSIX isatty: 1, or 0 with errno. Errors: ENOTTY. The host's consoles are terminals if standard input is one. */
int nx_isatty(int fd);

/* POSIX tcgetattr: of the host's consoles, the terminal of standard input. Errors: EBADF; ENOTTY. */
int nx_tcgetattr(int fd, struct termios *out);

/* POSIX tcsetattr, likewise. Errors: EBADF; ENOTTY; EINVAL. */
int nx_tcsetattr(int fd, int when, const struct termios *wanted);

/* POSIX ttyname: good until the thread's next call. NULL after a failure. Errors: EBADF; ENOTTY. */
char *nx_ttyname(int fd);

/* POSIX ttyname_r. Answers an error number: EBADF; ENOTTY; ERANGE. */
int nx_ttyname_r(int fd, char *buf, size_t len);

/* ---- unistd.h, sys/uio.h: transfers ---- */

/* POSIX read. Errors: EBADF also not open for reading; EISDIR; EAGAIN nothing there now, O_NONBLOCK; EINTR; EINVAL
 * the node cannot be read, or the length. */
ssize_t nx_read(int fd, void *buf, size_t len);

/* POSIX write. Errors: EBADF also not open for writing; EPIPE nobody reads (no signal, as NuttX); EAGAIN; EINTR; ENOSPC; EFBIG;
 * EINVAL. */
ssize_t nx_write(int fd, const void *buf, size_t len);

/* POSIX pread: the position does not move. Errors: as nx_read; ESPIPE; EINVAL a negative offset. */
ssize_t nx_pread(int fd, void *buf, size_t len, off_t offset);

/* POSIX pwrite, whatever O_APPEND. Errors: as nx_write; ESPIPE; EINVAL a negative offset. */
ssize_t nx_pwrite(int fd, const void *buf, size_t len, off_t offset);

/* POSIX readv: 1 to 1024 buffers. Errors: as nx_read; EINVAL another number, or longer than SSIZE_MAX together. */
ssize_t nx_readv(int fd, const struct iovec *list, int count);

/* POSIX writev: 1 to 1024 buffers. Errors: as nx_write; EINVAL as nx_readv. */
ssize_t nx_writev(int fd, const struct iovec *list, int count);

/* Linux preadv. Errors: as nx_pread and nx_readv. */
ssize_t nx_preadv(int fd, const struct iovec *list, int count, off_t offset);

/* Linux pwritev. Errors: as nx_pwrite and nx_writev. */
ssize_t nx_pwritev(int fd, const struct iovec *list, int count, off_t offset);

/* Linux preadv2; offset -1 is the position. Errors: as nx_preadv; ENOTSUP flags. */
ssize_t nx_preadv2(int fd, const struct iovec *list, int count, off_t offset, int flags);

/* Linux pwritev2, likewise. Errors: as nx_pwritev; ENOTSUP flags. */
ssize_t nx_pwritev2(int fd, const struct iovec *list, int count, off_t offset, int flags);

/* Linux sendfile, from what has positions to anything, of either side; with a NULL `offset` from the position. May copy
 * less. Errors: as nx_pread and nx_write; EINVAL a negative offset. */
ssize_t nx_sendfile(int to, int from, off_t *offset, size_t len);

/* Linux copy_file_range, between regular files of either side. May copy less. Errors: as nx_pread and nx_pwrite; EBADF also
 * O_APPEND; EISDIR; EINVAL no regular file, flags, or ranges of one file that overlap; EOVERFLOW. */
ssize_t nx_copy_file_range(int from, off_t *from_offset, int to, off_t *to_offset, size_t len, unsigned int flags);

/* POSIX lseek; also Linux's SEEK_DATA and SEEK_HOLE. Errors: EINVAL whence, or before the start; ESPIPE; EOVERFLOW; ENXIO no
 * data or hole follows. */
off_t nx_lseek(int fd, off_t offset, int whence);

/* POSIX truncate. Errors: EINVAL a negative length, or what has none; EISDIR; EROFS; EFBIG; ENOSPC. */
int nx_truncate(const char *path, off_t len);

/* POSIX ftruncate. Errors: EINVAL not open for writing, a negative length, or what has none; EFBIG; ENOSPC. */
int nx_ftruncate(int fd, off_t len);

/* POSIX fsync: the file and what was stored into its views is on the medium. Errors: EINVAL what cannot be synced, such as a
 * pipe; late errors of earlier writes, once. */
int nx_fsync(int fd);

/* POSIX fdatasync. Errors: as nx_fsync. */
int nx_fdatasync(int fd);

/* Linux syncfs: the volume of the file. Errors: EBADF; EIO, ENOSPC late errors of earlier writes. */
int nx_syncfs(int fd);

/* POSIX sync: all volumes. Nobody is told of failures, but the log. */
void nx_sync(void);

/* ---- unistd.h: names ---- */

/* POSIX unlink. Errors: EISDIR; EROFS; EBUSY a device's node; EPERM, EACCES of another's in a sticky directory. */
int nx_unlink(const char *path);

/* POSIX unlinkat: with AT_REMOVEDIR nx_rmdir. Errors: EINVAL other flags. */
int nx_unlinkat(int dir, const char *path, int flags);

/* POSIX rmdir. Errors: ENOTEMPTY; EINVAL the last component is `.`; EBUSY a mount point, or the root; EROFS. */
int nx_rmdir(const char *path);

/* POSIX link; of a symbolic link, the link itself. Errors: EEXIST; EXDEV another volume; EPERM a directory, or a file system
 * without links; EMLINK; EROFS. */
int nx_link(const char *old_path, const char *new_path);

/* POSIX linkat; with AT_SYMLINK_FOLLOW of what a link leads to. Errors: as nx_link; EINVAL other flags. */
int nx_linkat(int old_dir, const char *old_path, int new_dir, const char *new_path, int flags);

/* POSIX symlink. Errors: EEXIST; EPERM a file system without links; EROFS; ENOSPC. */
int nx_symlink(const char *target, const char *path);

/* POSIX symlinkat. Errors: as nx_symlink. */
int nx_symlinkat(const char *target, int dir, const char *path);

/* POSIX readlink: what does not fit is left out, there is no NUL. Errors: EINVAL no link, or no room at all. */
ssize_t nx_readlink(const char *path, char *buf, size_t len);

/* POSIX readlinkat. Errors: as nx_readlink. */
ssize_t nx_readlinkat(int dir, const char *path, char *buf, size_t len);

/* POSIX rename: atomic, replaces what has the name. Errors: EXDEV; EISDIR, ENOTDIR one is a directory and the other is not;
 * ENOTEMPTY; EINVAL into itself; EBUSY a mount point; EROFS. */
int nx_rename(const char *old_path, const char *new_path);

/* POSIX renameat. Errors: as nx_rename. */
int nx_renameat(int old_dir, const char *old_path, int new_dir, const char *new_path);

/* Linux renameat2: RENAME_NOREPLACE, RENAME_EXCHANGE. Errors: as nx_rename; EEXIST; EINVAL other flags. */
int nx_renameat2(int old_dir, const char *old_path, int new_dir, const char *new_path, unsigned int flags);

/* ISO C remove: a directory as nx_rmdir, else nx_unlink. Errors: as those. */
int nx_remove(const char *path);

/* POSIX chdir: the working directory of the task, which has nothing to do with that of the process.
 * Errors: those of the path; ENOTDIR also the last component. */
int nx_chdir(const char *path);

/* POSIX fchdir. Errors: ENOTDIR; EBADF also a descriptor of the operating system's. */
int nx_fchdir(int fd);

/* POSIX getcwd; with NULL as the C library: memory that the caller frees. NULL after a failure. Errors: ERANGE; EINVAL
 * length 0; ENOMEM. */
char *nx_getcwd(char *buf, size_t len);

/* POSIX realpath: without links, `.` and `..`; with a NULL `buf` memory that the caller frees. NULL after a failure. Errors:
 * EINVAL a NULL path; ENOMEM. */
char *nx_realpath(const char *path, char *buf);

/* POSIX pathconf; -1 without errno: no limit. Errors: EINVAL no such limit. */
long nx_pathconf(const char *path, int name);

/* POSIX fpathconf. Errors: EBADF; EINVAL. */
long nx_fpathconf(int fd, int name);

/* POSIX access: the task's user. Errors: EACCES; EROFS; EINVAL `want`. */
int nx_access(const char *path, int want);

/* POSIX faccessat: AT_EACCESS, AT_SYMLINK_NOFOLLOW. Errors: as nx_access; EINVAL other flags. */
int nx_faccessat(int dir, const char *path, int want, int flags);

/* POSIX chown; -1 leaves one as it is. Errors: EPERM; EROFS. */
int nx_chown(const char *path, uid_t uid, gid_t gid);

/* POSIX lchown: of a link, the link's own. Errors: as nx_chown. */
int nx_lchown(const char *path, uid_t uid, gid_t gid);

/* POSIX fchown. Errors: as nx_chown. */
int nx_fchown(int fd, uid_t uid, gid_t gid);

/* POSIX fchownat: AT_SYMLINK_NOFOLLOW. Errors: as nx_chown; EINVAL other flags. */
int nx_fchownat(int dir, const char *path, uid_t uid, gid_t gid, int flags);

/* ---- sys/stat.h, utime.h ---- */

/* POSIX stat. Errors: those of the path; EFAULT; EOVERFLOW never: sizes have 64 bits. */
int nx_stat(const char *path, struct stat *out);

/* POSIX lstat: of a link, the link's own. Errors: as nx_stat. */
int nx_lstat(const char *path, struct stat *out);

/* POSIX fstat. Errors: EBADF; EFAULT. */
int nx_fstat(int fd, struct stat *out);

/* POSIX fstatat: AT_SYMLINK_NOFOLLOW; with Linux's AT_EMPTY_PATH and an empty path as nx_fstat. Errors: EINVAL other flags. */
int nx_fstatat(int dir, const char *path, struct stat *out, int flags);

/* Linux statx: what nx_stat tells, whatever the mask asks for; AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH. Errors: EINVAL other
 * flags, a reserved bit of the mask. */
int nx_statx(int dir, const char *path, int flags, unsigned int mask, struct statx *out);

/* POSIX mkdir. Errors: EEXIST; EROFS; ENOSPC; EMLINK. */
int nx_mkdir(const char *path, mode_t mode);

/* POSIX mkdirat. Errors: as nx_mkdir. */
int nx_mkdirat(int dir, const char *path, mode_t mode);

/* POSIX mkfifo. Errors: EEXIST; EROFS; ENOSPC; EPERM a file system that cannot have it. */
int nx_mkfifo(const char *path, mode_t mode);

/* POSIX mkfifoat. Errors: as nx_mkfifo. */
int nx_mkfifoat(int dir, const char *path, mode_t mode);

/* POSIX mknod: files, FIFOs, sockets, device nodes. Errors: as nx_mkfifo; EINVAL another type. */
int nx_mknod(const char *path, mode_t mode, dev_t dev);

/* POSIX mknodat. Errors: as nx_mknod. */
int nx_mknodat(int dir, const char *path, mode_t mode, dev_t dev);

/* POSIX chmod. Errors: EPERM not the owner; EROFS. */
int nx_chmod(const char *path, mode_t mode);

/* POSIX fchmod. Errors: as nx_chmod. */
int nx_fchmod(int fd, mode_t mode);

/* POSIX fchmodat: AT_SYMLINK_NOFOLLOW. Errors: as nx_chmod; EINVAL other flags; ENOTSUP of a link. */
int nx_fchmodat(int dir, const char *path, mode_t mode, int flags);

/* POSIX umask; never fails. */
mode_t nx_umask(mode_t mask);

/* POSIX utimensat; a NULL `times` is the present, twice; UTIME_NOW, UTIME_OMIT. Errors: EINVAL nanoseconds or flags; EPERM
 * not the owner; EACCES both to the present, and no right to write; EROFS. */
int nx_utimensat(int dir, const char *path, const struct timespec times[2], int flags);

/* NuttX utimens: nx_utimensat from the working directory, links followed. Errors: as nx_utimensat. */
int nx_utimens(const char *path, const struct timespec times[2]);

/* POSIX futimens. Errors: as nx_utimensat. */
int nx_futimens(int fd, const struct timespec times[2]);

/* POSIX utimes. Errors: as nx_utimensat; EINVAL microseconds. */
int nx_utimes(const char *path, const struct timeval times[2]);

/* BSD lutimes: of a link, the link's own. Errors: as nx_utimes. */
int nx_lutimes(const char *path, const struct timeval times[2]);

/* BSD futimes. Errors: as nx_utimes. */
int nx_futimes(int fd, const struct timeval times[2]);

/* POSIX utime. Errors: as nx_utimensat. */
int nx_utime(const char *path, const struct utimbuf *times);

/* ---- sys/statfs.h, sys/statvfs.h ---- */

/* Linux statfs: sizes of the volume. Errors: those of the path; EFAULT. */
int nx_statfs(const char *path, struct statfs *out);

/* Linux fstatfs. Errors: EBADF; EFAULT. */
int nx_fstatfs(int fd, struct statfs *out);

/* POSIX statvfs: sizes and options of the volume. Errors: as nx_statfs. */
int nx_statvfs(const char *path, struct statvfs *out);

/* POSIX fstatvfs. Errors: as nx_fstatfs. */
int nx_fstatvfs(int fd, struct statvfs *out);

/* ---- dirent.h ---- */

/* A directory stream of this library. */
typedef struct nx_dir nx_dir;

/* POSIX opendir; the stream's descriptor is closed on execution. NULL after a failure. Errors: ENOTDIR; EMFILE; ENOMEM. */
nx_dir *nx_opendir(const char *path);

/* POSIX fdopendir: from the descriptor's position on; the descriptor is the stream's. NULL after a failure. Errors: ENOTDIR. */
nx_dir *nx_fdopendir(int fd);

/* POSIX readdir: `.` and `..` first. The entry is good until the next call for this stream. NULL at the end, and after a
 * failure, which alone sets errno. Errors: EOVERFLOW a name that struct dirent has no room for. */
struct dirent *nx_readdir(nx_dir *dir);

/* POSIX readdir_r; NULL in `*result` is the end. Answers an error number. Errors: as nx_readdir. */
int nx_readdir_r(nx_dir *dir, struct dirent *entry, struct dirent **result);

/* POSIX rewinddir. Says nothing of failures; NULL leaves EBADF in errno. */
void nx_rewinddir(nx_dir *dir);

/* POSIX seekdir: to what nx_telldir told; costs nothing.
 * A position that nobody told is the start. Says nothing of failures; NULL leaves
 * EBADF in errno. */
void nx_seekdir(nx_dir *dir, long position);

/* POSIX telldir: good as long as the directory is there, whatever else comes and goes. Errors: EBADF NULL. */
long nx_telldir(nx_dir *dir);

/* POSIX dirfd. Errors: EINVAL NULL. */
int nx_dirfd(nx_dir *dir);

/* POSIX closedir: its descriptor too. Errors: EBADF NULL. */
int nx_closedir(nx_dir *dir);

/* POSIX scandir: memory that the caller frees, each entry and the list. Errors: as nx_opendir; ENOMEM. */
int nx_scandir(const char *path, struct dirent ***list, int (*filter)(const struct dirent *),
               int (*compare)(const struct dirent **, const struct dirent **));

/* ---- poll.h, sys/select.h ---- */

/* POSIX poll, over descriptors of both sides; exact to the nanosecond, and without busy waiting. What is not open is POLLNVAL.
 * Errors: EINVAL more than the limit of open files; EINTR a signal, or the host ends; ENOMEM; EMFILE to wait takes a
 * descriptor of the operating system's. */
int nx_poll(struct pollfd *fds, nfds_t count, int milliseconds);

/* POSIX ppoll: a NULL `timeout` is for ever, a NULL `mask` changes none. Errors: as nx_poll; EINVAL the time. */
int nx_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask);

/* POSIX select: answers how many bits are set; after a failure the sets are as they were; `timeout` never changes. Errors:
 * EBADF; EINVAL `count` or the time; EINTR; ENOMEM. */
int nx_select(int count, fd_set *reads, fd_set *writes, fd_set *others, struct timeval *timeout);

/* POSIX pselect. Errors: as nx_select. */
int nx_pselect(int count, fd_set *reads, fd_set *writes, fd_set *others, const struct timespec *timeout,
               const sigset_t *mask);

/* ---- sys/ioctl.h ---- */

/* POSIX ioctl. The commands of nxvfs/ioctl.h, and of Linux's: FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, TIOCOUTQ (FIONWRITE),
 * BLKSSZGET, BLKGETSIZE64, BLKFLSBUF. What the argument is: as the host knows it, else as the number's size says (_IOR,
 * _IOW), else a value. Structs that begin with their size must say it. Errors: ENOTTY; EINVAL a struct's size; ENXIO not in
 * place; the driver's. */
int nx_ioctl(int fd, unsigned long command, ... /* arg */);

/* ---- sys/mman.h ---- */

/* POSIX mmap: a file of the host's in place on its medium, or through one copy for all; the offset need not be a page's. A
 * descriptor of the operating system's, and MAP_ANONYMOUS, are the operating system's. MAP_FIXED replaces views in one step,
 * once nothing but memory can be wanting; memory of the operating system's is replaced by its own only (EEXIST). MAP_FAILED
 * after a failure. Errors, in this order: EBADF; EINVAL; EACCES; ENODEV; EOVERFLOW; ENXIO; EROFS; EEXIST; ENOMEM. */
void *nx_mmap(void *address, size_t len, int prot, int flags, int fd, off_t offset);

/* POSIX munmap: every page that holds any byte of the range, whosever it is. What was stored into shared views is brought back.
 * Errors: EINVAL; ENOMEM. */
int nx_munmap(void *address, size_t len);

/* Linux mremap, of the operating system's pages. MAP_FAILED after a failure. Errors: EINVAL views of the host's, which are
 * neither moved nor made longer, in the old or the new place; the operating system's. */
void *nx_mremap(void *old, size_t old_len, size_t new_len, int flags, ... /* void *new_address */);

/* POSIX mprotect, of a mix too: refused before a page is changed. Errors: EINVAL; EACCES what the descriptor did not allow;
 * ENOMEM not mapped. */
int nx_mprotect(void *address, size_t len, int prot);

/* POSIX msync: MS_ASYNC, MS_SYNC, MS_INVALIDATE. Errors: EINVAL; ENOMEM not mapped; the file system's. */
int nx_msync(void *address, size_t len, int flags);

/* Linux madvise. Of views: what does not change what they show; MADV_DONTNEED does nothing. Errors: EINVAL; ENOMEM. */
int nx_madvise(void *address, size_t len, int advice);

/* POSIX posix_madvise. Answers an error number: EINVAL, ENOMEM. */
int nx_posix_madvise(void *address, size_t len, int advice);

/* ---- sys/mount.h ---- */

/* Mounts a volume as mount(2), or with MS_REMOUNT changes its options. `source` is a node under the root, or NULL for a
 * file system without a device; `data` is NULL or what stands after `-o`, such as `dev`, without which device nodes of the
 * volume lead nowhere. Of Linux's flags MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_SYNCHRONOUS, MS_REMOUNT, MS_DIRSYNC,
 * MS_NOATIME and MS_RELATIME are known. Errors: EINVAL other flags or options, not such a volume; ENODEV no such file system;
 * ENOTBLK no such device; ENOTDIR; EBUSY the device is in use, or files are open for writing; EROFS. */
int nx_mount(const char *source, const char *target, const char *fs, unsigned long flags, const void *data);

/* Unmounts the volume on `target`: nx_umount2 without flags. Errors: as nx_umount2. */
int nx_umount(const char *target);

/* Unmounts the volume on `target` as umount2(2), with MNT_FORCE, MNT_DETACH, MNT_EXPIRE and UMOUNT_NOFOLLOW. Errors: EBUSY
 * it is in use; EAGAIN MNT_EXPIRE marked it; EINVAL nothing is mounted there, or flags that do not go together. */
int nx_umount2(const char *target, int flags);

/* ---- stdio.h ---- */

/* C fopen: r, w, a, with + and b; x (C11) must not be there yet; e closes on execution. The stream is one of the C library's
 * own over a descriptor of the host's, so that everything that takes a FILE works on it, fclose included. NULL after a failure.
 * Errors: EINVAL the mode; as nx_open. */
FILE *nx_fopen(const char *path, const char *mode);

/* POSIX fdopen: the descriptor is the stream's from here on. NULL after a failure. Errors: EINVAL the mode, or it asks for more
 * than the descriptor may; ENOMEM. */
FILE *nx_fdopen(int fd, const char *mode);

/* C freopen: the stream leads to another file; with path NULL to the same one in another mode. A stream of the operating
 * system's is closed, and the answer is another one; of stdin, stdout and stderr the variable leads to it, and the number to
 * the file. NULL after a failure, which closes the stream, but for those three of the operating system's. Errors: as
 * nx_fopen. */
FILE *nx_freopen(const char *path, const char *mode, FILE *stream);

/* POSIX fileno, of streams of both sides. Errors: EBADF a stream without a descriptor; EFAULT NULL. */
int nx_fileno(FILE *stream);

/* glibc fileno_unlocked: nx_fileno. Errors: as nx_fileno. */
int nx_fileno_unlocked(FILE *stream);

/* C tmpfile: in /tmp, without a name. NULL after a failure. Errors: as nx_mkstemp. */
FILE *nx_tmpfile(void);

/* C tmpnam: a name in /tmp that nothing had a moment ago, in `buf` (L_tmpnam bytes) or in memory that the next call with NULL
 * changes. NULL after a failure. Errors: as nx_mktemp. */
char *nx_tmpnam(char *buf);

/* glibc tmpnam_r: nx_tmpnam, and NULL for NULL. Errors: as nx_tmpnam. */
char *nx_tmpnam_r(char *buf);

/* POSIX tempnam: in $TMPDIR, `dir` or /tmp, the first that is a directory; the name begins with up to five bytes of
 * `prefix`. The caller frees it. NULL after a failure. Errors: ENOENT none is a directory; ENOMEM; as nx_mktemp. */
char *nx_tempnam(const char *dir, const char *prefix);

/* POSIX dprintf, to descriptors of both sides: one write, if the file takes it at once. Errors: as nx_write; EOVERFLOW. */
int nx_dprintf(int fd, const char *format, ...);

/* POSIX vdprintf: nx_dprintf with a list. Errors: as nx_dprintf. */
int nx_vdprintf(int fd, const char *format, va_list list);

/* C11 gets_s: a line of standard input, without its end. NULL at the end, or after a failure. Errors: ERANGE a longer line,
 * which is gone then, and `buf` is empty; EINVAL length 0. gets itself is refused: it cannot know how long its buffer is. */
char *nx_gets_s(char *buf, size_t len);

/* ---- stdlib.h ---- */

/* POSIX mkstemp: makes a file, mode 0600, opens it for reading and writing, and puts its name in `pattern`, whose last six
 * bytes must be XXXXXX and are replaced at random. Errors: EINVAL the pattern; EEXIST; as nx_open. */
int nx_mkstemp(char *pattern);

/* glibc mkstemps: nx_mkstemp with `suffix` bytes after XXXXXX. Errors: as nx_mkstemp. */
int nx_mkstemps(char *pattern, int suffix);

/* POSIX mkostemp: nx_mkstemp with more flags of nx_open. Errors: as nx_mkstemp; EINVAL flags. */
int nx_mkostemp(char *pattern, int flags);

/* glibc mkostemps: both. Errors: as nx_mkostemp. */
int nx_mkostemps(char *pattern, int suffix, int flags);

/* POSIX mkdtemp: makes a directory, mode 0700. NULL after a failure. Errors: EINVAL the pattern; EEXIST; as nx_mkdir. */
char *nx_mkdtemp(char *pattern);

/* SUSv2 mktemp: a name that nothing had a moment ago; the empty string after a failure. Errors: EINVAL the pattern; EEXIST. */
char *nx_mktemp(char *pattern);

/* ---- aio.h ---- */

/* POSIX aio_read. Several go on at a time; the position of the descriptor does not move; what has no position ignores the
 * offset and is read in the order of the calls. SIGEV_NONE, SIGEV_SIGNAL (code SI_ASYNCIO; signal 0 is none), SIGEV_THREAD
 * (its attributes are ignored; at most 8 functions run at a time). How a request stands lies in the block, in fields of the
 * C library's that POSIX does not name: so it must stay where it is until its result is taken. Closing the last descriptor
 * ends a transfer that waits with ECANCELED, and else changes nothing. A descriptor of the operating system's goes to the C
 * library. Errors: EBADF also not open for that, before all others; EAGAIN too many (4096) are under way; EINVAL the offset,
 * the length, the priority (0 to 20, and without effect), the notice, or the block's last request is not over. */
int nx_aio_read(struct aiocb *block);

/* POSIX aio_write: likewise; with O_APPEND at the end, in the order of the calls. Errors: as nx_aio_read. */
int nx_aio_write(struct aiocb *block);

/* POSIX aio_fsync, O_SYNC or O_DSYNC: after everything of the file that was asked for before. Errors: as nx_aio_write; EINVAL
 * another `op`. */
int nx_aio_fsync(int op, struct aiocb *block);

/* POSIX aio_error: 0, or the error number: EINPROGRESS, ECANCELED, EINVAL nothing was asked for. May be called by a handler of
 * signals. */
int nx_aio_error(const struct aiocb *block);

/* POSIX aio_return: the result, once; -1 also sets errno. May be called by a handler of signals. Errors: EINVAL it is not
 * over, or was asked for before. */
ssize_t nx_aio_return(struct aiocb *block);

/* POSIX aio_suspend: until one of them is over. May be called by a handler of signals. Errors: EAGAIN the time is over;
 * EINTR; EINVAL blocks of both sides. */
int nx_aio_suspend(const struct aiocb *const list[], int count, const struct timespec *timeout);

/* POSIX aio_cancel: AIO_CANCELED, AIO_NOTCANCELED, AIO_ALLDONE. What waits, also for news, is cancelled. Errors: EINVAL the
 * block has another descriptor. */
int nx_aio_cancel(int fd, struct aiocb *block);

/* POSIX lio_listio: LIO_WAIT, LIO_NOWAIT; LIO_READ, LIO_WRITE, LIO_NOP. Errors: EIO one failed, whose nx_aio_error tells;
 * EAGAIN; EINVAL the mode, an opcode, more than 4096, blocks of both sides; EINTR of LIO_WAIT: the requests go on. */
int nx_lio_listio(int mode, struct aiocb *const list[], int count, struct sigevent *event);

/* ---- spawn.h, unistd.h, sys/wait.h: programs ---- */

/* POSIX posix_spawn of a program of the host's tree: ELF, or a script whose interpreter is in the tree. Its standard streams
 * may be files of the host (through pipes: without a position, and read ahead), also by file actions; other numbers are the
 * operating system's alone: they are inherited, closed, copied, and kept by nx_posix_spawn_file_actions_adddup2 of a number
 * to itself. Attributes: POSIX_SPAWN_SETPGROUP and POSIX_SPAWN_SETSIGMASK. The program's user, working directory and names
 * are the operating system's. envp NULL is this process's. Answers an error number: EACCES it may not be executed; ENOEXEC;
 * ENOENT also the interpreter; ELOOP; EBADF, and the errors of nx_open, of file actions; ENOTSUP other attributes, a file of
 * the host's by another number than 0, 1 and 2; E2BIG; ENOMEM; EAGAIN. */
int nx_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                   const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]);

/* POSIX posix_spawnp: nx_posix_spawn, a name without a slash by $PATH in the host's tree. Answers an error number: as
 * nx_posix_spawn. */
int nx_posix_spawnp(pid_t *pid, const char *name, const posix_spawn_file_actions_t *actions,
                    const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]);

/* POSIX posix_spawn_file_actions_init. Answers an error number. */
int nx_posix_spawn_file_actions_init(posix_spawn_file_actions_t *actions);

/* POSIX posix_spawn_file_actions_destroy. Answers an error number: EINVAL it was not initialised. */
int nx_posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *actions);

/* POSIX posix_spawn_file_actions_addopen: the path is the host's. Answers an error number: EBADF, EINVAL. */
int nx_posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *actions, int fd, const char *path, int flags,
                                        mode_t mode);

/* POSIX posix_spawn_file_actions_addclose. A standard stream that is closed is empty. Answers an error number: EBADF,
 * EINVAL. */
int nx_posix_spawn_file_actions_addclose(posix_spawn_file_actions_t *actions, int fd);

/* POSIX posix_spawn_file_actions_adddup2. Answers an error number: EBADF, EINVAL. */
int nx_posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int fd, int to);

/* glibc's further actions: a working directory is not the host's to give, nor are other numbers or a terminal. Answer
 * ENOTSUP. */
int nx_posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);

/* glibc, likewise: ENOTSUP. */
int nx_posix_spawn_file_actions_addfchdir_np(posix_spawn_file_actions_t *actions, int fd);

/* glibc, likewise: ENOTSUP. */
int nx_posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);

/* glibc, likewise: ENOTSUP. */
int nx_posix_spawn_file_actions_addtcsetpgrp_np(posix_spawn_file_actions_t *actions, int fd);

/* POSIX execve. If standard streams are files of the host this process stays to serve them, and ends as the program does:
 * the program is its child then, with another number. Nothing of this process ends before: other threads go on, descriptors
 * stay open, and signals that are sent to it do not reach the program (docs/c-library.md). In a child made by vfork it works
 * without those (ENOTSUP); in one made by fork it is ESRCH. Errors: as nx_posix_spawn. */
int nx_execve(const char *path, char *const argv[], char *const envp[]);

/* POSIX fexecve: by the path that the file has now. Errors: as nx_execve; EBADF. */
int nx_fexecve(int fd, char *const argv[], char *const envp[]);

/* POSIX execv: nx_execve with this process's environment. Errors: as nx_execve. */
int nx_execv(const char *path, char *const argv[]);

/* POSIX execvp: nx_execv, a name without a slash by $PATH in the host's tree. Errors: as
 * nx_execve. */
int nx_execvp(const char *name, char *const argv[]);

/* glibc execvpe: nx_execve, a name without a slash by $PATH in the host's tree. Errors: as
 * nx_execve. */
int nx_execvpe(const char *name, char *const argv[], char *const envp[]);

/* POSIX execlp: nx_execvp with arguments up to NULL. Errors: as nx_execve. */
int nx_execlp(const char *name, const char *arg, ...);

/* POSIX execl: nx_execv with arguments up to NULL. Errors: as nx_execve. */
int nx_execl(const char *path, const char *arg, ...);

/* POSIX execle: nx_execve with arguments up to NULL, and the environment. Errors: as nx_execve. */
int nx_execle(const char *path, const char *arg, ...);

/* POSIX waitpid: also what a program wrote is in its files then. Errors: the operating system's. */
pid_t nx_waitpid(pid_t pid, int *status, int options);

/* POSIX wait: nx_waitpid of any child. Errors: as nx_waitpid. */
pid_t nx_wait(int *status);

/* POSIX waitid: likewise, also with WNOWAIT. Errors: the operating system's. */
int nx_waitid(int kind, unsigned int id, siginfo_t *info, int options);

/* BSD wait3: nx_wait4 of any child. Errors: as nx_wait4. */
pid_t nx_wait3(int *status, int options, struct rusage *usage);

/* BSD wait4: nx_waitpid, and what the child used. Errors: the operating system's. */
pid_t nx_wait4(pid_t pid, int *status, int options, struct rusage *usage);

/* ---- ftw.h, glob.h ---- */

/* POSIX nftw: FTW_PHYS, FTW_MOUNT, FTW_DEPTH. It keeps no descriptor open, however many `most` allows. Answers what the
 * function answered, if not 0. Errors: EINVAL other flags; ENOENT; EACCES. */
int nx_nftw(const char *path, int (*visit)(const char *path, const struct stat *stat, int kind, struct FTW *place), int most,
            int flags);

/* SUSv2 ftw: links are followed. Errors: as nx_nftw. */
int nx_ftw(const char *path, int (*visit)(const char *path, const struct stat *stat, int kind), int most);

/* POSIX glob: the C library's, on the host's directories; globfree frees. Answers 0, GLOB_NOMATCH, GLOB_ABORTED,
 * GLOB_NOSPACE. */
int nx_glob(const char *pattern, int flags, int (*on_error)(const char *path, int error), glob_t *out);

/* ---- event loops ---- */

/* Answers a descriptor of the operating system's that becomes readable when something that is waited for becomes true of the
 * host's descriptors in `fds`, and stays so until nx_ready_look finds nothing. For epoll and its kin; nobody reads from it;
 * nx_ready_end ends it, as does whatever else closes the number through this library. Errors: EBADF a descriptor of the
 * operating system's; EINVAL too many; EMFILE. */
int nx_ready(const struct pollfd *fds, nfds_t count);

/* What is true now of how many descriptors of the set; the first `count` of them are put in `fds`. Never waits. Errors:
 * EBADF it is no set. */
int nx_ready_look(int ready, struct pollfd *fds, nfds_t count);

/* Ends a set and closes its descriptor. Errors: EBADF it is none. */
int nx_ready_end(int ready);

/* Makes a node of a descriptor of the operating system's (a socket, a pipe, a terminal), which is duplicated: it is read,
 * written and waited for as any node. Errors: EINVAL the path, or a descriptor of the host's; EEXIST; EPERM inside a volume. */
int nx_register_descriptor(const char *path, int fd, mode_t mode);

/* ---- nodes of the program's own ---- */

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

/* Memory that views of a node show: a memory object of the operating system (memfd_create), duplicated by the library. */
typedef struct nx_memory {
  int fd;
  /* Whether stores may reach it. */
  int writable;
  /* Where in the object it begins: a multiple of the page. */
  off_t offset;
  /* Bytes: more than 0. */
  size_t len;
} nx_memory;

/* A character driver of the program's own. Its functions are called from any thread, may overlap, and may use any function of
 * this file. They never wait for an event: they answer -EAGAIN, and the library waits, where the user did not ask for
 * O_NONBLOCK, until nx_notify tells of news. Answers are 0 or more, or a negated errno. A function that is NULL has the
 * default that stands there. `arg` is that of nx_register_driver, `file` what open put there. */
typedef struct nx_driver {
  /* sizeof(nx_driver). */
  size_t size;
  /* An opening with flags of nx_open. NULL: `file` is NULL. */
  int (*open)(void *arg, int flags, void **file);
  /* The last descriptor of an opening is gone. NULL: nothing to do. */
  void (*close)(void *arg, void *file);
  /* Reads up to `len` bytes; 0 is the end. `offset` is the position, if there is one (see length). NULL: EINVAL. */
  ssize_t (*read)(void *arg, void *file, void *buf, size_t len, off_t offset);
  /* Writes up to `len` bytes. NULL: EINVAL. */
  ssize_t (*write)(void *arg, void *file, const void *buf, size_t len, off_t offset);
  /* How long it is. NULL: a stream, which has no positions: lseek and pread are ESPIPE. */
  off_t (*length)(void *arg, void *file);
  /* A command; `argument` is a value, or the address of as much memory as nx_ioctl says. NULL: ENOTTY. */
  int (*ioctl)(void *arg, void *file, unsigned int command, uintptr_t argument);
  /* The events (POLLIN …) that are true now. NULL: always ready, and -EAGAIN goes to the user. */
  int (*poll)(void *arg, void *file);
  /* The memory to map. NULL, or a failure: ENODEV. */
  int (*mmap)(void *arg, void *file, nx_memory *memory);
} nx_driver;

/* Makes a character device at `path`, with missing directories. The struct is copied; its functions may be called until
 * nx_unregister and, for what is open then, until that is closed. If `node` is not NULL it gets the number for nx_notify.
 * NuttX register_driver. Errors: EINVAL the path, or the struct's size; EEXIST; EPERM inside a volume. */
int nx_register_driver(const char *path, const nx_driver *driver, mode_t mode, void *arg, uint64_t *node);

/* Tells who sleeps on a node, in nx_read, nx_poll or elsewhere, that there may be news: they look again. From any thread, also
 * under a lock of the program's own: no function of a driver is called by it. Errors: EBADF the node is gone. */
int nx_notify(uint64_t node, int events);

/* Takes away what a nx_register_... function made; what is open goes on until it is closed. Errors: ENOENT, ENODEV it is
 * something else. */
int nx_unregister(const char *path);

#ifdef __cplusplus
}
#endif

#endif
