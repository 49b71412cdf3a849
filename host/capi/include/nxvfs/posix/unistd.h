/* unistd.h, sys/sendfile.h. See nxvfs/posix.h. */
#pragma GCC system_header

#ifdef __cplusplus
#pragma redefine_extname lseek nx_lseek
#pragma redefine_extname sendfile nx_sendfile
#pragma redefine_extname pread nx_pread
#pragma redefine_extname pwrite nx_pwrite
#pragma redefine_extname truncate nx_truncate
#pragma redefine_extname ftruncate nx_ftruncate
#else
extern long lseek(int, long, int) __asm__("nx_lseek");
extern long sendfile(int, int, long *, unsigned long) __asm__("nx_sendfile");
extern long pread(int, void *, unsigned long, long) __asm__("nx_pread");
extern long pwrite(int, const void *, unsigned long, long) __asm__("nx_pwrite");
extern int truncate(const char *, long) __asm__("nx_truncate");
extern int ftruncate(int, long) __asm__("nx_ftruncate");
#endif
#pragma redefine_extname lseek64 nx_lseek
#pragma redefine_extname pread64 nx_pread
#pragma redefine_extname pwrite64 nx_pwrite
#pragma redefine_extname truncate64 nx_truncate
#pragma redefine_extname ftruncate64 nx_ftruncate
#pragma redefine_extname sendfile64 nx_sendfile
#pragma redefine_extname copy_file_range nx_copy_file_range
#pragma redefine_extname pathconf nx_pathconf
#pragma redefine_extname fpathconf nx_fpathconf
#pragma redefine_extname close nx_close
#pragma redefine_extname close_range nx_close_range
#pragma redefine_extname closefrom nx_closefrom
#pragma redefine_extname dup nx_dup
#pragma redefine_extname dup2 nx_dup2
#pragma redefine_extname dup3 nx_dup3
#pragma redefine_extname pipe nx_pipe
#pragma redefine_extname pipe2 nx_pipe2
#pragma redefine_extname isatty nx_isatty
#pragma redefine_extname read nx_read
#pragma redefine_extname write nx_write
#pragma redefine_extname fsync nx_fsync
#pragma redefine_extname fdatasync nx_fdatasync
#pragma redefine_extname syncfs nx_syncfs
#pragma redefine_extname sync nx_sync
#pragma redefine_extname unlink nx_unlink
#pragma redefine_extname unlinkat nx_unlinkat
#pragma redefine_extname rmdir nx_rmdir
#pragma redefine_extname link nx_link
#pragma redefine_extname linkat nx_linkat
#pragma redefine_extname symlink nx_symlink
#pragma redefine_extname symlinkat nx_symlinkat
#pragma redefine_extname readlink nx_readlink
#pragma redefine_extname readlinkat nx_readlinkat
#pragma redefine_extname chdir nx_chdir
#pragma redefine_extname fchdir nx_fchdir
#pragma redefine_extname getcwd nx_getcwd
#pragma redefine_extname access nx_access
#pragma redefine_extname faccessat nx_faccessat
#pragma redefine_extname chown nx_chown
#pragma redefine_extname lchown nx_lchown
#pragma redefine_extname fchown nx_fchown
#pragma redefine_extname fchownat nx_fchownat
#pragma redefine_extname realpath nx_realpath
