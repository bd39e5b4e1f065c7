/* What the kernel costs: a server that does nothing but send. floor [coalesce]

   Any client's frame "K" sends K events of 117 bytes of payload to every client: K sends, or with `coalesce` one send of
   them all. Prints the port it listens on. It trusts its clients: it is a measure, not a server. */
#include "wire.h"

static int clients[70000], slots;

int main(int argc, char **argv) {
  int coalesce = argc > 1 && !strcmp(argv[1], "coalesce"), one = 1;
  static char frames[64 * 120], buffer[65536];
  for (int k = 0; k < 64; k++) {
    char *f = frames + k * 119;
    f[0] = (char)0x81, f[1] = 117;
    memset(f + 2, 'x', 117);
  }
  many_files();
  signed server = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  if (bind(server, (struct sockaddr *)&at, size) || listen(server, 4096)) die("listen");
  getsockname(server, (struct sockaddr *)&at, &size);
  printf("running on http://127.0.0.1:%d\n", ntohs(at.sin_port));
  fflush(stdout);
  int poll_fd = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN, .data.fd = server}, events[512];
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, server, &e);
  for (;;) {
    int n = epoll_wait(poll_fd, events, 512, -1);
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      if (fd == server) {
        fd = accept4(server, NULL, NULL, SOCK_NONBLOCK);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        e = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &e);
        continue;
      }
      ssize_t got = read(fd, buffer, sizeof buffer - 1);
      if (got <= 0) {
        for (int k = 0; k < slots; k++)
          if (clients[k] == fd) clients[k] = clients[--slots];
        close(fd);
      } else if (buffer[0] == 'G') {
        static const char yes[] =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        if (write(fd, yes, sizeof yes - 1) < 0) die("write");
        if (!memcmp(buffer, "GET /events", 11)) clients[slots++] = fd;
      } else {
        for (char *p = buffer; p < buffer + got;) { /* the frames' masks are zeros */
          int length = p[1] & 127, k = atoi(p + 6);
          p += 6 + length;
          for (int c = 0; c < slots; c++)
            if (coalesce) {
              if (send(clients[c], frames, 119 * k, 0) < 0) die("send");
            } else {
              for (int s = 0; s < k; s++)
                if (send(clients[c], frames, 119, 0) < 0) die("send");
            }
        }
      }
    }
  }
}
