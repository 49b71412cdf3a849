/* What the tests in C have in common: claims, and the places that a test is run in. */
#ifndef CLAIM_H
#define CLAIM_H
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where a claim does not hold the program ends and says which and where. */
static const char *place = "";
#define CLAIM(x) \
  ((x) ? (void)0 \
       : (printf("%s:%d: not so: %s (errno %d: %s) %s\n", __FILE__, __LINE__, #x, errno, strerror(errno), place), exit(1)))
#define FAILS(call, number) CLAIM((errno = 0, (call) == -1 && errno == (number)))
#define IS_NULL(call, number) CLAIM((errno = 0, (call) == NULL && errno == (number)))

/* Folders that can be written, of each kind that the board of the tests has. */
#define FAT "/fat"
#define TMP "/tmp"
#define OWN "/own"
/* A romfs volume: file "text" with "read only text\n", folder "dir" with "deep", link "link" to "text", FIFO "fifo". */
#define ROM "/rom"

/* The path of a name in a place; good for the next sixty calls. */
static inline const char *in(const char *where, const char *name)
{
  static char text[64][256];
  static int turn;
  char *to = text[turn++ % 64];
  snprintf(to, sizeof text[0], "%s/%s", where, name);
  return to;
}

/* What a file holds. */
static inline const char *all(const char *path)
{
  static char text[4096];
  int fd = open(path, O_RDONLY);
  CLAIM(fd >= 0);
  ssize_t len = read(fd, text, sizeof text - 1);
  CLAIM(len >= 0 && close(fd) == 0);
  text[len] = 0;
  return text;
}

#define EACH_PLACE(body) \
  do { \
    static const char *const all[] = {FAT, TMP, OWN}; \
    for (size_t i = 0; i < 3; i++) { place = all[i]; body(place); } \
    place = ""; \
  } while (0)

static inline int well(void) { puts("all claims hold"); return 0; }
#endif
