/* dirent.h. alphasort and versionsort are the C library's own. See nxvfs/posix.h. */
#pragma GCC system_header

#ifdef __cplusplus
#pragma redefine_extname readdir nx_readdir
#pragma redefine_extname readdir_r nx_readdir_r
#pragma redefine_extname scandir nx_scandir
#else
struct dirent;
struct __dirstream;
extern struct dirent *readdir(struct __dirstream *) __asm__("nx_readdir");
extern int readdir_r(struct __dirstream *, struct dirent *, struct dirent **) __asm__("nx_readdir_r");
extern int scandir(const char *, struct dirent ***, int (*)(const struct dirent *),
           int (*)(const struct dirent **, const struct dirent **)) __asm__("nx_scandir");
#endif
#pragma redefine_extname readdir64 nx_readdir
#pragma redefine_extname readdir64_r nx_readdir_r
#pragma redefine_extname scandir64 nx_scandir
#pragma redefine_extname opendir nx_opendir
#pragma redefine_extname fdopendir nx_fdopendir
#pragma redefine_extname closedir nx_closedir
#pragma redefine_extname rewinddir nx_rewinddir
#pragma redefine_extname seekdir nx_seekdir
#pragma redefine_extname telldir nx_telldir
#pragma redefine_extname dirfd nx_dirfd
