/* relay - what a relay can do on this machine: C, splice(2), one epoll a process.
 *
 *     relay PORT TARGET PROCESSES    PORT, PORT+1, PORT+2 to TARGET, TARGET+1, TARGET+2 of loopback
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAYS = 3, CHUNK = 1 << 20, EVENTS = 256 };

struct way {
	int from, to, pipe[2];
	size_t left;
	int done;
};

struct pair {
	struct way way[2];
};

static int listeners[WAYS], target, epoll;
static struct pair marks[WAYS]; /* their addresses tell listeners from sessions */

static struct sockaddr_in at(int port)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return here;
}

/* 1: there is more; 0: nothing more for now, or done; -1: broken */
static int pump(struct way *way)
{
	ssize_t moved = 0, turn = CHUNK;

	while (turn > 0) {
		if (!way->left) {
			moved = splice(way->from, NULL, way->pipe[1], NULL, CHUNK, SPLICE_F_NONBLOCK);
			if (moved < 0)
				return errno == EAGAIN ? 0 : -1;
			if (moved == 0) {
				way->done = 1;
				return shutdown(way->to, SHUT_WR) ? -1 : 0;
			}
			way->left = moved;
		}
		moved = splice(way->pipe[0], NULL, way->to, NULL, way->left, SPLICE_F_NONBLOCK);
		if (moved < 0)
			return errno == EAGAIN ? 0 : -1;
		way->left -= moved;
		turn -= moved;
	}
	return 1;
}

static void end(struct pair *pair)
{
	for (int n = 0; n < 2; n++) {
		close(pair->way[n].from);
		close(pair->way[n].pipe[0]);
		close(pair->way[n].pipe[1]);
	}
	free(pair);
}

static void begin(int kind)
{
	int client = accept4(listeners[kind], NULL, NULL, SOCK_NONBLOCK), other;
	struct sockaddr_in there = at(target + kind);
	struct pair *pair;

	if (client < 0)
		return;
	other = socket(AF_INET, SOCK_STREAM, 0);
	if (other < 0 || connect(other, (struct sockaddr *)&there, sizeof there))
		err(1, "connect");
	fcntl(other, F_SETFL, O_NONBLOCK);
	pair = calloc(1, sizeof *pair);
	pair->way[0].from = pair->way[1].to = client;
	pair->way[1].from = pair->way[0].to = other;
	for (int n = 0; n < 2; n++) {
		struct epoll_event event = {EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {.ptr = pair}};

		if (pipe2(pair->way[n].pipe, O_NONBLOCK))
			err(1, "pipe");
		fcntl(pair->way[n].pipe[0], F_SETPIPE_SZ, CHUNK);
		epoll_ctl(epoll, EPOLL_CTL_ADD, pair->way[n].from, &event);
	}
}

static void serve(void)
{
	static struct pair *ready[EVENTS * 16];
	struct epoll_event events[EVENTS];
	int count = 0;

	epoll = epoll_create1(0);
	for (int kind = 0; kind < WAYS; kind++) {
		struct epoll_event event = {EPOLLIN | EPOLLEXCLUSIVE, {.ptr = &marks[kind]}};

		epoll_ctl(epoll, EPOLL_CTL_ADD, listeners[kind], &event);
	}
	for (;;) {
		int found = epoll_wait(epoll, events, EVENTS, count ? 0 : -1), kept = 0;

		for (int n = 0; n < found; n++) {
			struct pair *pair = events[n].data.ptr;
			int known = 0;

			if (pair >= marks && pair < marks + WAYS) {
				begin(pair - marks);
				continue;
			}
			for (int m = 0; m < count; m++)
				known |= ready[m] == pair;
			if (!known && count < EVENTS * 16)
				ready[count++] = pair;
		}
		for (int n = 0; n < count; n++) {
			struct pair *pair = ready[n];
			int one = pair->way[0].done ? 0 : pump(&pair->way[0]);
			int other = one < 0 || pair->way[1].done ? 0 : pump(&pair->way[1]);

			if (one < 0 || other < 0 || (pair->way[0].done && pair->way[1].done))
				end(pair);
			else if (one || other)
				ready[kept++] = pair;
		}
		count = kept;
	}
}

int main(int argc, char **argv)
{
	if (argc != 4)
		errx(2, "usage: relay PORT TARGET PROCESSES");
	signal(SIGPIPE, SIG_IGN);
	target = atoi(argv[2]);
	for (int kind = 0; kind < WAYS; kind++) {
		struct sockaddr_in here = at(atoi(argv[1]) + kind);
		int yes = 1;

		listeners[kind] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		setsockopt(listeners[kind], SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
		if (bind(listeners[kind], (struct sockaddr *)&here, sizeof here) || listen(listeners[kind], 4096))
			err(1, "port %d", atoi(argv[1]) + kind);
	}
	for (int n = 1; n < atoi(argv[3]); n++)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGTERM);
			serve();
		}
	serve();
}
