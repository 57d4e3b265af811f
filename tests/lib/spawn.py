#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Runs a program in one of the ways there are: spawn.py HOW PROGRAM ARGUMENT...

HOW: subprocess (vfork), fork, posix_spawn, fexecve (by file descriptor), thread (from a thread
that is not the first). Prints "exit N", "signal N" or "error NAME", and ends with 0.
"""
import errno
import os
import subprocess
import sys
import threading


def wait(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def by_subprocess(argv):
    return subprocess.run(argv, check=False).returncode


def by_fork(argv, target=None):
    pid = os.fork()
    if not pid:
        try:
            os.execve(target or argv[0], argv, os.environ)
        except OSError as error:
            print("error", errno.errorcode[error.errno], flush=True)
        os._exit(99)
    return wait(pid)


def by_posix_spawn(argv):
    return wait(os.posix_spawn(argv[0], argv, os.environ))


def by_fexecve(argv):
    return by_fork(argv, os.open(argv[0], os.O_RDONLY))


def by_thread(argv):
    results = []
    thread = threading.Thread(target=lambda: results.append(by_subprocess(argv)))
    threading.excepthook = lambda args: results.append(args.exc_value)
    thread.start()
    thread.join()
    if isinstance(results[0], OSError):
        raise results[0]
    return results[0]


def main():
    how, *argv = sys.argv[1:]
    try:
        code = globals()["by_" + how](argv)
    except OSError as error:
        print("error", errno.errorcode[error.errno])
        return
    if code != 99:
        print(*(("exit", code) if code >= 0 else ("signal", -code)))


main()
