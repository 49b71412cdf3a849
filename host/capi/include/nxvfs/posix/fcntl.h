/* fcntl.h, and flock of sys/file.h. See nxvfs/posix.h. */
#pragma GCC system_header

#ifdef __cplusplus
#pragma redefine_extname open nx_open
#pragma redefine_extname openat nx_openat
#pragma redefine_extname creat nx_creat
#pragma redefine_extname fcntl nx_fcntl
#pragma redefine_extname lockf nx_lockf
#pragma redefine_extname posix_fallocate nx_posix_fallocate
#pragma redefine_extname posix_fadvise nx_posix_fadvise
#pragma redefine_extname fallocate nx_fallocate
#else
extern int open(const char *, int, ...) __asm__("nx_open");
extern int openat(int, const char *, int, ...) __asm__("nx_openat");
extern int creat(const char *, unsigned int) __asm__("nx_creat");
extern int fcntl(int, int, ...) __asm__("nx_fcntl");
extern int lockf(int, int, long) __asm__("nx_lockf");
extern int posix_fallocate(int, long, long) __asm__("nx_posix_fallocate");
extern int posix_fadvise(int, long, long, int) __asm__("nx_posix_fadvise");
extern int fallocate(int, int, long, long) __asm__("nx_fallocate");
#endif
#pragma redefine_extname open64 nx_open
#pragma redefine_extname openat64 nx_openat
#pragma redefine_extname creat64 nx_creat
#pragma redefine_extname fcntl64 nx_fcntl
#pragma redefine_extname lockf64 nx_lockf
#pragma redefine_extname posix_fallocate64 nx_posix_fallocate
#pragma redefine_extname posix_fadvise64 nx_posix_fadvise
#pragma redefine_extname fallocate64 nx_fallocate
#pragma redefine_extname flock nx_flock

/* NuttX's command, which Linux does not have: the path of an open file, as char[PATH_MAX]. */
#ifndef F_GETPATH
#define F_GETPATH 0x4e50
#endif
