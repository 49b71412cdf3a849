/* Writes and exits: what it does not do itself exit does. */
#include "claim.h"
#include <fcntl.h>
#include <unistd.h>

int main(void)
{
  int fd = open("/fat/left.txt", O_CREAT | O_WRONLY, 0600);
  CLAIM(fd >= 0 && write(fd, "what was written is there\n", 26) == 26);
  return well();
}
