/* poll.h and sys/select.h. See nxvfs/posix.h. */
#pragma GCC system_header

#pragma redefine_extname poll nx_poll
#pragma redefine_extname ppoll nx_ppoll
#pragma redefine_extname select nx_select
#pragma redefine_extname pselect nx_pselect
