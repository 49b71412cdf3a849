/* sys/stat.h, utime.h, and the times of sys/time.h. See nxvfs/posix.h. */
#pragma GCC system_header

#ifdef __cplusplus
#pragma redefine_extname stat nx_stat
#pragma redefine_extname lstat nx_lstat
#pragma redefine_extname fstat nx_fstat
#pragma redefine_extname fstatat nx_fstatat
#else
struct stat;
extern int stat(const char *, struct stat *) __asm__("nx_stat");
extern int lstat(const char *, struct stat *) __asm__("nx_lstat");
extern int fstat(int, struct stat *) __asm__("nx_fstat");
extern int fstatat(int, const char *, struct stat *, int) __asm__("nx_fstatat");
#endif
#pragma redefine_extname stat64 nx_stat
#pragma redefine_extname lstat64 nx_lstat
#pragma redefine_extname fstat64 nx_fstat
#pragma redefine_extname fstatat64 nx_fstatat
#pragma redefine_extname statx nx_statx
#pragma redefine_extname mkdir nx_mkdir
#pragma redefine_extname mkdirat nx_mkdirat
#pragma redefine_extname mkfifo nx_mkfifo
#pragma redefine_extname mkfifoat nx_mkfifoat
#pragma redefine_extname mknod nx_mknod
#pragma redefine_extname mknodat nx_mknodat
#pragma redefine_extname chmod nx_chmod
#pragma redefine_extname fchmod nx_fchmod
#pragma redefine_extname fchmodat nx_fchmodat
#pragma redefine_extname umask nx_umask
#pragma redefine_extname utimensat nx_utimensat
#pragma redefine_extname futimens nx_futimens
#pragma redefine_extname utimens nx_utimens
#pragma redefine_extname utimes nx_utimes
#pragma redefine_extname lutimes nx_lutimes
#pragma redefine_extname futimes nx_futimes
#pragma redefine_extname utime nx_utime

/* NuttX's, which the C library does not declare. */
#ifdef __cplusplus
extern "C" {
#endif
struct timespec;
extern int utimens(const char *, const struct timespec *);
#ifdef __cplusplus
}
#endif
