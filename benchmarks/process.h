/* What the measured processes use of the machine: a server, or several instances of it. */
#ifndef PROCESS_H
#define PROCESS_H
#include "wire.h"

#define INSTANCES 8

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

/* Those of "8001,8002"; returns how many. */
static inline int numbers(const char *text, int *found) {
  int n = 0;
  for (char *end; n < INSTANCES && *text; text = *end ? end + 1 : end) found[n++] = strtol(text, &end, 10);
  return n;
}

static inline double cpu_of_all(const int *pids, int n) { return n ? cpu_of(*pids) + cpu_of_all(pids + 1, n - 1) : 0; }

static inline long kib_of_all(const int *pids, int n) { return n ? kib_of(*pids) + kib_of_all(pids + 1, n - 1) : 0; }
#endif
