/* sys/ioctl.h. See nxvfs/posix.h. */
#pragma GCC system_header

#pragma redefine_extname ioctl nx_ioctl
