/* termios.h, and ttyname of unistd.h. What else there is for terminals is the operating system's. See nxvfs/posix.h. */
#pragma GCC system_header

#pragma redefine_extname tcgetattr nx_tcgetattr
#pragma redefine_extname tcsetattr nx_tcsetattr
#pragma redefine_extname ttyname nx_ttyname
#pragma redefine_extname ttyname_r nx_ttyname_r
