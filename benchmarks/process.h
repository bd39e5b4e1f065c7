/* What the measured process uses of the machine. */
#ifndef PROCESS_H
#define PROCESS_H
#include "wire.h"

static inline double seconds_of(clockid_t clock) {
  struct timespec t;
  return clock_gettime(clock, &t) ? 0 : t.tv_sec + t.tv_nsec / 1e9;
}

/* CPU time of all its threads, in seconds; 0 where there is no such process (any more). */
static inline double cpu_of(int pid) {
  clockid_t clock;
  return clock_getcpuclockid(pid, &clock) ? 0 : seconds_of(clock);
}

/* Resident memory. */
static inline long kib_of(int pid) {
  char name[64];
  long pages = 0;
  snprintf(name, sizeof name, "/proc/%d/statm", pid);
  FILE *f = fopen(name, "r");
  if (!f) return 0;
  if (fscanf(f, "%*d %ld", &pages) != 1) pages = 0;
  fclose(f);
  return pages * sysconf(_SC_PAGESIZE) / 1024;
}
#endif
