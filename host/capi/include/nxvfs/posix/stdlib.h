/* stdlib.h: files with names that nobody can foretell. See nxvfs/posix.h. */
#pragma GCC system_header

#ifdef __cplusplus
#pragma redefine_extname mkstemp nx_mkstemp
#pragma redefine_extname mkstemps nx_mkstemps
#pragma redefine_extname mkostemp nx_mkostemp
#pragma redefine_extname mkostemps nx_mkostemps
#else
extern int mkstemp(char *) __asm__("nx_mkstemp");
extern int mkstemps(char *, int) __asm__("nx_mkstemps");
extern int mkostemp(char *, int) __asm__("nx_mkostemp");
extern int mkostemps(char *, int, int) __asm__("nx_mkostemps");
#endif
#pragma redefine_extname mkstemp64 nx_mkstemp
#pragma redefine_extname mkstemps64 nx_mkstemps
#pragma redefine_extname mkostemp64 nx_mkostemp
#pragma redefine_extname mkostemps64 nx_mkostemps
#pragma redefine_extname mkdtemp nx_mkdtemp
#pragma redefine_extname mktemp nx_mktemp
