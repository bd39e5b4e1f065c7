/* What the load generator and the floor share: a clock, sockets, and just enough WebSocket. */
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

static inline void fail(const char *what, const char *detail) {
  fprintf(stderr, "%s%.200s\n", what, detail);
  exit(2);
}

static inline void many_files(void) {
  struct rlimit r;
  getrlimit(RLIMIT_NOFILE, &r);
  r.rlim_cur = r.rlim_max;
  setrlimit(RLIMIT_NOFILE, &r);
}

/* A socket to a server of this machine; with SOCK_NONBLOCK it may still be connecting. */
static inline int dial(int port, int flags) {
  int fd = socket(AF_INET, SOCK_STREAM | flags, 0), one = 1;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (fd < 0) die("socket");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) die("connect");
  return fd;
}

/* The text with a channel's number where it says %d; in one of a few buffers, good until the next calls. */
static inline const char *filled(const char *text, int channel) {
  static char buffers[4][4096];
  static int turn;
  char *out = buffers[turn++ & 3], *to = out;
  for (; *text && to < out + 4000; text++)
    if (text[0] == '%' && text[1] == 'd') {
      to += sprintf(to, "%d", channel), text++;
    } else {
      *to++ = *text;
    }
  *to = 0;
  return out;
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

static inline void send_frame(int fd, const char *text) {
  static char frame[8192];
  size_t n = client_frame(frame, text);
  if (write(fd, frame, n) != (ssize_t)n) die("write");
}

static inline void ask_upgrade(int fd, int port, const char *path, const char *headers) {
  char text[8192];
  int n = snprintf(text, sizeof text,
                   "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                   path, port, headers);
  if (write(fd, text, n) != n) die("write");
}

static inline void ask_stream(int fd, int port, const char *path) {
  char text[8192];
  int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n\r\n", path, port);
  if (write(fd, text, n) != n) die("write");
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

/* Counts the data lines in an event stream, however it is cut, chunked or not: `have` characters of the mark were seen. */
static inline int count_events(Counter *c, const uint8_t *p, size_t n) {
  static const char mark[] = "\ndata: ";
  const int whole = sizeof mark - 1;
  int done = 0;
  for (const uint8_t *end = p + n; p < end; p++) {
    if (c->have == whole) {
      if (!(p = memchr(p, '\n', end - p))) break;
      done++, c->have = 1;
    } else {
      c->have = *p == mark[c->have] ? c->have + 1 : *p == '\n';
    }
  }
  return done;
}
#endif
