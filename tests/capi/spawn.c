/* spawn.h, the exec family, and sys/wait.h: programs of the host's tree. The program is tests/programs/tool.c, in /tmp. */
#define _GNU_SOURCE
#include "claim.h"
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOOL "/tmp/bin/tool"

/* Copies a file of the operating system's, inherited as a descriptor, into the tree. */
static void bring(int from, const char *path)
{
  static char buf[65536];
  ssize_t len;
  int to = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0755);
  CLAIM(to >= 0);
  while ((len = read(from, buf, sizeof buf)) > 0) CLAIM(write(to, buf, len) == len);
  CLAIM(len == 0 && close(to) == 0);
}

static int ended(pid_t pid)
{
  int status;
  CLAIM(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
  return WEXITSTATUS(status);
}

static char *const no_environment[] = {"X=y", NULL};

static void spawning(void)
{
  pid_t pid;
  int status;
  posix_spawn_file_actions_t actions;
  CLAIM(posix_spawn_file_actions_init(&actions) == 0);
  CLAIM(posix_spawn_file_actions_addopen(&actions, 1, "/tmp/out", O_CREAT | O_WRONLY | O_TRUNC, 0600) == 0);
  CLAIM(posix_spawn_file_actions_adddup2(&actions, 1, 2) == 0);
  char *args[] = {"name", "args", "a b", "", NULL}, *both[] = {"tool", "both", NULL}, *env[] = {"tool", "env", "X", NULL};
  CLAIM(posix_spawn(&pid, TOOL, &actions, NULL, args, NULL) == 0 && ended(pid) == 0);
  CLAIM(strcmp(all("/tmp/out"), "[name][args][a b][]\n") == 0);
  CLAIM(posix_spawn(&pid, TOOL, &actions, NULL, both, no_environment) == 0 && ended(pid) == 0);
  CLAIM(strcmp(all("/tmp/out"), "out\nerr\nout\nerr\nout\nerr\n") == 0);
  CLAIM(posix_spawn(&pid, TOOL, &actions, NULL, env, no_environment) == 0 && ended(pid) == 0 && strcmp(all("/tmp/out"), "y\n") == 0);
  setenv("X", "inherited", 1);
  CLAIM(posix_spawn(NULL, TOOL, &actions, NULL, env, NULL) == 0 && wait(&status) > 0 && status == 0 && strcmp(all("/tmp/out"), "inherited\n") == 0);
  /* By $PATH of the tree. */
  setenv("PATH", "/none:/tmp/bin", 1);
  CLAIM(posix_spawnp(&pid, "tool", &actions, NULL, (char *[]){"tool", NULL}, NULL) == 0 && ended(pid) == 0 && strcmp(all("/tmp/out"), "hello\n") == 0);
  CLAIM(posix_spawnp(&pid, "none", &actions, NULL, args, NULL) == ENOENT);
  CLAIM(posix_spawnp(&pid, "plain", &actions, NULL, args, NULL) == EACCES);

  /* A script, and its interpreter of the tree. */
  CLAIM(posix_spawn(&pid, "/tmp/bin/script", &actions, NULL, (char *[]){"script", "x", NULL}, NULL) == 0 && ended(pid) == 0);
  CLAIM(strcmp(all("/tmp/out"), "#!" TOOL " show\nline\n[x]") == 0);

  /* Pipes of the host, both ways; the ends that are closed there are not open in the program. */
  int in[2], out[2];
  CLAIM(pipe(in) == 0 && pipe(out) == 0 && posix_spawn_file_actions_destroy(&actions) == 0);
  CLAIM(posix_spawn_file_actions_init(&actions) == 0 && posix_spawn_file_actions_adddup2(&actions, in[0], 0) == 0 &&
        posix_spawn_file_actions_adddup2(&actions, out[1], 1) == 0 && posix_spawn_file_actions_addclose(&actions, in[1]) == 0 &&
        posix_spawn_file_actions_addclose(&actions, out[0]) == 0);
  CLAIM(posix_spawn(&pid, TOOL, &actions, NULL, (char *[]){"tool", "cat", NULL}, NULL) == 0);
  CLAIM(close(in[0]) == 0 && close(out[1]) == 0 && write(in[1], "through", 7) == 7);
  char buf[16];
  CLAIM(read(out[0], buf, sizeof buf) == 7 && memcmp(buf, "through", 7) == 0 && waitpid(pid, &status, WNOHANG) == 0);
  CLAIM(close(in[1]) == 0 && read(out[0], buf, sizeof buf) == 0 && ended(pid) == 0 && close(out[0]) == 0);
  posix_spawn_file_actions_destroy(&actions);

  /* Who reads himself what a program writes, and asks for its end between, never waits for himself. */
  static char much[8192];
  ssize_t got, sum = 0;
  CLAIM(pipe(out) == 0 && posix_spawn_file_actions_init(&actions) == 0 && posix_spawn_file_actions_adddup2(&actions, out[1], 1) == 0);
  CLAIM(posix_spawn(&pid, TOOL, &actions, NULL, (char *[]){"tool", "flood", "120000", NULL}, NULL) == 0 && close(out[1]) == 0);
  for (pid_t asked; (asked = waitpid(pid, &status, WNOHANG)) != pid; sum += got) {
    CLAIM(asked == 0 && (got = read(out[0], much, sizeof much)) >= 0);
  }
  while ((got = read(out[0], much, sizeof much)) > 0) sum += got;
  CLAIM(got == 0 && sum == 120000 && status == 0 && close(out[0]) == 0 && posix_spawn_file_actions_destroy(&actions) == 0);

  /* Statuses and signals. */
  CLAIM(posix_spawn(&pid, TOOL, NULL, NULL, (char *[]){"tool", "exit", "42", NULL}, NULL) == 0 && ended(pid) == 42);
  posix_spawnattr_t attributes;
  sigset_t mask;
  sigemptyset(&mask);
  CLAIM(posix_spawnattr_init(&attributes) == 0 && posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK) == 0);
  CLAIM(posix_spawnattr_setpgroup(&attributes, 0) == 0 && posix_spawnattr_setsigmask(&attributes, &mask) == 0);
  CLAIM(posix_spawn(&pid, TOOL, NULL, &attributes, (char *[]){"tool", "raise", "15", NULL}, NULL) == 0);
  CLAIM(waitpid(-pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  CLAIM(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_RESETIDS) == 0);
  CLAIM(posix_spawn(&pid, TOOL, NULL, &attributes, args, NULL) == ENOTSUP);
  posix_spawnattr_destroy(&attributes);

  /* What is refused. */
  CLAIM(posix_spawn(&pid, "/tmp/bin/none", NULL, NULL, args, NULL) == ENOENT);
  CLAIM(posix_spawn(&pid, "/tmp/bin/plain", NULL, NULL, args, NULL) == EACCES);
  CLAIM(posix_spawn(&pid, "/tmp/bin", NULL, NULL, args, NULL) == EACCES);
  CLAIM(posix_spawn(&pid, ROM "/text", NULL, NULL, args, NULL) == EACCES);
  CLAIM(posix_spawn(&pid, "/tmp/bin/text", NULL, NULL, args, NULL) == ENOEXEC);
  CLAIM(posix_spawn(&pid, "/tmp/bin/lost", NULL, NULL, args, NULL) == ENOENT);
  CLAIM(posix_spawn(&pid, NULL, NULL, NULL, args, NULL) == EFAULT && posix_spawn(&pid, TOOL, NULL, NULL, NULL, NULL) == EFAULT);
  CLAIM(posix_spawn_file_actions_init(NULL) == EFAULT && posix_spawn_file_actions_init(&actions) == 0);
  CLAIM(posix_spawn_file_actions_addchdir_np(&actions, "/tmp") == ENOTSUP);
  CLAIM(posix_spawn_file_actions_addclose(&actions, -1) == EBADF && posix_spawn_file_actions_adddup2(&actions, 1, -1) == EBADF);
  CLAIM(posix_spawn_file_actions_addopen(&actions, 1, NULL, 0, 0) == EFAULT);
  CLAIM(posix_spawn_file_actions_addopen(&actions, 0, "/none", O_RDONLY, 0) == 0 && posix_spawn(&pid, TOOL, &actions, NULL, args, NULL) == ENOENT);
  CLAIM(posix_spawn_file_actions_destroy(&actions) == 0 && posix_spawn_file_actions_destroy(&actions) == EINVAL);
  posix_spawn_file_actions_init(&actions);
  CLAIM(posix_spawn_file_actions_adddup2(&actions, 999, 1) == 0 && posix_spawn(&pid, TOOL, &actions, NULL, args, NULL) == EBADF);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawn_file_actions_init(&actions);
  CLAIM(posix_spawn_file_actions_addopen(&actions, 5, "/tmp/out", O_RDONLY, 0) == 0 && posix_spawn(&pid, TOOL, &actions, NULL, args, NULL) == ENOTSUP);
  posix_spawn_file_actions_destroy(&actions);
  FAILS(waitpid(-1, &status, 0), ECHILD);
  FAILS(wait(NULL), ECHILD);
}

static int handled;
static void on_signal(int number) { (void)number; handled++; }

/* The tool's "open" of a number: 0 it has it, 1 it does not. */
static int has(int fd, const posix_spawn_file_actions_t *actions)
{
  pid_t pid;
  char number[16];
  snprintf(number, sizeof number, "%d", fd);
  CLAIM(posix_spawn(&pid, TOOL, actions, NULL, (char *[]){"tool", "open", number, NULL}, NULL) == 0);
  return ended(pid) == 0;
}

static void numbers_and_signals_of_the_program(void)
{
  pid_t pid;
  int s[2];
  posix_spawn_file_actions_t actions;
  CLAIM(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && has(s[0], NULL));
  /* A number of the operating system's is closed; one that is closed on execution is kept; one is copied to another. */
  CLAIM(posix_spawn_file_actions_init(&actions) == 0 && posix_spawn_file_actions_addclose(&actions, s[0]) == 0);
  CLAIM(!has(s[0], &actions) && has(s[1], &actions) && fcntl(s[0], F_GETFD) == 0);
  CLAIM(posix_spawn_file_actions_destroy(&actions) == 0 && fcntl(s[0], F_SETFD, FD_CLOEXEC) == 0 && !has(s[0], NULL));
  CLAIM(posix_spawn_file_actions_init(&actions) == 0 && posix_spawn_file_actions_adddup2(&actions, s[0], s[0]) == 0);
  CLAIM(has(s[0], &actions) && fcntl(s[0], F_GETFD) == FD_CLOEXEC);
  CLAIM(posix_spawn_file_actions_adddup2(&actions, s[0], 40) == 0 && posix_spawn_file_actions_adddup2(&actions, 40, 41) == 0 &&
        posix_spawn_file_actions_addclose(&actions, 40) == 0);
  CLAIM(has(41, &actions) && !has(40, &actions) && fcntl(41, F_GETFD) == -1);
  CLAIM(posix_spawn_file_actions_destroy(&actions) == 0 && posix_spawn_file_actions_init(&actions) == 0);
  /* Every number, as programs do it that want none. */
  for (int i = 3; i < 1024; i++) CLAIM(posix_spawn_file_actions_addclose(&actions, i) == 0);
  CLAIM(!has(s[1], &actions) && has(1, &actions) && close(s[0]) == 0 && close(s[1]) == 0);
  CLAIM(posix_spawn_file_actions_destroy(&actions) == 0 && posix_spawn_file_actions_init(&actions) == 0);

  /* The program begins with its mask, and nothing comes to this thread that it keeps away. */
  posix_spawnattr_t attributes;
  sigset_t mine, theirs, now;
  struct sigaction action = {.sa_handler = on_signal};
  sigemptyset(&mine), sigemptyset(&theirs);
  sigaddset(&mine, SIGUSR1), sigaddset(&theirs, SIGUSR2), sigaddset(&theirs, SIGTERM);
  CLAIM(sigaction(SIGUSR1, &action, NULL) == 0 && sigprocmask(SIG_BLOCK, &mine, NULL) == 0 && raise(SIGUSR1) == 0);
  CLAIM(posix_spawn_file_actions_addopen(&actions, 1, "/tmp/out", O_CREAT | O_WRONLY | O_TRUNC, 0600) == 0);
  CLAIM(posix_spawnattr_init(&attributes) == 0 && posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK) == 0 &&
        posix_spawnattr_setsigmask(&attributes, &theirs) == 0);
  CLAIM(posix_spawn(&pid, TOOL, &actions, &attributes, (char *[]){"tool", "blocked", NULL}, NULL) == 0 && ended(pid) == 0);
  CLAIM(strcmp(all("/tmp/out"), "12 15 ") == 0 && handled == 0);
  CLAIM(sigprocmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, SIGUSR1) && !sigismember(&now, SIGTERM));
  /* Without the attribute it has this thread's. */
  CLAIM(posix_spawn(&pid, TOOL, &actions, NULL, (char *[]){"tool", "blocked", NULL}, NULL) == 0 && ended(pid) == 0);
  CLAIM(strcmp(all("/tmp/out"), "10 ") == 0 && sigprocmask(SIG_UNBLOCK, &mine, NULL) == 0 && handled == 1);
  CLAIM(posix_spawnattr_destroy(&attributes) == 0 && posix_spawn_file_actions_destroy(&actions) == 0);
}

enum { ROUNDS = 50 };
static sem_t seen;

/* Told of the end by another thread than the one that starts it: what the program wrote is there. */
static void *waits(void *arg)
{
  int status;
  for (int i = 0; i < ROUNDS; i++) {
    while (wait(&status) < 0) CLAIM(errno == ECHILD);
    CLAIM(status == 0 && strcmp(all("/tmp/out"), "hello\n") == 0 && sem_post(&seen) == 0);
  }
  return arg;
}

/* Every call that waits: what the program wrote is there. */
static void ways_to_wait(void)
{
  pid_t pid;
  int status;
  siginfo_t info;
  struct rusage usage;
  posix_spawn_file_actions_t actions;
  CLAIM(posix_spawn_file_actions_init(&actions) == 0 &&
        posix_spawn_file_actions_addopen(&actions, 1, "/tmp/out", O_CREAT | O_WRONLY | O_TRUNC, 0600) == 0);
  for (int way = 0; way < 4; way++) {
    CLAIM(posix_spawn(&pid, TOOL, &actions, NULL, (char *[]){"tool", NULL}, NULL) == 0);
    memset(&info, 0, sizeof info);
    if (way == 0) CLAIM(wait3(&status, 0, &usage) == pid && status == 0);
    if (way == 1) CLAIM(wait4(pid, &status, 0, &usage) == pid && status == 0 && usage.ru_maxrss > 0);
    if (way == 2) CLAIM(waitid(P_PID, pid, &info, WEXITED | WNOWAIT) == 0);
    if (way == 3) while (info.si_pid == 0) CLAIM(waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0);
    if (way >= 2) CLAIM(info.si_pid == pid && info.si_code == CLD_EXITED && info.si_status == 0);
    CLAIM(strcmp(all("/tmp/out"), "hello\n") == 0 && (way != 2 || (waitid(P_PGID, getpgrp(), &info, WEXITED) == 0 && info.si_pid == pid)));
    FAILS(waitpid(pid, &status, 0), ECHILD);
  }
  FAILS(waitid(P_PID, pid, &info, 0), EINVAL);
  CLAIM(posix_spawn_file_actions_destroy(&actions) == 0);
}

static void another_thread_waits(void)
{
  pthread_t thread;
  posix_spawn_file_actions_t actions;
  CLAIM(sem_init(&seen, 0, 0) == 0 && pthread_create(&thread, NULL, waits, NULL) == 0);
  CLAIM(posix_spawn_file_actions_init(&actions) == 0 &&
        posix_spawn_file_actions_addopen(&actions, 1, "/tmp/out", O_CREAT | O_WRONLY | O_TRUNC, 0600) == 0);
  for (int i = 0; i < ROUNDS; i++) {
    CLAIM(posix_spawn(NULL, TOOL, &actions, NULL, (char *[]){"tool", NULL}, NULL) == 0);
    while (sem_wait(&seen) != 0) CLAIM(errno == EINTR);
  }
  CLAIM(pthread_join(thread, NULL) == 0 && posix_spawn_file_actions_destroy(&actions) == 0);
}

/* Runs one of the family in a child made by vfork, which has nothing but that and _exit. */
#define IN_CHILD(call, expected) \
  do { \
    pid_t child = vfork(); \
    if (child == 0) { call; _exit(errno == ENOENT ? 100 : errno == EACCES ? 101 : errno == ENOTSUP ? 102 : 103); } \
    CLAIM(child > 0 && ended(child) == (expected)); \
  } while (0)

static void executing(void)
{
  char *args[] = {"tool", "exit", "9", NULL}, *env[] = {"tool", "exit", "8", NULL};
  IN_CHILD(execv(TOOL, args), 9);
  IN_CHILD(execve(TOOL, env, no_environment), 8);
  IN_CHILD(execvp("tool", args), 9);
  IN_CHILD(execl(TOOL, "tool", "exit", "7", (char *)NULL), 7);
  IN_CHILD(execl(TOOL, "tool", "exit", "6", "more", "arguments", "than", "registers", "have", "room", (char *)NULL), 6);
  IN_CHILD(execle(TOOL, "tool", "exit", "5", (char *)NULL, no_environment), 5);
  IN_CHILD(execlp("tool", "tool", "exit", "4", (char *)NULL), 4);
  IN_CHILD(execlp("none", "none", (char *)NULL), 100);
  IN_CHILD(execvpe("tool", env, no_environment), 8);
  int tool = open(TOOL, O_RDONLY);
  IN_CHILD(fexecve(tool, args, no_environment), 9);
  FAILS(fexecve(999, args, no_environment), EBADF);
  FAILS(execvpe(NULL, args, no_environment), EFAULT);
  CLAIM(close(tool) == 0);
  IN_CHILD(execl("/tmp/bin/none", "x", (char *)NULL), 100);
  IN_CHILD(execl("/tmp/bin/plain", "x", (char *)NULL), 101);
  IN_CHILD(execvp("none", args), 100);
  FAILS(execv(NULL, args), EFAULT);
  FAILS(execv(TOOL, NULL), EFAULT);
  /* In a child made by fork there is no host. */
  pid_t child = fork();
  if (child == 0) _exit(execv(TOOL, args) == -1 && errno == ESRCH ? 0 : 1);
  CLAIM(ended(child) == 0);
}

int main(int argc, char **argv)
{
  mkdir("/tmp/bin", 0755);
  CLAIM(argc == 2);
  int tool = atoi(argv[1]);
  bring(tool, TOOL);
  int fd = open("/tmp/bin/script", O_CREAT | O_WRONLY, 0755);
  CLAIM(dprintf(fd, "#!" TOOL " show\nline\n") > 0 && close(fd) == 0);
  fd = open("/tmp/bin/lost", O_CREAT | O_WRONLY, 0755);
  CLAIM(dprintf(fd, "#!/bin/sh\n") > 0 && close(fd) == 0);
  CLAIM(close(open("/tmp/bin/plain", O_CREAT | O_WRONLY, 0644)) == 0);
  fd = open("/tmp/bin/text", O_CREAT | O_WRONLY, 0755);
  CLAIM(dprintf(fd, "no program") == 10 && close(fd) == 0);
  spawning();
  numbers_and_signals_of_the_program();
  ways_to_wait();
  another_thread_waits();
  executing();

  /* With a file of the host as standard output this process serves it, and ends as the program does. */
  well();
  fflush(stdout);
  fd = open("/tmp/last", O_CREAT | O_RDWR, 0600);
  CLAIM(dup2(fd, 0) == 0);
  IN_CHILD(execl(TOOL, "tool", (char *)NULL), 102);
  execl(TOOL, "tool", "exit", "0", (char *)NULL);
  return 1;
}
