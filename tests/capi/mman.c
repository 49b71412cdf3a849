/* sys/mman.h. */
#define _GNU_SOURCE
#include "claim.h"
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAILS_TO_MAP(call, number) CLAIM((errno = 0, (call) == MAP_FAILED && errno == (number)))

static sigjmp_buf back;
static void on_fault(int number) { siglongjmp(back, number); }

/* The signal that a load from the address gives; 0 for none. */
static int load(const volatile char *address)
{
  int number = sigsetjmp(back, 1);
  if (number == 0) (void)*address;
  return number;
}

static int store(volatile char *address)
{
  int number = sigsetjmp(back, 1);
  if (number == 0) *address = 1;
  return number;
}

static void sharing(const char *where)
{
  char buf[16];
  long page = sysconf(_SC_PAGESIZE);
  const char *name = in(where, "mapped");
  int fd = open(name, O_CREAT | O_RDWR, 0600);
  CLAIM(ftruncate(fd, 3 * page) == 0 && pwrite(fd, "hello", 5, 0) == 5);
  char *one = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char *two = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
  CLAIM(one != MAP_FAILED && two != MAP_FAILED && memcmp(two, "hello", 5) == 0 && lseek(fd, 0, SEEK_CUR) == 0);
  /* One copy for all: views, reads and writes. */
  memcpy(one, "HELLO", 5);
  CLAIM(memcmp(two, "HELLO", 5) == 0 && pread(fd, buf, 5, 0) == 5 && memcmp(buf, "HELLO", 5) == 0);
  CLAIM(pwrite(fd, "Jello", 5, 0) == 5 && memcmp(one, "Jello", 5) == 0);
  CLAIM(msync(one, 3 * page, MS_SYNC) == 0 && msync(one, page, MS_ASYNC) == 0 && msync(one, page, MS_INVALIDATE) == 0);
  /* A private view keeps its stores. */
  char *own = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  memcpy(own, "mine!", 5);
  CLAIM(memcmp(one, "Jello", 5) == 0 && pread(fd, buf, 5, 0) == 5 && memcmp(buf, "Jello", 5) == 0);
  CLAIM(madvise(one, page, MADV_WILLNEED) == 0 && posix_madvise(one, page, POSIX_MADV_RANDOM) == 0);
  CLAIM(madvise(own, page, MADV_DONTNEED) == 0 && memcmp(own, "mine!", 5) == 0);
  FAILS(madvise(one, page, MADV_REMOVE), EINVAL);
  CLAIM(mlock(one, page) == 0 && munlock(one, page) == 0);
  /* Protection is real; what the descriptor did not allow is refused. */
  CLAIM(mprotect(one, page, PROT_NONE) == 0 && load(one) == SIGSEGV && load(one + page) == 0);
  CLAIM(mprotect(one, page, PROT_READ | PROT_WRITE) == 0 && load(one) == 0);
  int reads = open(name, O_RDONLY);
  char *ro = mmap(NULL, page, PROT_READ, MAP_SHARED, reads, 0);
  FAILS(mprotect(ro, page, PROT_READ | PROT_WRITE), EACCES);
  FAILS(mprotect(ro + 1, page, PROT_READ), EINVAL);
  FAILS(mprotect(ro, page, 1 << 20), EINVAL);
  FAILS(msync(one + 1, page, MS_SYNC), EINVAL);
  FAILS(msync(one, page, MS_SYNC | MS_ASYNC), EINVAL);
  FAILS(msync(one, page, 1 << 20), EINVAL);
  /* Pages go one by one. */
  CLAIM(munmap(one + page, page) == 0 && load(one + page) == SIGSEGV && load(one) == 0 && load(one + 2 * page) == 0);
  FAILS(msync(one, 3 * page, MS_SYNC), ENOMEM);
  FAILS(mprotect(one, 3 * page, PROT_READ), ENOMEM);
  /* A fixed place replaces what view is there. */
  CLAIM(mmap(one, page, PROT_READ, MAP_SHARED | MAP_FIXED, fd, page) == one && one[0] == 0);
  CLAIM(mmap(one, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == one);
  one[0] = 'a';
  CLAIM(pread(fd, buf, 1, page) == 1 && buf[0] == 0);
  FAILS_TO_MAP(mmap(two, page, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0), EEXIST);
  FAILS_TO_MAP(mmap(NULL, 0, PROT_READ, MAP_SHARED, fd, 0), EINVAL);
  FAILS_TO_MAP(mmap(NULL, page, PROT_READ, 0, fd, 0), EINVAL);
  FAILS_TO_MAP(mmap(NULL, page, PROT_READ, MAP_SHARED, fd, -page), EINVAL);
  FAILS_TO_MAP(mmap(NULL, page, 1 << 20, MAP_SHARED, fd, 0), EINVAL);
  FAILS_TO_MAP(mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, reads, 0), EACCES);
  int writes = open(name, O_WRONLY), dir = open(where, O_RDONLY), p[2];
  FAILS_TO_MAP(mmap(NULL, page, PROT_WRITE, MAP_SHARED, writes, 0), EACCES);
  FAILS_TO_MAP(mmap(NULL, page, PROT_READ, MAP_PRIVATE, writes, 0), EACCES);
  FAILS_TO_MAP(mmap(NULL, page, PROT_READ, MAP_SHARED, dir, 0), ENODEV);
  CLAIM(pipe(p) == 0);
  FAILS_TO_MAP(mmap(NULL, page, PROT_READ, MAP_SHARED, p[0], 0), ENODEV);
  FAILS_TO_MAP(mmap(NULL, page, PROT_READ, MAP_SHARED, 999, 0), EBADF);
  FAILS_TO_MAP(mmap(NULL, page, PROT_READ, MAP_SHARED, -1, 0), EBADF);
  FAILS(munmap(two, 0), EINVAL);
  CLAIM(close(fd) == 0 && close(reads) == 0 && close(writes) == 0 && close(dir) == 0 && close(p[0]) == 0 && close(p[1]) == 0);
  CLAIM(munmap(own, page) == 0 && munmap(ro, page) == 0 && munmap(two, page) == 0 && munmap(one, page) == 0 && munmap(one + 2 * page, page) == 0);
  CLAIM(load(two) == SIGSEGV);
}

static void in_place(void)
{
  int fd = open("/rom/text", O_RDONLY);
  /* Any offset; behind the last page of the file lies nothing. */
  char *text = mmap(NULL, 9, PROT_READ, MAP_SHARED, fd, 5);
  CLAIM(text != MAP_FAILED && memcmp(text, "only text", 9) == 0);
  char *own = mmap(NULL, 9, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 5);
  memcpy(own, "ONLY", 4);
  CLAIM(memcmp(text, "only", 4) == 0);
  FAILS_TO_MAP(mmap(NULL, 9, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EACCES);
  FAILS_TO_MAP(mmap(NULL, 9, PROT_READ, MAP_SHARED, fd, 1 << 20), ENXIO);
  CLAIM(munmap(text, 9) == 0 && munmap(own, 9) == 0 && close(fd) == 0);
}

/* What is no view of the host's is the operating system's. */
static void memory_of_the_systems(void)
{
  long page = sysconf(_SC_PAGESIZE);
  int fd = memfd_create("mine", 0);
  CLAIM(fd >= 0 && ftruncate(fd, page) == 0 && write(fd, "abc", 3) == 3);
  char *view = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
  CLAIM(view != MAP_FAILED && memcmp(view, "abc", 3) == 0 && msync(view, page, MS_SYNC) == 0);
  char *zeroes = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  zeroes[page] = 1;
  CLAIM(mprotect(zeroes, page, PROT_NONE) == 0 && load(zeroes) == SIGSEGV && load(zeroes + page) == 0);
  CLAIM(madvise(zeroes + page, page, MADV_DONTNEED) == 0 && zeroes[page] == 0);
  CLAIM(munmap(view, page) == 0 && munmap(zeroes, 2 * page) == 0 && load(view) == SIGSEGV && close(fd) == 0);
  void *heap;
  CLAIM(posix_memalign(&heap, page, page) == 0 && mprotect(heap, page, PROT_READ) == 0);
  CLAIM(mprotect(heap, page, PROT_READ | PROT_WRITE) == 0);
  free(heap);
}

/* A range that is partly the host's and partly not: all of it, or nothing. */
static void mixes(const char *where)
{
  long page = sysconf(_SC_PAGESIZE);
  const char *name = in(where, "mix");
  int fd = open(name, O_CREAT | O_RDWR, 0600), reads = open(name, O_RDONLY), system = memfd_create("system", 0);
  CLAIM(ftruncate(fd, 3 * page) == 0 && pwrite(fd, "view", 4, 0) == 4 && ftruncate(system, page) == 0);
  char *all = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), *middle = all + page;
  CLAIM(all != MAP_FAILED && mmap(middle, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, system, 0) == middle);
  memcpy(middle, "system", 6);
  memcpy(all, "VIEW", 4);
  CLAIM(msync(all, 3 * page, MS_SYNC) == 0 && madvise(all, 3 * page, MADV_WILLNEED) == 0 && madvise(all, 3 * page, MADV_DONTNEED) == 0);
  CLAIM(memcmp(all, "VIEW", 4) == 0 && memcmp(middle, "system", 6) == 0);
  FAILS(madvise(all, 3 * page, MADV_REMOVE), EINVAL);
  CLAIM(memcmp(middle, "system", 6) == 0 && mprotect(all, 3 * page, PROT_NONE) == 0);
  CLAIM(load(all) == SIGSEGV && load(middle) == SIGSEGV && load(middle + page) == SIGSEGV);
  CLAIM(mprotect(all, 3 * page, PROT_READ | PROT_WRITE) == 0 && load(all) == 0 && load(middle) == 0);
  /* A hole. */
  CLAIM(munmap(middle, page) == 0);
  FAILS(mprotect(all, 3 * page, PROT_NONE), ENOMEM);
  FAILS(msync(all, 3 * page, MS_SYNC), ENOMEM);
  CLAIM(load(all) == 0 && load(middle + page) == 0);
  /* What a view does not allow is done to no page. */
  CLAIM(mmap(middle, page, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, reads, 0) == middle);
  CLAIM(mmap(all, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == all && all[0] == 0);
  FAILS(mprotect(all, 3 * page, PROT_NONE | PROT_READ | PROT_WRITE), EACCES);
  CLAIM(store(all) == SIGSEGV && load(all) == 0);
  /* A view is neither moved nor made longer. */
  FAILS_TO_MAP(mremap(middle, page, 2 * page, MREMAP_MAYMOVE), EINVAL);
  char *other = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  FAILS_TO_MAP(mremap(other, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, middle), EINVAL);
  other[0] = 'o';
  CLAIM((other = mremap(other, page, 2 * page, MREMAP_MAYMOVE)) != MAP_FAILED && other[0] == 'o' && munmap(other, 2 * page) == 0);
  FAILS(munmap(all + 1, 3 * page), EINVAL);
  CLAIM(load(all) == 0 && munmap(all, 3 * page) == 0);
  CLAIM(load(all) == SIGSEGV && load(middle) == SIGSEGV && load(middle + page) == SIGSEGV);
  char buf[4];
  CLAIM(pread(fd, buf, 4, 0) == 4 && memcmp(buf, "VIEW", 4) == 0 && close(fd) == 0 && close(reads) == 0 && close(system) == 0);
}

static atomic_int stop;
static void *loads(void *address)
{
  while (!stop) (void)*(volatile char *)address;
  return NULL;
}

/* What takes a view's place does so when nothing can fail any more, and in one step. */
static void replacing(const char *where)
{
  long page = sysconf(_SC_PAGESIZE);
  const char *name = in(where, "replaced");
  int fd = open(name, O_CREAT | O_RDWR, 0600), reads = open(name, O_RDONLY), dir = open(where, O_RDONLY);
  CLAIM(ftruncate(fd, 2 * page) == 0 && pwrite(fd, "first", 5, 0) == 5 && pwrite(fd, "second", 6, page) == 6);
  char *view = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  FAILS_TO_MAP(mmap(view, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, reads, 0), EACCES);
  FAILS_TO_MAP(mmap(view, page, PROT_READ, MAP_SHARED | MAP_FIXED, dir, 0), ENODEV);
  FAILS_TO_MAP(mmap(view, page, PROT_READ, MAP_SHARED | MAP_FIXED, 999, 0), EBADF);
  FAILS_TO_MAP(mmap(view, page, PROT_READ, MAP_SHARED | MAP_FIXED, -1, 0), EBADF);
  FAILS_TO_MAP(mmap(view, page, PROT_READ, MAP_FIXED | MAP_ANONYMOUS, -1, 0), EINVAL);
  FAILS_TO_MAP(mmap(view, page, PROT_READ, MAP_SHARED | MAP_FIXED, fd, -page), EINVAL);
  FAILS_TO_MAP(mmap(view + 1, page, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0), EINVAL);
  FAILS_TO_MAP(mmap(view + 1, page, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_ANONYMOUS, -1, 0), EINVAL);
  /* Memory of the system's lies behind it: all or nothing. */
  char *two = mmap(NULL, 3 * page, PROT_READ, MAP_SHARED, fd, 0);
  CLAIM(mmap(two + page, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == two + page);
  FAILS_TO_MAP(mmap(two, 2 * page, PROT_READ, MAP_SHARED | MAP_FIXED, fd, page), EEXIST);
  CLAIM(memcmp(two, "first", 5) == 0 && munmap(two, 3 * page) == 0);
  CLAIM(memcmp(view, "first", 5) == 0);
  memcpy(view, "FIRST", 5);
  pthread_t thread;
  CLAIM(signal(SIGSEGV, SIG_DFL) != SIG_ERR && pthread_create(&thread, NULL, loads, view) == 0);
  for (int i = 0; i < 200; i++) CLAIM(mmap(view, page, PROT_READ, MAP_SHARED | MAP_FIXED, fd, i % 2 * page) == view);
  CLAIM(memcmp(view, "second", 6) == 0);
  CLAIM(mmap(view, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == view && view[0] == 0);
  stop = 1;
  CLAIM(pthread_join(thread, NULL) == 0 && signal(SIGSEGV, on_fault) != SIG_ERR);
  stop = 0;
  char buf[5];
  CLAIM(pread(fd, buf, 5, 0) == 5 && memcmp(buf, "FIRST", 5) == 0 && munmap(view, page) == 0);
  CLAIM(close(fd) == 0 && close(reads) == 0 && close(dir) == 0);
}

int main(void)
{
  struct sigaction action = {.sa_handler = on_fault};
  CLAIM(sigaction(SIGSEGV, &action, NULL) == 0 && sigaction(SIGBUS, &action, NULL) == 0 && mkdir(OWN, 0755) == 0);
  EACH_PLACE(sharing);
  EACH_PLACE(mixes);
  EACH_PLACE(replacing);
  in_place();
  memory_of_the_systems();
  return well();
}
