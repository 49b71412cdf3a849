/* dirent.h. */
#define _GNU_SOURCE
#include "claim.h"
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* readdir_r */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 300 };

static int not_dots(const struct dirent *entry) { return entry->d_name[0] != '.'; }
static int none(const struct dirent *entry) { (void)entry; return 0; }

static void listing(const char *where)
{
  struct stat st;
  struct dirent *entry, room, *result;
  int seen[FILES] = {0}, count = 0;
  const char *path = in(where, "list");
  CLAIM(mkdir(path, 0755) == 0);
  int at = open(path, O_RDONLY);
  for (int i = 0; i < FILES; i++) {
    char name[16];
    sprintf(name, "f%d", i);
    CLAIM(close(openat(at, name, O_CREAT | O_WRONLY, 0600)) == 0);
  }
  DIR *dir = opendir(path);
  CLAIM(dir != NULL && fcntl(dirfd(dir), F_GETFD) == FD_CLOEXEC);
  CLAIM((entry = readdir(dir)) && strcmp(entry->d_name, ".") == 0 && entry->d_type == DT_DIR);
  CLAIM((entry = readdir(dir)) && strcmp(entry->d_name, "..") == 0);
  long halfway = -1;
  errno = 0;
  while ((entry = readdir(dir))) {
    int number = atoi(entry->d_name + 1);
    CLAIM(number >= 0 && number < FILES && !seen[number] && entry->d_type == DT_REG);
    CLAIM(fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && st.st_ino == entry->d_ino);
    seen[number] = 1;
    if (++count == FILES / 2) halfway = telldir(dir);
  }
  CLAIM(errno == 0 && count == FILES && readdir(dir) == NULL);
  /* What is there throughout is told once, though another entry goes. */
  seekdir(dir, halfway);
  int rest = 0;
  while (readdir(dir)) rest++;
  CLAIM(rest == FILES - FILES / 2);
  rewinddir(dir);
  CLAIM(readdir_r(dir, &room, &result) == 0 && result == &room && strcmp(room.d_name, ".") == 0);
  for (count = 1; readdir_r(dir, &room, &result) == 0 && result; count++) {}
  CLAIM(count == FILES + 2);
  CLAIM(readdir_r(dir, NULL, &result) == EFAULT && readdir_r(dir, &room, NULL) == EFAULT);
  CLAIM(closedir(dir) == 0);

  /* The descriptor becomes the stream's. */
  dir = fdopendir(at);
  CLAIM(dir != NULL && dirfd(dir) == at && readdir(dir) != NULL && closedir(dir) == 0);
  FAILS(close(at), EBADF);

  struct dirent **list;
  CLAIM(scandir(path, &list, not_dots, alphasort) == FILES);
  for (int i = 1; i < FILES; i++) CLAIM(strcmp(list[i - 1]->d_name, list[i]->d_name) < 0);
  for (int i = 0; i < FILES; i++) free(list[i]);
  free(list);
  CLAIM(scandir(path, &list, none, NULL) == 0);
  free(list);
  CLAIM(scandir(path, &list, NULL, versionsort) == FILES + 2 && strcmp(list[FILES + 1]->d_name, "f299") == 0);
  for (int i = 0; i < FILES + 2; i++) free(list[i]);
  free(list);
  FAILS(scandir(in(where, "none"), &list, NULL, NULL), ENOENT);
  FAILS(scandir(NULL, &list, NULL, NULL), EFAULT);
  FAILS(scandir(path, NULL, NULL, NULL), EFAULT);
}

static void failures(void)
{
  IS_NULL(opendir("/none"), ENOENT);
  IS_NULL(opendir("/rom/text"), ENOTDIR);
  IS_NULL(opendir(""), ENOENT);
  IS_NULL(opendir(NULL), EFAULT);
  IS_NULL(fdopendir(999), EBADF);
  IS_NULL(fdopendir(-1), EBADF);
  int fd = open("/rom/text", O_RDONLY);
  IS_NULL(fdopendir(fd), ENOTDIR);
  CLAIM(close(fd) == 0);
  /* The argument must not be NULL: what one that is gets is said nevertheless. */
  DIR *volatile no_stream = NULL;
  IS_NULL(readdir(no_stream), EBADF);
  FAILS(closedir(no_stream), EBADF);
  FAILS(dirfd(no_stream), EINVAL);
  FAILS(telldir(no_stream), EBADF);
}

static void a_listing_of_what_never_changes(void)
{
  struct dirent **list;
  CLAIM(scandir("/rom", &list, not_dots, alphasort) == 4);
  static const struct { const char *name; int type; } all[] = {{"dir", DT_DIR}, {"fifo", DT_FIFO}, {"link", DT_LNK}, {"text", DT_REG}};
  for (int i = 0; i < 4; i++) {
    CLAIM(strcmp(list[i]->d_name, all[i].name) == 0 && list[i]->d_type == all[i].type);
    free(list[i]);
  }
  free(list);
}

int main(void)
{
  CLAIM(mkdir(OWN, 0755) == 0);
  EACH_PLACE(listing);
  failures();
  a_listing_of_what_never_changes();
  return well();
}
