/* The clients of one run: connects them, asks for events, counts what arrives. Prints one JSON object.

   loadgen PORT PATH CLIENTS HELLO ACKS CONTROL MODE BURST SECONDS PID

   HELLO is sent by each client (- for none) and answered by ACKS frames. On CONTROL, a WebSocket of its own, a frame
   "K" makes the server publish K events to all. MODE: rate (the next burst is asked for when the last has arrived: two
   under way would be joined by a server that can) or latency (20 single events a second). PID is the server's, for its CPU time and memory. */
#include "wire.h"

typedef struct {
  int fd, state, acks; /* state: 0 connecting, 1 handshake, 2 acknowledged */
  uint64_t got;
  Counter counter;
} Client;

static Client *clients;
static int count, ready, poll_fd, port, acks_wanted;
static uint64_t delivered;
static char hello[65536];
static size_t hello_size;
static const char *path;
static double *sent_at, *latencies;
static uint64_t latency_count, latency_room;

static long server_ticks(int pid) {
  char name[64], text[2048];
  snprintf(name, sizeof name, "/proc/%d/stat", pid);
  FILE *f = fopen(name, "r");
  if (!f) return 0;
  size_t n = fread(text, 1, sizeof text - 1, f);
  fclose(f);
  text[n] = 0;
  long user = 0, sys = 0;
  sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &sys);
  return user + sys;
}

static long server_kib(int pid) {
  char name[64];
  long pages = 0;
  snprintf(name, sizeof name, "/proc/%d/statm", pid);
  FILE *f = fopen(name, "r");
  if (!f) return 0;
  if (fscanf(f, "%*d %ld", &pages) != 1) pages = 0;
  fclose(f);
  return pages * sysconf(_SC_PAGESIZE) / 1024;
}

static int dial(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (fd < 0) die("socket");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) die("connect");
  return fd;
}

static void ask_upgrade(int fd, const char *where) {
  char text[1024];
  int n = snprintf(text, sizeof text,
                   "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                   where, port);
  if (write(fd, text, n) != n) die("write");
}

static void start(int i) {
  struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u32 = i};
  clients[i].fd = dial();
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, clients[i].fd, &e);
}

static void arrived(Client *c, int frames) {
  if (sent_at) {
    double t = now();
    for (int k = 0; k < frames && latency_count < latency_room; k++) latencies[latency_count++] = t - sent_at[c->got + k];
  }
  c->got += frames, delivered += frames;
}

static void input(Client *c) {
  static uint8_t buffer[1 << 18];
  for (;;) {
    ssize_t n = read(c->fd, buffer, sizeof buffer);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      fprintf(stderr, "the server ended a connection\n");
      exit(2);
    }
    uint8_t *p = buffer;
    if (c->state == 1) {
      uint8_t *end = memmem(buffer, n, "\r\n\r\n", 4);
      if (!end || memcmp(buffer, "HTTP/1.1 101", 12)) {
        fprintf(stderr, "no upgrade: %.*s\n", (int)n, buffer);
        exit(2);
      }
      n -= end + 4 - p, p = end + 4, c->state = 2;
      if (hello_size && write(c->fd, hello, hello_size) != (ssize_t)hello_size) die("write");
      if (!acks_wanted) ready++;
    }
    int frames = count_frames(&c->counter, p, n);
    while (frames && c->acks < acks_wanted) {
      frames--;
      if (++c->acks == acks_wanted) ready++;
    }
    if (frames) arrived(c, frames);
  }
}

static void turn(int timeout) {
  struct epoll_event events[512];
  int n = epoll_wait(poll_fd, events, 512, timeout);
  for (int i = 0; i < n; i++) {
    Client *c = &clients[events[i].data.u32];
    if (c->state == 0 && events[i].events & EPOLLOUT) c->state = 1, ask_upgrade(c->fd, path);
    if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) input(c);
  }
}

static int control(const char *where) {
  char text[4096];
  int fd = dial();
  fcntl(fd, F_SETFL, 0);
  ask_upgrade(fd, where);
  if (read(fd, text, sizeof text) < 12 || memcmp(text, "HTTP/1.1 101", 12)) die("control");
  return fd;
}

static void publish(int fd, int events) {
  char text[16], frame[64];
  snprintf(text, sizeof text, "%d", events);
  size_t n = client_frame(frame, text);
  if (write(fd, frame, n) != (ssize_t)n) die("publish");
}

static int ascending(const void *a, const void *b) {
  double d = *(const double *)a - *(const double *)b;
  return d < 0 ? -1 : d > 0;
}

static void wait_for(uint64_t target, double deadline) {
  while (delivered < target) {
    if (now() > deadline) {
      fprintf(stderr, "lost: %llu of %llu arrived\n", (unsigned long long)delivered, (unsigned long long)target);
      exit(3);
    }
    turn(100);
  }
}

int main(int argc, char **argv) {
  if (argc != 11) return fprintf(stderr, "see the head of loadgen.c\n"), 1;
  port = atoi(argv[1]), path = argv[2], count = atoi(argv[3]), acks_wanted = atoi(argv[5]);
  int latency = !strcmp(argv[7], "latency"), burst = atoi(argv[8]), pid = atoi(argv[10]);
  double seconds = atof(argv[9]);
  if (strcmp(argv[4], "-")) hello_size = client_frame(hello, argv[4]);
  many_files();
  clients = calloc(count, sizeof *clients);
  poll_fd = epoll_create1(0);

  int fd = control(argv[6]);
  long kib = server_kib(pid), ticks = server_ticks(pid);
  double begin = now();
  for (int started = 0; ready < count;) {
    while (started < count && started < ready + 64) start(started++);
    turn(1000);
    if (now() - begin > 120) return fprintf(stderr, "only %d connected\n", ready), 3;
  }
  double connecting = now() - begin, connect_cpu = (double)(server_ticks(pid) - ticks) / sysconf(_SC_CLK_TCK);
  kib = server_kib(pid) - kib;

  publish(fd, 1); /* warm */
  wait_for(count, now() + 30);
  for (int i = 0; i < count; i++) clients[i].got = 0;
  delivered = 0, ticks = server_ticks(pid);
  uint64_t asked = 0;
  if (latency) {
    int events = 20 * seconds;
    sent_at = calloc(events + 1, sizeof *sent_at);
    latency_room = (uint64_t)events * count, latencies = malloc(latency_room * sizeof *latencies);
    begin = now();
    for (int k = 0; k < events; k++) {
      while (now() < begin + k * 0.05) {
        double left = begin + k * 0.05 - now();
        turn(left > 0.002 ? 1 : 0);
      }
      sent_at[k] = now(), publish(fd, 1), asked++;
    }
  } else {
    begin = now();
    while (now() - begin < seconds) {
      if (delivered == asked * count * burst) publish(fd, burst), asked++;
      turn(100);
    }
  }
  wait_for(asked * (latency ? 1 : burst) * count, now() + 30);
  double took = now() - begin, cpu = (double)(server_ticks(pid) - ticks) / sysconf(_SC_CLK_TCK);
  if (latency) qsort(latencies, latency_count, sizeof *latencies, ascending);
  printf("{\"deliveries\": %llu, \"seconds\": %.4f, \"rate\": %.0f, \"cpu_us\": %.3f, \"connects\": %.0f, "
         "\"connect_cpu_us\": %.1f, \"kib\": %.2f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
         (unsigned long long)delivered, took, delivered / took, cpu / delivered * 1e6, count / connecting,
         connect_cpu / count * 1e6, (double)kib / count, latency ? latencies[latency_count / 2] * 1e3 : 0,
         latency ? latencies[(uint64_t)(latency_count * 0.99)] * 1e3 : 0);
  return 0;
}
