/* sys/uio.h. See nxvfs/posix.h. */
#pragma GCC system_header

#ifdef __cplusplus
#pragma redefine_extname preadv nx_preadv
#pragma redefine_extname pwritev nx_pwritev
#pragma redefine_extname preadv2 nx_preadv2
#pragma redefine_extname pwritev2 nx_pwritev2
#else
struct iovec;
extern long preadv(int, const struct iovec *, int, long) __asm__("nx_preadv");
extern long pwritev(int, const struct iovec *, int, long) __asm__("nx_pwritev");
extern long preadv2(int, const struct iovec *, int, long, int) __asm__("nx_preadv2");
extern long pwritev2(int, const struct iovec *, int, long, int) __asm__("nx_pwritev2");
#endif
#pragma redefine_extname preadv64 nx_preadv
#pragma redefine_extname pwritev64 nx_pwritev
#pragma redefine_extname preadv64v2 nx_preadv2
#pragma redefine_extname pwritev64v2 nx_pwritev2
#pragma redefine_extname readv nx_readv
#pragma redefine_extname writev nx_writev
