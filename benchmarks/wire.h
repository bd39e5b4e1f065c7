/* What the load generator and the floor share: a clock, and just enough WebSocket. */
#ifndef WIRE_H
#define WIRE_H
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static inline double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static inline void die(const char *what) {
  perror(what);
  exit(1);
}

static inline void many_files(void) {
  struct rlimit r;
  getrlimit(RLIMIT_NOFILE, &r);
  r.rlim_cur = r.rlim_max;
  setrlimit(RLIMIT_NOFILE, &r);
}

/* A client's text frame of up to 65,535 bytes, masked with zeros; returns its length. */
static inline size_t client_frame(char *out, const char *text) {
  size_t n = strlen(text), h = 2;
  out[0] = (char)0x81;
  if (n < 126) {
    out[1] = (char)(0x80 | n);
  } else {
    out[1] = (char)(0x80 | 126), out[2] = (char)(n >> 8), out[3] = (char)n, h = 4;
  }
  memset(out + h, 0, 4);
  memcpy(out + h + 4, text, n);
  return h + 4 + n;
}

/* Counts the text frames in a stream of them, however it is cut. */
typedef struct {
  uint8_t head[10];
  int have;
  uint64_t left;
} Counter;

static inline int count_frames(Counter *c, const uint8_t *p, size_t n) {
  int done = 0;
  while (n) {
    if (c->left) {
      size_t step = n < c->left ? n : c->left;
      p += step, n -= step, c->left -= step;
      if (c->left) break;
      if ((c->head[0] & 15) == 1) done++;
      c->have = 0;
      continue;
    }
    c->head[c->have++] = *p++, n--;
    if (c->have < 2) continue;
    int size = c->head[1] & 127, need = size == 127 ? 10 : size == 126 ? 4 : 2;
    if (c->have < need) continue;
    c->left = size;
    if (need > 2) {
      c->left = 0;
      for (int i = 2; i < need; i++) c->left = c->left << 8 | c->head[i];
    }
    if (!c->left) {
      if ((c->head[0] & 15) == 1) done++;
      c->have = 0;
    }
  }
  return done;
}
#endif
