/* stdio.h: names of files. See nxvfs/posix.h. */
#pragma GCC system_header

#pragma redefine_extname rename nx_rename
#pragma redefine_extname renameat nx_renameat
#pragma redefine_extname renameat2 nx_renameat2
#pragma redefine_extname remove nx_remove
