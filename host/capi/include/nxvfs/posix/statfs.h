/* sys/statfs.h and sys/statvfs.h. See nxvfs/posix.h. */
#pragma GCC system_header

#ifdef __cplusplus
#pragma redefine_extname statfs nx_statfs
#pragma redefine_extname fstatfs nx_fstatfs
#pragma redefine_extname statvfs nx_statvfs
#pragma redefine_extname fstatvfs nx_fstatvfs
#else
struct statfs;
struct statvfs;
extern int statfs(const char *, struct statfs *) __asm__("nx_statfs");
extern int fstatfs(int, struct statfs *) __asm__("nx_fstatfs");
extern int statvfs(const char *, struct statvfs *) __asm__("nx_statvfs");
extern int fstatvfs(int, struct statvfs *) __asm__("nx_fstatvfs");
#endif
#pragma redefine_extname statfs64 nx_statfs
#pragma redefine_extname fstatfs64 nx_fstatfs
#pragma redefine_extname statvfs64 nx_statvfs
#pragma redefine_extname fstatvfs64 nx_fstatvfs
