/* stdio.h: names of files, and streams over descriptors. See nxvfs/posix.h. */
#pragma GCC system_header

#ifdef __cplusplus
#pragma redefine_extname fopen nx_fopen
#pragma redefine_extname freopen nx_freopen
#pragma redefine_extname tmpfile nx_tmpfile
#pragma redefine_extname gets_s nx_gets_s
extern "C" char *gets_s(char *, unsigned long);
#else
struct _IO_FILE;
extern struct _IO_FILE *fopen(const char *, const char *) __asm__("nx_fopen");
extern struct _IO_FILE *freopen(const char *, const char *, struct _IO_FILE *) __asm__("nx_freopen");
extern struct _IO_FILE *tmpfile(void) __asm__("nx_tmpfile");
extern char *gets_s(char *, unsigned long) __asm__("nx_gets_s");
#endif
/* Refused where they are called. */
#ifdef __cplusplus
extern "C" {
#endif
struct _IO_FILE;
extern char *gets(char *) __attribute__((error("gets cannot know how long its buffer is: use fgets or gets_s")));
extern struct _IO_FILE *popen(const char *, const char *)
    __attribute__((error("popen runs a shell of the operating system, which does not know the host's files: use posix_spawn with a pipe")));
extern int system(const char *)
    __attribute__((error("system runs a shell of the operating system, which does not know the host's files: use posix_spawn")));
#ifdef __cplusplus
}
#endif
#pragma redefine_extname fopen64 nx_fopen
#pragma redefine_extname freopen64 nx_freopen
#pragma redefine_extname tmpfile64 nx_tmpfile
#pragma redefine_extname fdopen nx_fdopen
#pragma redefine_extname fileno nx_fileno
#pragma redefine_extname fileno_unlocked nx_fileno_unlocked
#pragma redefine_extname dprintf nx_dprintf
#pragma redefine_extname vdprintf nx_vdprintf
#pragma redefine_extname tmpnam nx_tmpnam
#pragma redefine_extname tmpnam_r nx_tmpnam_r
#pragma redefine_extname tempnam nx_tempnam
#pragma redefine_extname rename nx_rename
#pragma redefine_extname renameat nx_renameat
#pragma redefine_extname renameat2 nx_renameat2
#pragma redefine_extname remove nx_remove
