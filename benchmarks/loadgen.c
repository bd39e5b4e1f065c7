/* The clients of one run: connects them, has events published, counts what arrives. Prints a JSON object a line: first what
   connecting took, then each phase.

   loadgen PORTS PIDS CLIENTS CHANNELS PATH HELLO ACKS CONTROL PUBLISH BODY PHASE...

   PORTS and PIDS are the server's, or those of several instances: 8001,8002. The last instance has the first clients, and
   what is published is asked of the first: where there is one client, its events have crossed from one to the other.
   Client i is on channel i % CHANNELS, whose number stands for %d in the texts. It opens a WebSocket to PATH, sends HELLO
   (- for none) and is ready after ACKS frames. On CONTROL, a WebSocket of its own, a frame "K C" makes the server publish
   K events on each of C channels; with - the same is asked for by POSTs of BODY to PUBLISH, pipelined on one connection.
   PIDS are for CPU time and memory: cpu_us is that of all instances a delivery, first_us that of the first, store_us that of
   the process STORE in the environment. With DEFLATE in the environment the clients offer permessage-deflate; with SSE they
   open event streams in place of WebSockets, and HELLO is not sent.

   PHASE is KIND:N:SECONDS, where KIND is
     rate     N events on each channel; again when the last has arrived: two under way would be joined by a server that can
     together the same, but published concurrently: the frame is "K C together"
     latency  N times a second an event
     http     N connections publish, channel after channel, each the next when the last was answered
   Every client must get every event of its channel and nothing else: exit code 2 where a server refused or ended
   something, 3 where events were lost, doubled or late by more than 30 s. */
#include "poster.h"
#include "process.h"

#define POSTERS 65
#define SOON 30     /* seconds */
#define SETTLING 1 /* seconds for what a server has still to tell its store: some accept a client before */
#define OFFER "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"

typedef struct {
  int fd, state, acks, channel; /* state: 0 connecting, 1 handshake, 2 open */
  uint64_t got;
  Counter counter;
} Client;

static int ports[INSTANCES], pids[INSTANCES], instances, store, count, channels, acks_wanted, ready, poll_fd, control_fd = -1;
static int deflate, sse;
static const char *path, *hello, *control, *publish_path, *publish_body;
static Client *clients;
static Poster posters[POSTERS]; /* the first is the control's */
static uint64_t delivered, received /* bytes */, target, *published /* a channel */, unanswered, next_channel;
static double posting_until;
static double *sent_at, *latencies;
static uint64_t latency_count, latency_room;

static void watch(int fd, int id, int events) {
  struct epoll_event e = {.events = events | EPOLLIN | EPOLLRDHUP | EPOLLET, .data.u32 = id};
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &e);
}

static void lost(const char *what, uint64_t got, uint64_t of) {
  fprintf(stderr, "%s: %llu of %llu arrived\n", what, (unsigned long long)got, (unsigned long long)of);
  exit(3);
}

static void arrived(Client *c, int frames) {
  if (c->got + frames > published[c->channel]) lost("not asked for", c->got + frames, published[c->channel]);
  if (sent_at) {
    double t = now();
    for (int k = 0; k < frames && latency_count < latency_room; k++) latencies[latency_count++] = t - sent_at[c->got + k];
  }
  c->got += frames, delivered += frames;
}

static void opened(Client *c) {
  c->state = 2;
  if (strcmp(hello, "-") && !sse) send_frame(c->fd, filled(hello, c->channel));
  if (!acks_wanted) ready++;
}

static void input(Client *c, int ended) {
  static uint8_t buffer[(1 << 18) + 1];
  const ssize_t room = sizeof buffer - 1;
  for (;;) {
    ssize_t n = read(c->fd, buffer, room), all = n;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) fail("the server ended a connection", "");
    uint8_t *p = buffer;
    received += n;
    if (c->state == 1) {
      uint8_t *end = memmem(buffer, n, "\r\n\r\n", 4);
      if (!end || memcmp(buffer, sse ? "HTTP/1.1 200" : "HTTP/1.1 101", 12)) fail("refused: ", (buffer[n] = 0, (char *)buffer));
      n -= end + 4 - p, p = end + 4;
      opened(c);
    }
    int frames = (sse ? count_events : count_frames)(&c->counter, p, n);
    for (; frames && c->acks < acks_wanted; frames--)
      if (++c->acks == acks_wanted) ready++;
    if (frames) arrived(c, frames);
    if (all < room && !ended) return; /* a short read took everything: epoll(7) */
  }
}

static void post_next(Poster *p) {
  int channel = next_channel++ % channels;
  published[channel]++, unanswered++, target += (count - channel + channels - 1) / channels;
  post(p, ports[0], publish_path, publish_body, channel);
}

static int port_of(int client) { return ports[instances - 1 - client * instances / count]; }

static void greet(Client *c, int port) {
  c->state = 1;
  if (sse) return ask_stream(c->fd, port, filled(path, c->channel));
  ask_upgrade(c->fd, port, filled(path, c->channel), deflate ? OFFER : "");
}

static void turn(int timeout) {
  struct epoll_event events[512];
  int n = epoll_wait(poll_fd, events, 512, timeout);
  for (int i = 0; i < n; i++) {
    int id = events[i].data.u32, seen = events[i].events;
    if (id >= count) {
      Poster *p = &posters[id - count];
      for (int k = answers(p); k > 0; k--, unanswered--)
        if (now() < posting_until) post_next(p);
      continue;
    }
    Client *c = &clients[id];
    if (c->state == 0 && seen & EPOLLOUT) greet(c, port_of(id));
    if (seen & (EPOLLIN | EPOLLHUP | EPOLLERR)) input(c, seen & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
  }
}

static void open_poster(int i) {
  posters[i].fd = dial(ports[0], 0), posters[i].have = 0;
  fcntl(posters[i].fd, F_SETFL, O_NONBLOCK);
  watch(posters[i].fd, count + i, 0);
}

static void open_control(void) {
  char text[4096];
  if (!strcmp(control, "-")) return open_poster(0);
  control_fd = dial(ports[0], 0);
  ask_upgrade(control_fd, ports[0], control, "");
  if (read(control_fd, text, sizeof text) < 12 || memcmp(text, "HTTP/1.1 101", 12)) fail("no control", "");
}

/* Asks for `events` on every channel. */
static void publish(int events, const char *how) {
  if (control_fd < 0) {
    for (int k = events * channels; k; k--) post_next(&posters[0]);
    return;
  }
  char text[64];
  snprintf(text, sizeof text, "%d %d%s", events, channels, how);
  for (int c = 0; c < channels; c++) published[c] += events;
  target += (uint64_t)events * count;
  send_frame(control_fd, text);
}

static void wait_for_all(void) {
  double deadline = now() + SOON;
  while (delivered < target || unanswered) {
    if (now() > deadline) lost("lost or late", delivered, target);
    turn(100);
  }
}

static void connect_all(void) {
  long kib = kib_of_all(pids, instances);
  double begin = now(), cpu = cpu_of_all(pids, instances);
  for (int started = 0; ready < count;) {
    for (; started < count && started < ready + 64; started++) {
      Client *c = &clients[started];
      c->fd = dial(port_of(started), SOCK_NONBLOCK), c->channel = started % channels;
      watch(c->fd, started, EPOLLOUT);
    }
    turn(1000);
    if (now() - begin > 120) lost("connecting takes too long", ready, count);
  }
  double took = now() - begin;
  printf("{\"connects\": %.0f, \"connect_cpu_us\": %.1f, \"kib\": %.2f}\n", count / took,
         (cpu_of_all(pids, instances) - cpu) / count * 1e6, (double)(kib_of_all(pids, instances) - kib) / count);
}

static void rounds(int events, double seconds, const char *how) {
  double end = now() + seconds;
  do {
    if (delivered == target && !unanswered) publish(events, how);
    turn(100);
  } while (now() < end);
}

static void rate(int events, double seconds) { rounds(events, seconds, ""); }

static void together(int events, double seconds) { rounds(events, seconds, " together"); }

static void latency(int a_second, double seconds) {
  int events = a_second * seconds + 1;
  sent_at = calloc(events, sizeof *sent_at);
  latency_room = (uint64_t)events * count, latencies = malloc(latency_room * sizeof *latencies);
  double begin = now();
  for (int k = 0; k < events; k++) {
    double left;
    while ((left = begin + (double)k / a_second - now()) > 0) turn(left > 0.002);
    sent_at[k] = now(), publish(1, "");
  }
}

static void http(int connections, double seconds) {
  posting_until = now() + seconds;
  for (int i = 1; i <= connections && i < POSTERS; i++) open_poster(i), post_next(&posters[i]);
  while (now() < posting_until) turn(100);
}

static void close_posters(void) {
  for (int i = 1; i < POSTERS; i++)
    if (posters[i].fd) close(posters[i].fd), posters[i].fd = 0;
}

static void forget(void) {
  for (int i = 0; i < count; i++) clients[i].got = 0;
  memset(published, 0, channels * sizeof *published);
  delivered = target = next_channel = latency_count = 0;
}

static int ascending(const void *a, const void *b) {
  double d = *(const double *)a - *(const double *)b;
  return d < 0 ? -1 : d > 0;
}

static double percentile(double share) { return latency_count ? latencies[(uint64_t)(latency_count * share)] * 1e3 : 0; }

static void settle(double seconds) {
  for (double end = now() + seconds; now() < end;) turn(20);
}

/* Until everything asked for has arrived. */
static void run(const char *kind, int n, double seconds) {
  forget();
  (!strcmp(kind, "rate") ? rate : !strcmp(kind, "together") ? together : !strcmp(kind, "latency") ? latency : http)(n, seconds);
  wait_for_all();
  close_posters();
}

static void phase(const char *text) {
  char kind[16];
  int n;
  double seconds;
  if (sscanf(text, "%15[a-z]:%d:%lf", kind, &n, &seconds) != 3) fail("no phase: ", text);
  if (strcmp(kind, "latency")) run(kind, n, seconds / 4); /* warm: some compile as they run */
  double begin = now(), cpu = cpu_of_all(pids, instances), first = cpu_of(pids[0]), stored = store ? cpu_of(store) : 0;
  double own = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  received = 0;
  run(kind, n, seconds);
  double took = now() - begin;
  cpu = cpu_of_all(pids, instances) - cpu, first = cpu_of(pids[0]) - first, stored = store ? cpu_of(store) - stored : 0;
  own = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - own;
  qsort(latencies, latency_count, sizeof *latencies, ascending);
  printf("{\"deliveries\": %llu, \"seconds\": %.4f, \"rate\": %.0f, \"cpu_us\": %.3f, \"first_us\": %.3f, "
         "\"store_us\": %.3f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
         "\"server\": %.3f, \"generator\": %.3f, \"bytes\": %.1f}\n",
         (unsigned long long)delivered, took, delivered / took, cpu / delivered * 1e6,
         first / delivered * 1e6, stored / delivered * 1e6, percentile(0.5), percentile(0.99),
         cpu / took, own / took, (double)received / delivered);
  fflush(stdout);
  free(sent_at), free(latencies), sent_at = latencies = NULL;
}

int main(int argc, char **argv) {
  if (argc < 11) return fprintf(stderr, "see the head of loadgen.c\n"), 1;
  instances = numbers(argv[1], ports), numbers(argv[2], pids);
  store = getenv("STORE") ? atoi(getenv("STORE")) : 0;
  count = atoi(argv[3]), channels = atoi(argv[4]);
  path = argv[5], hello = argv[6], acks_wanted = atoi(argv[7]);
  control = argv[8], publish_path = argv[9], publish_body = argv[10];
  deflate = getenv("DEFLATE") != NULL, sse = getenv("SSE") != NULL;
  many_files();
  clients = calloc(count, sizeof *clients), published = calloc(channels, sizeof *published);
  poll_fd = epoll_create1(0);
  open_control();
  connect_all();
  fflush(stdout);
  if (store) settle(SETTLING);
  run("rate", 1, 0); /* everybody is subscribed, or it is known now */
  for (int i = 11; i < argc; i++) phase(argv[i]);
  return 0;
}
