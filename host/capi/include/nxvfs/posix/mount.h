/* sys/mount.h. See nxvfs/posix.h. */
#pragma GCC system_header

#pragma redefine_extname mount nx_mount
#pragma redefine_extname umount nx_umount
#pragma redefine_extname umount2 nx_umount2
