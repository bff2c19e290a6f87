/* floor - what no server can beat: an accept loop in C that does nothing else.
 *
 *     floor start PORT UID PROGRAM    each connection: vfork, become UID, socket on 0, 1, 2, exec
 *     floor close PORT                each connection: close
 *
 * Reads no configuration, keeps no count, writes no log.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int listen_on(const char *port)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(sock, (struct sockaddr *)&here, sizeof here) || listen(sock, 4096))
		err(1, "port %s", port);
	return sock;
}

int main(int argc, char **argv)
{
	if (argc < 3 || (!strcmp(argv[1], "start") && argc < 5))
		errx(2, "usage: see the head of floor.c");
	int listener = listen_on(argv[2]), start = !strcmp(argv[1], "start");
	gid_t id = start ? (gid_t)atoi(argv[3]) : 0;
	char *arguments[] = {start ? argv[4] : NULL, NULL}, *environment[] = {NULL};

	for (;;) {
		int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (sock < 0)
			continue;
		/* The raw calls: libc's would take a lock that the parent of a vfork holds. */
		if (start && !vfork()) {
			if (id && (syscall(SYS_setgroups, 1, &id) || syscall(SYS_setresgid, id, id, id) ||
				   syscall(SYS_setresuid, id, id, id)))
				_exit(126);
			for (int fd = 0; fd < 3; fd++)
				dup2(sock, fd);
			execve(arguments[0], arguments, environment);
			_exit(127);
		}
		close(sock);
		while (start && waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}
