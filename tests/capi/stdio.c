/* stdio.h: streams of the C library over files of the host. */
#define _GNU_SOURCE
#include "claim.h"
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

static int vd(int fd, const char *format, ...)
{
  va_list list;
  va_start(list, format);
  int done = vdprintf(fd, format, list);
  va_end(list);
  return done;
}

static void streams(const char *where)
{
  const char *path = in(where, "stream");
  char buf[64], word[16];
  int number, fd;
  FILE *f = fopen(path, "w");
  CLAIM(f && (fd = fileno(f)) >= 0 && fcntl(fd, F_GETFD) == 0 && fileno_unlocked(f) == fd);
  CLAIM(fprintf(f, "%d %s %.2f\n", 42, "word", 1.5) == 13 && fputs("second\n", f) >= 0 && fputc('x', f) == 'x' && putc('\n', f) == '\n');
  CLAIM(ftell(f) == 22 && fwrite("yy\n", 1, 3, f) == 3);
  /* What is gathered is not written before it is flushed. */
  CLAIM(*all(path) == 0 || strlen(all(path)) == 22);
  CLAIM(fflush(f) == 0 && strcmp(all(path), "42 word 1.50\nsecond\nx\nyy\n") == 0);
  CLAIM((errno = 0, fgetc(f)) == EOF && errno == EBADF && ferror(f));
  clearerr(f);
  CLAIM(!ferror(f) && fclose(f) == 0);
  FAILS(fcntl(fd, F_GETFD), EBADF);

  f = fopen(path, "r");
  double real;
  CLAIM(f && fscanf(f, "%d %15s %lf", &number, word, &real) == 3 && number == 42 && strcmp(word, "word") == 0 && real == 1.5);
  CLAIM(fgetc(f) == '\n' && ungetc('Z', f) == 'Z' && fgetc(f) == 'Z');
  fpos_t at;
  CLAIM(fgetpos(f, &at) == 0 && fgets(buf, sizeof buf, f) == buf && strcmp(buf, "second\n") == 0);
  CLAIM(fsetpos(f, &at) == 0 && fread(buf, 1, 3, f) == 3 && memcmp(buf, "sec", 3) == 0);
  CLAIM(fseek(f, -3, SEEK_END) == 0 && getc(f) == 'y' && ftello(f) == 23 && fseeko(f, 0, SEEK_SET) == 0 && fgetc(f) == '4');
  rewind(f);
  CLAIM(fread(buf, 1, sizeof buf, f) == 25 && feof(f) && !ferror(f) && fgetc(f) == EOF);
  CLAIM((errno = 0, fputc('x', f)) == EOF && errno == EBADF);
  FAILS(fseek(f, -1, SEEK_SET), EINVAL);
  CLAIM(fclose(f) == 0);

  /* Appending, whatever the position. */
  f = fopen(path, "a+");
  CLAIM(f && (fcntl(fileno(f), F_GETFL) & O_APPEND) && ftell(f) == 25);
  rewind(f);
  CLAIM(fgetc(f) == '4' && fseek(f, 0, SEEK_CUR) == 0 && fputs("end", f) >= 0 && fclose(f) == 0);
  CLAIM(strcmp(all(path) + 22, "yy\nend") == 0);
  f = fopen(path, "a");
  CLAIM(f && ftell(f) == 28 && fputs("!", f) >= 0 && ftell(f) == 29 && fclose(f) == 0);
  /* Reading and writing in turns. */
  f = fopen(path, "r+b");
  CLAIM(f && fgetc(f) == '4' && fseek(f, 1, SEEK_SET) == 0 && fputc('3', f) == '3' && fflush(f) == 0 && strncmp(all(path), "43", 2) == 0);
  CLAIM(fclose(f) == 0);
  f = fopen(path, "w+");
  CLAIM(f && *all(path) == 0 && fputs("new", f) >= 0 && (rewind(f), fgetc(f)) == 'n' && fclose(f) == 0);

  /* How it gathers. */
  f = fopen(path, "w");
  CLAIM(setvbuf(f, NULL, _IONBF, 0) == 0 && fputs("now", f) >= 0 && strcmp(all(path), "now") == 0 && fclose(f) == 0);
  f = fopen(path, "w");
  static char own[256];
  CLAIM(setvbuf(f, own, _IOFBF, sizeof own) == 0);
  CLAIM(fputs("short", f) >= 0);
  CLAIM(*all(path) == 0);
  CLAIM(fputs(" and more", f) >= 0 && fclose(f) == 0 && strcmp(all(path), "short and more") == 0);
  f = fopen(path, "w");
  CLAIM(setvbuf(f, NULL, _IOLBF, 64) == 0 && fputs("half", f) >= 0 && *all(path) == 0 && fputs("line\n", f) >= 0);
  CLAIM(strcmp(all(path), "halfline\n") == 0 && fclose(f) == 0);

  /* Modes. */
  IS_NULL(fopen(path, "wx"), EEXIST);
  f = fopen(in(where, "fresh"), "w+xe");
  CLAIM(f && fcntl(fileno(f), F_GETFD) == FD_CLOEXEC && fclose(f) == 0);
  IS_NULL(fopen(path, ""), EINVAL);
  IS_NULL(fopen(path, "q"), EINVAL);
  IS_NULL(fopen(path, "rq"), EINVAL);
  IS_NULL(fopen(in(where, "none"), "r"), ENOENT);
  IS_NULL(fopen(in(where, "none/x"), "w"), ENOENT);
  IS_NULL(fopen(where, "w"), EISDIR);
  IS_NULL(fopen(NULL, "r"), EFAULT);
  IS_NULL(fopen(path, NULL), EFAULT);

  /* A descriptor becomes a stream's. */
  fd = open(path, O_RDWR | O_TRUNC);
  IS_NULL(fdopen(fd, "z"), EINVAL);
  f = fdopen(fd, "r+");
  CLAIM(f && fileno(f) == fd && fputs("by descriptor", f) >= 0 && fclose(f) == 0 && strcmp(all(path), "by descriptor") == 0);
  FAILS(close(fd), EBADF);
  fd = open(path, O_RDONLY);
  IS_NULL(fdopen(fd, "w"), EINVAL);
  IS_NULL(fdopen(fd, "r+"), EINVAL);
  f = fdopen(fd, "r");
  CLAIM(f && fgets(buf, sizeof buf, f) && strcmp(buf, "by descriptor") == 0 && fclose(f) == 0);
  fd = open(path, O_WRONLY);
  f = fdopen(fd, "a");
  CLAIM(f && (fcntl(fd, F_GETFL) & O_APPEND) && fputs("+", f) >= 0 && fclose(f) == 0 && strcmp(all(path), "by descriptor+") == 0);
  IS_NULL(fdopen(999, "r"), EBADF);

  /* A stream gets another file, and another direction. */
  f = fopen(path, "r");
  CLAIM(f && fgetc(f) == 'b');
  const char *other = in(where, "other");
  CLAIM(freopen(other, "w", f) == f && fputs("other", f) >= 0 && ftell(f) == 5 && fflush(f) == 0 && strcmp(all(other), "other") == 0);
  CLAIM((errno = 0, fgetc(f)) == EOF && errno == EBADF);
  CLAIM(freopen(path, "r", f) == f && !ferror(f) && fgets(buf, sizeof buf, f) && strcmp(buf, "by descriptor+") == 0);
  CLAIM(freopen(other, "a", f) == f && fputs("!", f) >= 0 && fflush(f) == 0 && strcmp(all(other), "other!") == 0);
  CLAIM(freopen(NULL, "r", f) == f && fgets(buf, sizeof buf, f) && strcmp(buf, "other!") == 0);
  /* A failure closes it. */
  fd = fileno(f);
  IS_NULL(freopen(in(where, "none/x"), "r", f), ENOENT);
  FAILS(fcntl(fd, F_GETFD), EBADF);

  /* Text by descriptor. */
  fd = open(path, O_RDWR | O_TRUNC);
  CLAIM(dprintf(fd, "%s %d %c %.1f %lld %d %d %d", "a", 1, 'b', 2.5, 1LL << 40, 6, 7, 8) == 29);
  CLAIM(strcmp(all(path), "a 1 b 2.5 1099511627776 6 7 8") == 0);
  CLAIM(vd(fd, "|%s|%f|", "v", 0.5) == 12);
  CLAIM(close(fd) == 0);
  fd = open(path, O_RDONLY);
  FAILS(dprintf(fd, "x"), EBADF);
  FAILS(dprintf(999, "x"), EBADF);
  FAILS(vd(fd, "x"), EBADF);

  /* Names. */
  CLAIM(rename(path, other) == 0 && access(path, F_OK) == -1 && remove(other) == 0 && access(other, F_OK) == -1);
  CLAIM(mkdir(path, 0700) == 0 && remove(path) == 0);
  FAILS(remove(path), ENOENT);
  FAILS(rename(path, other), ENOENT);
}

int main(void)
{
  mkdir(OWN, 0755);
  EACH_PLACE(streams);

  /* A read-only volume. */
  FILE *f = fopen(ROM "/text", "r");
  char buf[64];
  CLAIM(f && fgets(buf, sizeof buf, f) && strcmp(buf, "read only text\n") == 0 && fclose(f) == 0);
  IS_NULL(fopen(ROM "/text", "w"), EROFS);
  f = fopen(ROM "/dir", "r");
  CLAIM(f && (errno = 0, fgetc(f)) == EOF && errno == EISDIR && ferror(f) && fclose(f) == 0);

  /* Pipes: no position. */
  int fds[2];
  CLAIM(pipe(fds) == 0);
  FILE *reads = fdopen(fds[0], "r"), *writes = fdopen(fds[1], "w");
  CLAIM(fprintf(writes, "%s\n", "through a pipe") == 15 && fflush(writes) == 0 && fgets(buf, sizeof buf, reads));
  CLAIM(strcmp(buf, "through a pipe\n") == 0);
  FAILS(fseek(reads, 0, SEEK_SET), ESPIPE);
  CLAIM(fclose(reads) == 0 && fputs("nobody reads", writes) >= 0 && (errno = 0, fflush(writes)) == EOF && errno == EPIPE);
  clearerr(writes);
  fclose(writes);

  /* A full device is told when it is flushed. */
  f = fopen("/dev/full", "w");
  CLAIM(f && fputs("much", f) >= 0 && (errno = 0, fclose(f)) == EOF && errno == ENOSPC);

  /* Files without a name, and names. */
  f = tmpfile();
  struct stat st;
  CLAIM(f && fstat(fileno(f), &st) == 0 && st.st_nlink == 0 && fputs("gone", f) >= 0 && (rewind(f), fgetc(f)) == 'g' && fclose(f) == 0);
  char name[L_tmpnam];
  CLAIM(tmpnam(name) == name && strncmp(name, P_tmpdir "/", 5) == 0 && access(name, F_OK) == -1);
  CLAIM(tmpnam(NULL) && strcmp(tmpnam(NULL), name) != 0 && tmpnam_r(NULL) == NULL && tmpnam_r(name) == name);
  mkdir("/mine", 0700);
  char *made = tempnam("/mine", "prefixes");
  CLAIM(made && strncmp(made, "/mine/prefi", 11) == 0);
  free(made);
  made = tempnam("/none", NULL);
  CLAIM(made && strncmp(made, "/tmp/", 5) == 0);
  free(made);
  setenv("TMPDIR", OWN, 1);
  made = tempnam("/mine", "p");
  CLAIM(made && strncmp(made, OWN "/p", 6) == 0);
  free(made);

  /* Streams of the operating system go on as they are. */
  CLAIM(fileno(stdout) == 1 && fileno(stdin) == 0 && fileno(stderr) == 2);
  int os = fcntl(1, F_DUPFD, 3);
  FILE *outside = fdopen(os, "w");
  CLAIM(outside && fileno(outside) == os && fclose(outside) == 0);
  outside = fdopen(fcntl(1, F_DUPFD, 3), "w");
  outside = freopen("/tmp/inside", "w", outside);
  CLAIM(outside && fileno(outside) != os && fputs("inside", outside) >= 0 && fclose(outside) == 0 && strcmp(all("/tmp/inside"), "inside") == 0);
  os = fcntl(1, F_DUPFD, 3);
  outside = fdopen(os, "w");
  IS_NULL(freopen("/none/x", "w", outside), ENOENT);
  FAILS(fcntl(os, F_GETFD), EBADF);
  FAILS(fileno(NULL), EFAULT);

  /* A standard stream becomes a file of the host's, by name and number. */
  CLAIM(freopen("/tmp/errors", "w", stderr) == stderr && fileno(stderr) == 2);
  errno = ENOENT;
  perror("told");
  CLAIM(fprintf(stderr, "%s\n", "by name") == 8 && fflush(stderr) == 0 && dprintf(2, "by number\n") == 10);
  CLAIM(strcmp(all("/tmp/errors"), "told: No such file or directory\nby name\nby number\n") == 0);
  CLAIM(freopen("/tmp/others", "w", stderr) == stderr && fileno(stderr) == 2 && dprintf(2, "again by number\n") == 16);
  CLAIM(strcmp(all("/tmp/others"), "again by number\n") == 0);
  f = fopen("/tmp/lines", "w");
  CLAIM(f && fputs("one\na line that is too long\nthree\n", f) >= 0 && fclose(f) == 0);
  CLAIM(freopen("/tmp/lines", "r", stdin) == stdin && gets_s(buf, 8) == buf && strcmp(buf, "one") == 0);
  CLAIM((errno = 0, gets_s(buf, 8)) == NULL && errno == ERANGE && *buf == 0);
  CLAIM(gets_s(buf, 8) == buf && strcmp(buf, "three") == 0 && (errno = 0, gets_s(buf, 8)) == NULL && errno == 0);
  IS_NULL(gets_s(NULL, 8), EFAULT);
  IS_NULL(gets_s(buf, 0), EINVAL);
  CLAIM(scanf("%d", &fds[0]) == EOF);
  return well();
}
