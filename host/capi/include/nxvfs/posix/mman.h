/* sys/mman.h. The mlock family is the C library's own: views are memory as any other. See nxvfs/posix.h. */
#pragma GCC system_header

#ifdef __cplusplus
#pragma redefine_extname mmap nx_mmap
#else
extern void *mmap(void *, unsigned long, int, int, int, long) __asm__("nx_mmap");
#endif
#pragma redefine_extname mmap64 nx_mmap
#pragma redefine_extname munmap nx_munmap
#pragma redefine_extname mremap nx_mremap
#pragma redefine_extname mprotect nx_mprotect
#pragma redefine_extname msync nx_msync
#pragma redefine_extname madvise nx_madvise
#pragma redefine_extname posix_madvise nx_posix_madvise
