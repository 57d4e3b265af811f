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

#define STAT_SIZE 1024

/* What /proc/PID/stat says behind the name, which may hold anything (proc(5)). NULL: see *ret_error. */
static const char *read_stat(const char *path, char text[STAT_SIZE], int *ret_error)
{
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, STAT_SIZE - 1);
	char *end;

	if (n < 0) {
		*ret_error = errno == ENOENT ? -ESRCH : -errno;
		return NULL;
	}
	text[n] = '\0';
	end = strrchr(text, ')');
	*ret_error = -EBADMSG;
	return end ? end + 1 : NULL;
}

/* The 22nd field, in clock ticks. */
static int read_start(pid_t pid, uint64_t *ret)
{
	char path[64], text[STAT_SIZE];
	unsigned long long ticks;
	const char *fields;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fields = read_stat(path, text, &r);
	if (!fields)
		return r;
	if (sscanf(fields,
		   " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
		   "%*s %*s %llu",
		   &ticks) != 1)
		return -EBADMSG;
	*ret = ticks;
	return 0;
}

int process_thread_state(pid_t pid, pid_t tid, char *ret)
{
	char path[64], text[STAT_SIZE];
	const char *fields;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	fields = read_stat(path, text, &r);
	if (!fields)
		return r;
	return sscanf(fields, " %c", ret) == 1 ? 0 : -EBADMSG;
}

static bool is_start(uint64_t ticks, uint64_t start)
{
	return ticks == start / (NS_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK));
}

bool process_is(pid_t pid, uint64_t start)
{
	uint64_t ticks;

	return read_start(pid, &ticks) == 0 && is_start(ticks, start);
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
	if (!is_start(ticks, start))
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
