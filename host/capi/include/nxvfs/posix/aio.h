/* aio.h. See nxvfs/posix.h. */
#pragma GCC system_header

#ifdef __cplusplus
#pragma redefine_extname aio_read nx_aio_read
#pragma redefine_extname aio_write nx_aio_write
#pragma redefine_extname aio_fsync nx_aio_fsync
#pragma redefine_extname aio_error nx_aio_error
#pragma redefine_extname aio_return nx_aio_return
#pragma redefine_extname aio_suspend nx_aio_suspend
#pragma redefine_extname aio_cancel nx_aio_cancel
#pragma redefine_extname lio_listio nx_lio_listio
#else
struct aiocb;
struct sigevent;
struct timespec;
extern int aio_read(struct aiocb *) __asm__("nx_aio_read");
extern int aio_write(struct aiocb *) __asm__("nx_aio_write");
extern int aio_fsync(int, struct aiocb *) __asm__("nx_aio_fsync");
extern int aio_error(const struct aiocb *) __asm__("nx_aio_error");
extern long aio_return(struct aiocb *) __asm__("nx_aio_return");
extern int aio_suspend(const struct aiocb *const *, int, const struct timespec *) __asm__("nx_aio_suspend");
extern int aio_cancel(int, struct aiocb *) __asm__("nx_aio_cancel");
extern int lio_listio(int, struct aiocb *const *, int, struct sigevent *) __asm__("nx_lio_listio");
#endif
#pragma redefine_extname aio_read64 nx_aio_read
#pragma redefine_extname aio_write64 nx_aio_write
#pragma redefine_extname aio_fsync64 nx_aio_fsync
#pragma redefine_extname aio_error64 nx_aio_error
#pragma redefine_extname aio_return64 nx_aio_return
#pragma redefine_extname aio_suspend64 nx_aio_suspend
#pragma redefine_extname aio_cancel64 nx_aio_cancel
#pragma redefine_extname lio_listio64 nx_lio_listio
