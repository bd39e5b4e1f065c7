/* A crowd that comes back at once: the clients of an instance that is ended return to another one and recover what they
   missed. Prints a JSON object.

   returning PORTS PIDS CLIENTS CHANNELS PATH HELLO ACKS CONTROL PUBLISH BODY

   The first instance has STAYING clients from the beginning, on channel 0; the second has CLIENTS, on channel 1. PATH, HELLO and
   CONTROL are those of loadgen.c, all events are published through the first instance, and CHANNELS, ACKS, PUBLISH and BODY
   are not used. A HELLO that begins with 40 is Socket.IO's, any other that of pattern_stack. Events carry "offset": their
   number in their channel, from 1 on.

   MISSED events are published on both channels, and the second instance gets SIGTERM. When it has ended, MISSED more are
   published. Then all of its clients connect to the first instance, AT_ONCE handshakes under way at a time, and name their
   position, while A_SECOND events a second are published on channel 0: none on channel 1, where each would be CLIENTS
   deliveries. It is over when each client has got what it missed, and an event that comes then.

   seconds is the time from the first connect to the last client that has what it missed; p50_ms and p99_ms are latencies at
   the clients that stayed, in that time, and before_... of QUIET seconds without the crowd. drained is the time from the
   signal to the last close, ended that to the end of the process. refused counts clients whose return the server ended,
   unrecovered those that it let in as new ones, lost the events that did not come, doubled those that came again. */
#include "process.h"
#include <signal.h>

#define STAYING 100
#define MISSED 10
#define A_SECOND 20
#define QUIET 3         /* seconds */
#define GENTLE 64       /* clients not yet subscribed, at the first connect */
#define AT_ONCE 512     /* handshakes under way, at the return */
#define PATIENCE 120    /* seconds for a step */
#define EVENTS (1 << 16)
#define WORD 128        /* bytes: an epoch, an offset of Socket.IO's, its private id */

enum { AWAY, CONNECTING, HANDSHAKE, OPEN, SUBSCRIBED };

typedef struct {
  int fd, state, returned, refused, done, kept;
  uint64_t last; /* the number of the newest event; 0 before the first */
  char id[WORD], offset[WORD]; /* Socket.IO's */
  char rest[2048];             /* of a frame, or of the handshake */
} Client;

typedef struct {
  double values[1 << 18];
  size_t count;
} Sample;

static int ports[INSTANCES], pids[INSTANCES], crowd, count, poll_fd, control_fd, socket_io;
static int handshaken, subscribed, closed, done;
static uint64_t published[2] /* a channel */, goal, unrecovered, refused, lost, doubled;
static double sent_at[EVENTS], last_done, next_event;
static const char *path, *hello;
static char epoch[WORD];
static Client *clients; /* first those that stay */
static Sample before, during, *sample;

/* The text after `name` up to `end`, copied; whether it is there. */
static int word(const char *text, const char *name, char end, char *out) {
  const char *at = strstr(text, name), *to = at ? strchr(at += strlen(name), end) : NULL;
  if (!to || to - at >= WORD) return 0;
  memcpy(out, at, to - at), out[to - at] = 0;
  return 1;
}

static int channel_of(const Client *c) { return c >= clients + STAYING; }

/* An event on channel 0, or on both. */
static void publish(int channels) {
  if (published[0] + 1 >= EVENTS) fail("too many events", "");
  sent_at[++published[0]] = now(), published[1] += channels > 1;
  send_frame(control_fd, channels > 1 ? "1 2" : "1 1");
}

static void finished(Client *c) {
  if (!c->returned || c->done) return;
  c->done = 1, done++, last_done = now();
}

static void arrived(Client *c, const char *text) {
  const char *at = strstr(text, "\"offset\":");
  uint64_t number = at ? strtoull(at + 9, NULL, 10) : 0;
  if (!number || number > published[channel_of(c)]) fail("not asked for: ", text);
  if (socket_io && (at = strrchr(text, ','))) word(at, "\"", '"', c->offset);
  if (c->last && number <= c->last) return (void)doubled++;
  if (c->last) lost += number - c->last - 1;
  c->last = number;
  if (!channel_of(c) && sample && sample->count < sizeof sample->values / sizeof *sample->values)
    sample->values[sample->count++] = now() - sent_at[number];
  if (number >= goal) finished(c);
}

static void not_recovered(Client *c) { unrecovered++, c->last = 0, finished(c); }

static void acknowledged(Client *c, const char *text) {
  char was[WORD];
  if (c->state != SUBSCRIBED) c->state = SUBSCRIBED, subscribed++;
  strcpy(was, c->id);
  if (!(socket_io ? word(text, "\"pid\":\"", '"', c->id) : word(text, "\"epoch\":\"", '"', epoch))) fail("no position: ", text);
  if (c->returned && (socket_io ? strcmp(was, c->id) : !strstr(text, "\"recovered\":true"))) not_recovered(c);
}

static void told(Client *c, const char *text) {
  if (socket_io ? !strncmp(text, "44", 2) : strstr(text, "\"error\":") != NULL) fail("refused: ", text);
  if (socket_io ? !strncmp(text, "42", 2) : strstr(text, "\"event\":") != NULL) return arrived(c, text);
  if (socket_io ? !strncmp(text, "40", 2) : strstr(text, "\"subscribed\":") != NULL) acknowledged(c, text);
}

static void introduce(Client *c) {
  char text[1024];
  c->state = OPEN, handshaken++;
  if (!c->returned)
    send_frame(c->fd, filled(hello, channel_of(c)));
  else if (socket_io)
    snprintf(text, sizeof text, "40{\"channel\":\"1\",\"pid\":\"%s\",\"offset\":\"%s\"}", c->id, c->offset), send_frame(c->fd, text);
  else
    snprintf(text, sizeof text, "{\"subscribe\":[\"1\"],\"since\":{\"1\":{\"epoch\":\"%s\",\"offset\":%llu}},\"id\":1}", epoch,
             (unsigned long long)c->last), send_frame(c->fd, text);
}

static void ended(Client *c) {
  if (!channel_of(c)) fail("the server ended a connection", "");
  if (c->returned) c->refused = 1, refused++, handshaken += c->state < OPEN, finished(c);
  close(c->fd), c->fd = -1, c->state = AWAY, c->kept = 0, closed++;
}

/* One frame, or the handshake's answer: how many bytes it took, 0 where it is not there as a whole. */
static size_t frame(Client *c, uint8_t *p, size_t n) {
  size_t size = n < 2 ? 0 : p[1] & 127, head = size == 126 ? 4 : 2;
  if (n < head) return 0;
  if (size == 127) fail("a frame too long", "");
  if (size == 126) size = p[2] << 8 | p[3];
  if (n < head + size) return 0;
  uint8_t next = p[head + size];
  p[head + size] = 0;
  if ((p[0] & 15) == 8) return ended(c), 0;
  if ((p[0] & 15) == 1) told(c, (char *)p + head);
  p[head + size] = next;
  return head + size;
}

static size_t answer(Client *c, uint8_t *p, size_t n) {
  p[n] = 0;
  char *end = strstr((char *)p, "\r\n\r\n");
  if (!end) return 0;
  if (memcmp(p, "HTTP/1.1 101", 12)) fail("refused: ", (char *)p);
  introduce(c);
  return end + 4 - (char *)p;
}

static void input(Client *c) {
  static uint8_t buffer[(1 << 18) + 1];
  size_t n = c->kept;
  memcpy(buffer, c->rest, n);
  for (;;) {
    ssize_t got = read(c->fd, buffer + n, sizeof buffer - 1 - n);
    if (got < 0 && errno == EAGAIN) break;
    if (got <= 0) return ended(c);
    size_t from = 0, took;
    n += got;
    while (n - from >= 2 && (took = (c->state == HANDSHAKE ? answer : frame)(c, buffer + from, n - from))) from += took;
    if (c->state == AWAY) return;
    memmove(buffer, buffer + from, n -= from);
  }
  if (n > sizeof c->rest) fail("a frame too long", "");
  memcpy(c->rest, buffer, c->kept = n);
}

static int port_of(const Client *c) { return ports[channel_of(c) && !c->returned]; }

static void turn(int timeout) {
  struct epoll_event events[512];
  int n = epoll_wait(poll_fd, events, 512, timeout);
  for (int i = 0; i < n; i++) {
    Client *c = &clients[events[i].data.u32];
    if (c->state == CONNECTING && events[i].events & EPOLLOUT) {
      c->state = HANDSHAKE;
      ask_upgrade(c->fd, port_of(c), path, "");
    }
    if (c->state > CONNECTING && events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) input(c);
  }
}

/* Turns until `*what` is `of`; meanwhile publishes, where `next_event` says when. */
static int within(const char *what, const int *got, int of) {
  static const char *waits;
  static double deadline;
  if (waits != what) waits = what, deadline = now() + PATIENCE;
  if (*got >= of) return waits = NULL, 1;
  if (now() > deadline) {
    fprintf(stderr, "%s: %d of %d, within %d s\n", what, *got, of, PATIENCE);
    exit(3);
  }
  if (next_event && now() >= next_event) publish(1), next_event += 1.0 / A_SECOND;
  turn(next_event ? 5 : 100);
  return 0;
}

static void start(Client *c) {
  struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u32 = c - clients};
  c->fd = dial(port_of(c), SOCK_NONBLOCK), c->state = CONNECTING;
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &e);
}

static void connect_some(const char *what, int from, int to, const int *through, int under_way) {
  int started = from, base = *through - from;
  do
    for (; started < to && started < *through - base + under_way; started++) start(&clients[started]);
  while (!within(what, through, to + base));
}

/* Everything published has arrived at the clients up to `last`. */
static void settle(const char *what, int last) {
  for (int arrived = 0; !within(what, &arrived, last);) {
    arrived = 0;
    for (int i = 0; i < last; i++) arrived += clients[i].refused || clients[i].last == published[channel_of(&clients[i])];
  }
}

static void publish_missed(void) {
  for (int k = 0; k < MISSED; k++) publish(2);
}

static void measure_quiet(void) {
  sample = &before;
  for (double end = now() + QUIET, next = now(); now() < end;) {
    if (now() >= next) publish(1), next += 1.0 / A_SECOND;
    turn(5);
  }
  settle("events without the crowd", STAYING);
  sample = NULL;
}

/* Whether a process has ended; its parent may not have noticed. */
static int gone(int pid) {
  char name[64], state = 'Z';
  snprintf(name, sizeof name, "/proc/%d/stat", pid);
  FILE *f = fopen(name, "r");
  if (!f) return 1;
  if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1) state = 'Z';
  fclose(f);
  return state == 'Z';
}

static void drain(double *drained, double *over) {
  double begin = now();
  int is_gone = 0;
  kill(pids[1], SIGTERM);
  while (!within("closed", &closed, crowd)) continue;
  *drained = now() - begin;
  while (!within("the instance's end", &is_gone, 1)) is_gone = gone(pids[1]);
  *over = now() - begin;
}

static int ascending(const void *a, const void *b) {
  double d = *(const double *)a - *(const double *)b;
  return d < 0 ? -1 : d > 0;
}

static double percentile(Sample *s, double share) {
  qsort(s->values, s->count, sizeof *s->values, ascending);
  return s->count ? s->values[(size_t)(s->count * share)] * 1e3 : 0;
}

static void come_back(void) {
  for (int i = STAYING; i < count; i++) clients[i].returned = 1;
  goal = published[1], sample = &during, next_event = now();
  double begin = now(), cpu = cpu_of(pids[0]);
  connect_some("handshakes of the return", STAYING, count, &handshaken, AT_ONCE);
  double connected = now() - begin;
  while (!within("clients with what they missed", &done, crowd)) continue;
  double took = last_done - begin;
  cpu = cpu_of(pids[0]) - cpu;
  sample = NULL, next_event = 0;
  publish(2); /* who lost the newest event is told by the next */
  settle("events since the return", count);
  printf("{\"seconds\": %.3f, \"connects\": %.0f, \"p50_ms\": %.2f, \"p99_ms\": %.2f, \"before_p50_ms\": %.2f, "
         "\"before_p99_ms\": %.2f, \"max_ms\": %.1f, \"cpu\": %.3f",
         took, crowd / connected, percentile(&during, 0.5), percentile(&during, 0.99), percentile(&before, 0.5),
         percentile(&before, 0.99), percentile(&during, 0.999999), cpu);
}

static void open_control(const char *control) {
  char text[4096];
  control_fd = dial(ports[0], 0);
  ask_upgrade(control_fd, ports[0], control, "");
  if (read(control_fd, text, sizeof text) < 12 || memcmp(text, "HTTP/1.1 101", 12)) fail("no control", "");
}

int main(int argc, char **argv) {
  double drained, over;
  if (argc < 11 || numbers(argv[1], ports) != 2) return fprintf(stderr, "see the head of returning.c\n"), 1;
  numbers(argv[2], pids);
  path = argv[5], hello = argv[6], socket_io = !strncmp(hello, "40", 2);
  crowd = atoi(argv[3]), count = crowd + STAYING;
  many_files();
  clients = calloc(count, sizeof *clients), poll_fd = epoll_create1(0);
  open_control(argv[8]);
  connect_some("clients that stay", 0, STAYING, &subscribed, GENTLE);
  measure_quiet();
  connect_some("clients of the other instance", STAYING, count, &subscribed, GENTLE);
  publish_missed(), settle("events before the drain", count);
  drain(&drained, &over);
  publish_missed(), settle("events while they were gone", STAYING);
  lost = doubled = 0;
  come_back();
  printf(", \"drained\": %.3f, \"ended\": %.3f, \"refused\": %llu, \"unrecovered\": %llu, \"lost\": %llu, \"doubled\": %llu}\n",
         drained, over, (unsigned long long)refused, (unsigned long long)unrecovered, (unsigned long long)lost, (unsigned long long)doubled);
  return 0;
}
