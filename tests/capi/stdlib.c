/* stdlib.h: files and directories with names that nobody can foretell. */
#define _GNU_SOURCE
#include "claim.h"
#include <ctype.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void made(const char *where)
{
  struct stat st;
  char one[300], two[256];
  umask(0);
  snprintf(one, sizeof one, "%s/aXXXXXX", where);
  strcpy(two, one);
  int fd = mkstemp(one), other = mkstemp(two);
  CLAIM(fd >= 0 && other >= 0 && strcmp(one, two) != 0);
  CLAIM(fstat(fd, &st) == 0 && st.st_size == 0 && (strcmp(where, FAT) == 0 || (st.st_mode & 0777) == 0600));
  for (const char *at = one + strlen(one) - 6; *at; at++) CLAIM(isalnum((unsigned char)*at));
  CLAIM(write(fd, "both", 4) == 4 && pread(fd, two, 4, 0) == 4 && access(one, F_OK) == 0);

  snprintf(two, sizeof two, "%s/bXXXXXX.txt", where);
  other = mkostemps(two, 4, O_APPEND | O_CLOEXEC);
  CLAIM(other >= 0 && strcmp(two + strlen(two) - 4, ".txt") == 0 && access(two, F_OK) == 0);
  CLAIM(fcntl(other, F_GETFD) == FD_CLOEXEC && (fcntl(other, F_GETFL) & O_APPEND));
  snprintf(two, sizeof two, "%s/cXXXXXX.c", where);
  CLAIM(mkstemps(two, 2) >= 0 && access(two, F_OK) == 0);
  snprintf(two, sizeof two, "%s/dXXXXXX", where);
  CLAIM((fd = mkostemp(two, O_APPEND)) >= 0 && (fcntl(fd, F_GETFL) & O_APPEND));

  snprintf(two, sizeof two, "%s/eXXXXXX", where);
  CLAIM(mkdtemp(two) == two && stat(two, &st) == 0 && S_ISDIR(st.st_mode));
  snprintf(one, sizeof one, "%s/XXXXXX", two);
  CLAIM(mktemp(one) == one && strncmp(one, two, strlen(two)) == 0 && strlen(one) == strlen(two) + 7);
  FAILS(access(one, F_OK), ENOENT);
}

int main(void)
{
  mkdir(OWN, 0755);
  EACH_PLACE(made);
  char bad[] = "/tmp/XXXXX", late[] = "/tmp/XXXXXXy", nowhere[] = "/nowhere/XXXXXX", rom[] = ROM "/XXXXXX",
       file[] = "/dev/null/XXXXXX", empty[] = "", name[] = "/tmp/XXXXXX.c";
  FAILS(mkstemp(bad), EINVAL);
  FAILS(mkstemp(late), EINVAL);
  FAILS(mkstemp(empty), EINVAL);
  FAILS(mkstemps(name, 3), EINVAL);
  FAILS(mkstemps(name, -1), EINVAL);
  FAILS(mkstemps(name, 100), EINVAL);
  CLAIM(strcmp(name, "/tmp/XXXXXX.c") == 0);
  FAILS(mkstemp(nowhere), ENOENT);
  FAILS(mkstemp(rom), EROFS);
  FAILS(mkstemp(file), ENOTDIR);
  FAILS(mkstemp(NULL), EFAULT);
  FAILS(mkostemp(NULL, 0), EFAULT);
  IS_NULL(mkdtemp(bad), EINVAL);
  IS_NULL(mkdtemp(nowhere), ENOENT);
  IS_NULL(mkdtemp(rom), EROFS);
  IS_NULL(mkdtemp(NULL), EFAULT);
  CLAIM((errno = 0, *mktemp(bad)) == 0 && errno == EINVAL);
  CLAIM((errno = 0, *mktemp(file)) == 0 && errno == ENOTDIR);
  IS_NULL(mktemp(NULL), EFAULT);
  return well();
}
