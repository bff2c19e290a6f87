/* load - clients for the benchmark: one thread, one epoll; prints one line of JSON.
 *
 *     load trips -p PORT -c AT_ONCE -T SECONDS [-m TEXT] [-w BYTES] [-g MS] [-n MOST] [-S] [-r]
 *         Connects, sends TEXT and its end, reads to the server's end, again and again. A trip that brought less or more
 *         than BYTES failed; -n: so many trips, however long they take; with -r every end but a refused connect is success. -g: pause before a trip.
 *         -S: each from another source address, 127.1.0.1 and up.
 *     load flow -p PORT -k send|recv|echo -c AT_ONCE -T SECONDS
 *         Bytes through AT_ONCE connections that stay.
 *     load hold -p PORT -n HOW_MANY [-m TEXT]
 *         Opens connections and keeps them until its standard input ends; TEXT is sent and waited for once on each.
 *
 * A client always ends with a reset (SO_LINGER 0): no TIME_WAIT is left to the next measurement.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 18, EVENTS = 256 };
/* Nobody waits longer for a connection's end; it failed. */
static const double PATIENCE = 3.0;

struct trip {
	int sock;         /* -1: none is under way */
	long got;
	double began, first, next;
};

static struct sockaddr_in server = {.sin_family = AF_INET};
static int at_once = 1, any_end, spread, epoll;
static long most = -1, wanted = -1, trips, good, bad_connect, bad_reset, bad_bytes, bad_late, next_source;
static double seconds = 1, gap;
static const char *text = "", *kind = "recv";
static size_t text_size;
static float *firsts, *wholes;
static long room_for;
static char room[ROOM];

static double now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static int reach(int blocking)
{
	struct linger reset = {1, 0};
	int sock = socket(AF_INET, SOCK_STREAM | (blocking ? 0 : SOCK_NONBLOCK), 0), yes = 1;

	if (sock < 0)
		return -1;
	setsockopt(sock, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	if (spread) {
		struct sockaddr_in from = {.sin_family = AF_INET};

		from.sin_addr.s_addr = htonl(0x7f010001u + (uint32_t)next_source++ % 0x00fe0000u);
		setsockopt(sock, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
		if (bind(sock, (struct sockaddr *)&from, sizeof from))
			err(1, "bind");
	}
	if (connect(sock, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS) {
		close(sock);
		return -1;
	}
	return sock;
}

static void begin(struct trip *trip)
{
	trips++;
	*trip = (struct trip){.sock = -1, .began = now()};
	trip->sock = reach(0);
	if (trip->sock < 0) {
		bad_connect++;
		trip->next = now() + 0.001;
		return;
	}
	struct epoll_event wish = {EPOLLIN | EPOLLET | (text_size ? EPOLLOUT : 0), {.ptr = trip}};
	epoll_ctl(epoll, EPOLL_CTL_ADD, trip->sock, &wish);
}

static void end(struct trip *trip, long *fault)
{
	double at = now();

	close(trip->sock);
	trip->sock = -1;
	trip->next = at + gap;
	if (fault) {
		++*fault;
		return;
	}
	if (good == room_for) {
		room_for = room_for ? room_for * 2 : 4096;
		firsts = realloc(firsts, (size_t)room_for * sizeof *firsts);
		wholes = realloc(wholes, (size_t)room_for * sizeof *wholes);
	}
	firsts[good] = (float)((trip->first ? trip->first : at) - trip->began);
	wholes[good++] = (float)(at - trip->began);
}

static void go_on(struct trip *trip, uint32_t events)
{
	if (events & EPOLLOUT && text_size && !trip->first) {
		/* A new connection's buffer takes a short text whole; a fault shows at the read below. */
		if (send(trip->sock, text, text_size, MSG_NOSIGNAL) == (ssize_t)text_size)
			shutdown(trip->sock, SHUT_WR);
		struct epoll_event wish = {EPOLLIN | EPOLLET, {.ptr = trip}};
		epoll_ctl(epoll, EPOLL_CTL_MOD, trip->sock, &wish);
	}
	if (!(events & ~(uint32_t)EPOLLOUT))
		return;
	for (;;) {
		ssize_t got = recv(trip->sock, room, ROOM, 0);

		if (got > 0) {
			if (!trip->first)
				trip->first = now();
			trip->got += got;
		} else if (got == 0) {
			end(trip, !any_end && wanted >= 0 && trip->got != wanted ? &bad_bytes : NULL);
			return;
		} else if (errno == EAGAIN) {
			return;
		} else {
			int never = errno == ECONNREFUSED || errno == ETIMEDOUT;

			end(trip, never ? &bad_connect : any_end ? NULL : &bad_reset);
			return;
		}
	}
}

static int by_size(const void *left, const void *right)
{
	float a = *(const float *)left, b = *(const float *)right;

	return (a > b) - (a < b);
}

static double quantile(float *values, double part)
{
	return good ? values[(long)(part * (double)(good - 1))] * 1e6 : 0;
}

static double cpu(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void run_trips(void)
{
	struct trip *all = calloc((size_t)at_once, sizeof *all);
	struct epoll_event events[EVENTS];
	double start = now(), stop = most >= 0 ? 1e18 : start + seconds, stopped = 0, at;
	long in_time = -1;

	for (int i = 0; i < at_once; i++)
		all[i].sock = -1;
	for (int under_way = 0;;) {
		at = now();
		int may = at < stop && (most < 0 || trips < most);
		if (!may && in_time < 0) {
			in_time = good;
			stopped = at;
		}
		under_way = 0;
		for (int i = 0; i < at_once; i++) {
			if (all[i].sock < 0 && may && all[i].next <= at && (most < 0 || trips < most))
				begin(&all[i]);
			if (all[i].sock >= 0 && at - all[i].began > PATIENCE)
				end(&all[i], &bad_late);
			under_way += all[i].sock >= 0;
		}
		if (!may && !under_way)
			break;
		int found = epoll_wait(epoll, events, EVENTS, gap > 0 || !under_way ? 1 : 100);
		for (int i = 0; i < found; i++) {
			struct trip *trip = events[i].data.ptr;

			if (trip->sock < 0)
				continue;
			go_on(trip, events[i].events);
			if (trip->sock < 0 && gap == 0 && (most < 0 || trips < most) && now() < stop)
				begin(trip);
		}
	}
	if (most >= 0) { /* a number of trips was asked for: all of them count, and the time they took */
		in_time = good;
		stopped = now();
	}
	double took = stopped - start;
	qsort(firsts, (size_t)good, sizeof *firsts, by_size);
	qsort(wholes, (size_t)good, sizeof *wholes, by_size);
	printf("{\"trips\": %ld, \"good\": %ld, \"rate\": %.1f, \"first50\": %.1f, \"first99\": %.1f, \"whole50\": %.1f, "
	       "\"whole99\": %.1f, \"longest\": %.1f, \"errors\": %ld, \"connect\": %ld, \"reset\": %ld, \"bytes\": %ld, "
	       "\"late\": %ld, \"seconds\": %.4f, \"cpu\": %.4f}\n",
	       trips, good, (double)in_time / took, quantile(firsts, .5), quantile(firsts, .99), quantile(wholes, .5),
	       quantile(wholes, .99), quantile(wholes, 1), bad_connect + bad_reset + bad_bytes + bad_late, bad_connect, bad_reset,
	       bad_bytes, bad_late, took, cpu());
}

static void run_flow(void)
{
	struct epoll_event events[EVENTS];
	int reads = strcmp(kind, "send") != 0, writes = strcmp(kind, "recv") != 0;
	double in = 0, out = 0;

	memset(room, 'x', ROOM);
	for (int i = 0; i < at_once; i++) {
		int sock = reach(1);

		if (sock < 0)
			err(1, "connect");
		fcntl(sock, F_SETFL, O_NONBLOCK);
		struct epoll_event wish = {(reads ? EPOLLIN : 0) | (writes ? EPOLLOUT : 0), {.fd = sock}};
		epoll_ctl(epoll, EPOLL_CTL_ADD, sock, &wish);
	}
	double start = now(), stop = start + seconds;
	while (now() < stop) {
		int found = epoll_wait(epoll, events, EVENTS, 100);

		for (int i = 0; i < found; i++) {
			if (events[i].events & (EPOLLHUP | EPOLLERR))
				errx(1, "the server closed");
			if (events[i].events & EPOLLIN) {
				ssize_t got = recv(events[i].data.fd, room, ROOM, 0);

				if (got == 0)
					errx(1, "the server ended");
				in += got > 0 ? (double)got : 0;
			}
			if (events[i].events & EPOLLOUT) {
				ssize_t gone = send(events[i].data.fd, room, ROOM, MSG_NOSIGNAL);

				out += gone > 0 ? (double)gone : 0;
			}
		}
	}
	double took = now() - start;
	printf("{\"mbs\": %.1f, \"cpu\": %.4f, \"seconds\": %.4f, \"errors\": 0}\n", (reads ? in : out) / took / 1e6, cpu(), took);
}

static void run_hold(void)
{
	long open = 0;
	double start = now();

	for (long i = 0; i < most; i++) {
		int sock = reach(1);
		size_t back = 0;

		if (sock < 0)
			continue;
		if (text_size && send(sock, text, text_size, MSG_NOSIGNAL) == (ssize_t)text_size)
			while (back < text_size) {
				ssize_t got = recv(sock, room, ROOM, 0);

				if (got <= 0)
					break;
				back += (size_t)got;
			}
		open += back == text_size;
	}
	printf("{\"open\": %ld, \"errors\": %ld, \"seconds\": %.4f}\n", open, most - open, now() - start);
	fflush(stdout);
	while (read(0, room, ROOM) > 0)
		;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	int option;

	optind = 2;
	while ((option = getopt(argc, argv, "p:c:T:m:w:g:n:k:Sr")) != -1)
		switch (option) {
		case 'p': server.sin_port = htons((uint16_t)atoi(optarg)); break;
		case 'c': at_once = atoi(optarg); break;
		case 'T': seconds = atof(optarg); break;
		case 'm': text = optarg; break;
		case 'w': wanted = atol(optarg); break;
		case 'g': gap = atof(optarg) / 1e3; break;
		case 'n': most = atol(optarg); break;
		case 'k': kind = optarg; break;
		case 'S': spread = 1; break;
		case 'r': any_end = 1; break;
		default: return 2;
		}
	text_size = strlen(text);
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	epoll = epoll_create1(0);
	if (!strcmp(mode, "trips"))
		run_trips();
	else if (!strcmp(mode, "flow"))
		run_flow();
	else if (!strcmp(mode, "hold"))
		run_hold();
	else
		errx(2, "usage: see the head of load.c");
	return 0;
}
