/* pump - a C program that does what internal services do, as their measure and as the target of redirects.
 *
 *     pump PORT    PORT echoes, PORT+1 throws away, PORT+2 sends without end; a thread for each connection
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ECHO, DISCARD, SEND, KINDS };
enum { ROOM = 1 << 18 };

static _Thread_local char room[ROOM];

static int send_all(int sock, const char *from, size_t left)
{
	while (left > 0) {
		ssize_t gone = send(sock, from, left, MSG_NOSIGNAL);

		if (gone < 0)
			return -1;
		from += gone;
		left -= (size_t)gone;
	}
	return 0;
}

static void *serve(void *job)
{
	int sock = (int)((intptr_t)job / KINDS), kind = (int)((intptr_t)job % KINDS);
	ssize_t got;

	if (kind == SEND)
		while (!send_all(sock, room, ROOM))
			;
	else
		while ((got = recv(sock, room, ROOM, kind == DISCARD ? MSG_TRUNC : 0)) > 0)
			if (kind == ECHO && send_all(sock, room, (size_t)got))
				break;
	close(sock);
	return NULL;
}

static void start(pthread_attr_t *small, void *(*what)(void *), intptr_t job)
{
	pthread_t thread;

	if (pthread_create(&thread, small, what, (void *)job))
		errx(1, "no more threads");
}

static pthread_attr_t small;

static void *hear(void *job)
{
	int listener = (int)((intptr_t)job / KINDS), kind = (int)((intptr_t)job % KINDS);

	for (;;) {
		int sock = accept(listener, NULL, NULL);

		if (sock >= 0)
			start(&small, serve, (intptr_t)sock * KINDS + kind);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		errx(2, "usage: pump PORT");
	pthread_attr_init(&small);
	pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&small, 1 << 19);
	for (int kind = 0; kind < KINDS; kind++) {
		struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]) + kind)};
		int sock = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

		here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
		if (bind(sock, (struct sockaddr *)&here, sizeof here) || listen(sock, 4096))
			err(1, "port %d", atoi(argv[1]) + kind);
		start(&small, hear, (intptr_t)sock * KINDS + kind);
	}
	pause();
	return 0;
}
