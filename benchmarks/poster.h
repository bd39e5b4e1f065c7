/* Publishing over HTTP/1.1: POST requests on a keep-alive connection, and how many of them were answered. */
#ifndef POSTER_H
#define POSTER_H
#include "wire.h"

typedef struct {
  int fd;
  size_t have;
  char text[16384];
} Poster;

/* Asks for one event on a channel; several requests may be under way on one connection. */
static inline void post(Poster *p, int port, const char *path, const char *body, int channel) {
  char request[8192];
  path = filled(path, channel), body = filled(body, channel);
  int n = snprintf(request, sizeof request,
                   "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   path, port, strlen(body), body);
  if (write(p->fd, request, n) != n) die("post");
}

/* Takes one answer off the front; false while it is not whole. */
static inline int answer(Poster *p) {
  char *end = strstr(p->text, "\r\n\r\n");
  if (!end) return 0;
  if (memcmp(p->text, "HTTP/1.1 2", 10)) fail("a publish was refused: ", p->text);
  *end = 0;
  char *length = strcasestr(p->text, "\r\ncontent-length:");
  size_t size = end + 4 - p->text + (length ? atoi(length + 17) : 0);
  *end = '\r';
  if (size > p->have) return 0;
  memmove(p->text, p->text + size, p->have - size + 1);
  p->have -= size;
  return 1;
}

/* Reads what there is; returns how many requests it answers. */
static inline int answers(Poster *p) {
  int done = 0;
  for (;;) {
    ssize_t n = read(p->fd, p->text + p->have, sizeof p->text - 1 - p->have);
    if (n < 0 && errno == EAGAIN) return done;
    if (n <= 0) fail("the server ended a publisher's connection", "");
    p->text[p->have += n] = 0;
    while (answer(p)) done++;
  }
}
#endif
