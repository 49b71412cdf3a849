/* spawn.h, the exec family of unistd.h, and of sys/wait.h what waits for a program. Attributes are the C library's own. See
 * nxvfs/posix.h. */
#pragma GCC system_header

#pragma redefine_extname posix_spawn nx_posix_spawn
#pragma redefine_extname posix_spawnp nx_posix_spawnp
#pragma redefine_extname posix_spawn_file_actions_init nx_posix_spawn_file_actions_init
#pragma redefine_extname posix_spawn_file_actions_destroy nx_posix_spawn_file_actions_destroy
#pragma redefine_extname posix_spawn_file_actions_addopen nx_posix_spawn_file_actions_addopen
#pragma redefine_extname posix_spawn_file_actions_addclose nx_posix_spawn_file_actions_addclose
#pragma redefine_extname posix_spawn_file_actions_adddup2 nx_posix_spawn_file_actions_adddup2
#pragma redefine_extname execl nx_execl
#pragma redefine_extname execle nx_execle
#pragma redefine_extname execv nx_execv
#pragma redefine_extname execve nx_execve
#pragma redefine_extname execvp nx_execvp
#pragma redefine_extname wait nx_wait
#pragma redefine_extname waitpid nx_waitpid
