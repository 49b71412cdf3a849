/* sys/uio.h. See nxvfs/posix.h. */
#pragma GCC system_header

#ifdef __cplusplus
#pragma redefine_extname preadv nx_preadv
#pragma redefine_extname pwritev nx_pwritev
#else
struct iovec;
extern long preadv(int, const struct iovec *, int, long) __asm__("nx_preadv");
extern long pwritev(int, const struct iovec *, int, long) __asm__("nx_pwritev");
#endif
#pragma redefine_extname preadv64 nx_preadv
#pragma redefine_extname pwritev64 nx_pwritev
#pragma redefine_extname readv nx_readv
#pragma redefine_extname writev nx_writev
