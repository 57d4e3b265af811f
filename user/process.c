/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/time.h"

#define INITIAL_PID_NS 0xEFFFFFFCU /* its inode number, the same in all kernels */

/* The 22nd field of /proc/PID/stat, in clock ticks (proc(5)); the name before may hold anything. */
static int read_start(pid_t pid, uint64_t *ret)
{
	char path[64], text[1024];
	unsigned long long ticks;
	_close_ int fd = -1;
	char *end;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	end = strrchr(text, ')');
	if (!end || sscanf(end + 1,
			   " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			   "%*s %*s %llu",
			   &ticks) != 1)
		return -EBADMSG;
	*ret = ticks;
	return 0;
}

int process_kill(pid_t pid, uint64_t start)
{
	/* Held first: who then proves to have started at the right time is who is held. */
	_close_ int held = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd end = {.fd = held, .events = POLLIN};
	uint64_t ticks;
	int r;

	if (held < 0)
		return -errno;
	r = read_start(pid, &ticks);
	if (r < 0)
		return r;
	if (ticks != start / (NS_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK)))
		return -ESRCH;
	if (poll(&end, 1, 0) > 0) /* it has ended, and waits for its parent */
		return -ESRCH;
	return syscall(SYS_pidfd_send_signal, held, SIGKILL, NULL, 0) < 0 ? -errno : 0;
}

bool process_ids_are_global(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) < 0 || st.st_ino == INITIAL_PID_NS;
}
