/* ftw.h and glob.h. See nxvfs/posix.h. */
#pragma GCC system_header

#ifdef __cplusplus
#pragma redefine_extname ftw nx_ftw
#pragma redefine_extname nftw nx_nftw
#pragma redefine_extname glob nx_glob
#else
struct stat;
struct FTW;
extern int ftw(const char *, int (*)(const char *, const struct stat *, int), int) __asm__("nx_ftw");
extern int nftw(const char *, int (*)(const char *, const struct stat *, int, struct FTW *), int, int) __asm__("nx_nftw");
/* Its struct has no tag to declare it with. */
#if __STDC_VERSION__ > 201710L && __GNUC__ > 12
#pragma redefine_extname glob nx_glob
#else
extern int glob() __asm__("nx_glob");
#endif
#endif
#pragma redefine_extname ftw64 nx_ftw
#pragma redefine_extname nftw64 nx_nftw
#pragma redefine_extname glob64 nx_glob

/* Refused where the program is linked: they read directories of the operating system's. nftw and glob are there. */
#pragma redefine_extname fts_open fts_is_refused__use_nftw
#pragma redefine_extname fts64_open fts_is_refused__use_nftw
#pragma redefine_extname wordexp wordexp_is_refused__use_glob
