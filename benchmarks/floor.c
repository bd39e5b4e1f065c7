/* What the kernel costs: a server that does nothing but send. floor [coalesce]

   A client of /events/N is on channel N. A frame "K C" sends K events of 117 bytes to every client of the channels 0 to
   C - 1: K sends a client, or with `coalesce` one send of them all; a POST sends one to the channel that its body names.
   Prints the port it listens on. It trusts its clients: it is a measure, not a server. */
#include "wire.h"

#define MOST 70000
#define FRAME 119

static int first[MOST], next[MOST], channel_of[MOST], coalesce; /* lists of file descriptors; 0 is never one */
static char frames[64 * FRAME];

static void join(int fd, int channel) { channel_of[fd] = channel, next[fd] = first[channel], first[channel] = fd; }

static void leave(int fd) {
  for (int *at = &first[channel_of[fd]]; *at; at = &next[*at])
    if (*at == fd) {
      *at = next[fd];
      return;
    }
}

static void deliver(int channel, int events) {
  for (int fd = first[channel]; fd; fd = next[fd])
    if (coalesce) {
      if (send(fd, frames, FRAME * events, 0) < 0) die("send");
    } else {
      for (int k = 0; k < events; k++)
        if (send(fd, frames, FRAME, 0) < 0) die("send");
    }
}

static void reply(int fd, const char *text) {
  if (write(fd, text, strlen(text)) < 0) die("write");
}

static void input(int fd) {
  static char buffer[65536];
  ssize_t got = read(fd, buffer, sizeof buffer - 1);
  if (got <= 0) {
    leave(fd), close(fd);
    return;
  }
  buffer[got] = 0;
  if (!memcmp(buffer, "GET", 3)) {
    reply(fd, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    if (!memcmp(buffer, "GET /events/", 12)) join(fd, atoi(buffer + 12));
  } else if (!memcmp(buffer, "POST", 4)) {
    char *name = strstr(buffer, "\"channel\":\"");
    if (name) deliver(atoi(name + 11), 1);
    reply(fd, "HTTP/1.1 204 No Content\r\n\r\n");
  } else {
    for (char *p = buffer; p < buffer + got; p += 6 + (p[1] & 127)) { /* the frames' masks are zeros */
      int events = 0, channels = 0;
      sscanf(p + 6, "%d %d", &events, &channels);
      for (int channel = 0; channel < channels; channel++) deliver(channel, events);
    }
  }
}

static int listening(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  if (bind(fd, (struct sockaddr *)&at, size) || listen(fd, 4096)) die("listen");
  getsockname(fd, (struct sockaddr *)&at, &size);
  printf("running on http://127.0.0.1:%d\n", ntohs(at.sin_port));
  fflush(stdout);
  return fd;
}

int main(int argc, char **argv) {
  coalesce = argc > 1 && !strcmp(argv[1], "coalesce");
  for (int k = 0; k < 64; k++) {
    memset(frames + k * FRAME, 'x', FRAME);
    frames[k * FRAME] = (char)0x81, frames[k * FRAME + 1] = FRAME - 2;
  }
  many_files();
  int server = listening(), poll_fd = epoll_create1(0), one = 1;
  struct epoll_event e = {.events = EPOLLIN, .data.fd = server}, events[512];
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, server, &e);
  for (;;) {
    int n = epoll_wait(poll_fd, events, 512, -1);
    for (int i = 0; i < n; i++) {
      if (events[i].data.fd != server) {
        input(events[i].data.fd);
        continue;
      }
      int fd = accept4(server, NULL, NULL, SOCK_NONBLOCK);
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      e = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
      epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &e);
    }
  }
}
