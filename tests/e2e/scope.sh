#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Membership: whatever a process of the workload does to get away, it and its children stay in it.
# Far end: the file that /usr/bin/touch would create, and a server that logs what reaches it.
# shellcheck disable=SC2016,SC2317 # code for other shells; functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root

python=/usr/bin/python3
deny_touch='deny: ["exec:/usr/bin/touch"]'
serve net "$T/net"
read -r port _ <"$T/net/port"

# Where the v2 hierarchy is, and the shell line that names a process's own cgroup in it.
cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
own='own='"$cgroups"'$(sed -n s/^0:://p /proc/self/cgroup)'

# A process that moves itself out of the cgroup is killed, and so is not there to go on.
leaves() {
	policy "$deny_touch"
	cat >leave <<-END
		$own
		echo \$\$ >"\${own%/*}/cgroup.procs"
		/usr/bin/touch mark
	END
	allowed 137 sh leave # there is no way out, policy or not
	absent mark
	run 137 sh leave
	absent mark
	some_line audit type=tamper severity=critical
}

# It may arrange itself below: that is still the workload.
moves_below() {
	policy "$deny_touch"
	cat >below <<-END
		$own
		mkdir "\$own/below" && echo \$\$ >"\$own/below/cgroup.procs" || exit 9
		grep -q below /proc/self/cgroup || exit 8
		/usr/bin/touch mark
		exit 0
	END
	allowed 0 sh below
	exists mark
	rm mark
	run 0 sh below
	absent mark
	some_line audit type=exec activity=exec:/usr/bin/touch decision.verdict=deny
	count_is 0 audit type=tamper
}

# deep.py MOUNT LEVELS COMMAND...: goes down so many cgroups of its own, with one beside each that has
# one below, says in ./deep where it began, and runs the command there.
cat >"$T/deep.py" <<-'END'
	import os, signal, subprocess, sys
	signal.signal(signal.SIGUSR1, signal.SIG_IGN)
	own = [l[3:-1] for l in open("/proc/self/cgroup") if l.startswith("0::")][0]
	at = os.open(sys.argv[1] + own, os.O_RDONLY)
	for level in range(int(sys.argv[2])):
	    name = f"{level:03}" + 200 * "x"
	    os.mkdir("beside", dir_fd=at)
	    os.mkdir("beside/below", dir_fd=at)
	    os.mkdir(name, dir_fd=at)
	    below = os.open(name, os.O_RDONLY, dir_fd=at)
	    os.close(at)
	    at = below
	procs = os.open("cgroup.procs", os.O_WRONLY, dir_fd=at)
	os.write(procs, str(os.getpid()).encode())
	open("deep", "w").write(own)
	sys.exit(subprocess.run(sys.argv[3:]).returncode)
END

# So deep that the kernel has no path for it. It is held to the policy there, and nothing is left.
very_deep() {
	policy "$deny_touch"
	allowed 0 "$python" "$T/deep.py" "$cgroups" 300 /usr/bin/touch mark
	exists mark
	absent "$cgroups$(<deep)"
	rm mark deep
	run 0 "$python" "$T/deep.py" "$cgroups" 300 sh -c '/usr/bin/touch mark; :'
	absent mark
	absent "$cgroups$(<deep)"
	some_line audit type=exec activity=exec:/usr/bin/touch decision.verdict=deny
	count_is 0 audit type=tamper
}

# What such a process sends to all of its group has reached the command.
signal_from_the_deep() {
	cat >twice.py <<-'END'
		import os, signal, subprocess, sys, time
		got = []
		signal.signal(signal.SIGUSR1, lambda *_: got.append(1))
		subprocess.run([sys.executable, *sys.argv[1:], "sh", "-c", "kill -USR1 0; sleep 0.5"])
		sys.exit(len(got))
	END
	status_is 1 setsid --wait "$WARDEN" run --audit audit -- \
		"$python" twice.py "$T/deep.py" "$cgroups" "$1"
}

# The guardian, too, gets down there.
very_deep_and_killed() {
	local warden
	"$WARDEN" run --audit audit -- "$python" "$T/deep.py" "$cgroups" 300 sleep 60 2>err &
	warden=$!
	within 20 test -s deep
	exists "$cgroups$(<deep)"
	kill -KILL "$warden"
	within 10 absent "$cgroups$(<deep)"
}

# Moving somebody else out is the same.
moves_another() {
	cat >another <<-END
		$own
		sleep 30 &
		echo \$! >"\${own%/*}/cgroup.procs"
		/usr/bin/touch mark
	END
	allowed 137 sh another
	absent mark
	some_line audit.allowed type=tamper
}

# From the moment on that it moves one out it starts nobody, however fast it is.
moves_another_and_forks() {
	cat >forks.py <<-'END'
		import os, subprocess, sys
		own = [l[3:-1] for l in open("/proc/self/cgroup") if l.startswith("0::")][0]
		moved = subprocess.Popen(["sleep", "30"])
		procs = os.open(sys.argv[1] + os.path.dirname(own) + "/cgroup.procs", os.O_WRONLY)
		os.write(procs, str(moved.pid).encode())
		for n in range(1000):
		    os.posix_spawn("/usr/bin/touch", ["touch", f"mark.{n}"], os.environ)
	END
	for _ in {1..10}; do
		allowed 137 "$python" forks.py "$cgroups"
		absent mark.0
		same "$(find . -name 'mark.*' | wc -l)" 0 'programs started'
	done
}

# A cgroup outside of the workload's: sets out.
outside() {
	out="$cgroups/warden-test-$$-$1"
	mkdir "$out"
	trap 'echo 1 >"$out/cgroup.kill" && within 10 rmdir "$out"' EXIT
}

# escape.py WAY CGROUP PORT TEXT: has a child in another cgroup connect to the port, and go on for
# as long as it can. WAY: "born" there, or "moved" there.
cat >"$T/escape.py" <<'END'
import ctypes, os, signal, socket, struct, sys, time
way, cgroup, port, text = sys.argv[1:]
CLONE3, CLONE_INTO_CGROUP = 435, 0x200000000

def act():
    socket.create_connection(("127.0.0.1", int(port)), 5).sendall(text.encode())

def child():
    for n in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
        signal.signal(n, signal.SIG_IGN)
    os.setsid()
    if way != "born":
        time.sleep(0.7)
    try:
        act()
    except OSError:
        pass
    time.sleep(0.7)
    open("alive", "w").write(str(os.getpid()))
    os._exit(0)

def born():
    arguments = ctypes.create_string_buffer(
        struct.pack("11Q", CLONE_INTO_CGROUP, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0,
                    os.open(cgroup, os.O_RDONLY)), 88)
    libc = ctypes.CDLL(None, use_errno=True)
    pid = libc.syscall(CLONE3, arguments, 88)
    if pid == -1:
        sys.exit(os.strerror(ctypes.get_errno()))
    if pid == 0:
        child()
    return pid

def moved():
    pid = os.fork()
    if pid == 0:
        child()
    with open(cgroup + "/cgroup.procs", "w") as procs:
        procs.write(str(pid))
    return pid

os.waitpid(born() if way == "born" else moved(), 0)
time.sleep(1)  # where one program can kill only one of the two, warden itself kills this one
END

# Whoever gets out does not get anywhere, and does not outlive the run. Otherwise he does.
escapes() {
	outside "$1"
	"$python" "$T/escape.py" "$1" "$out" "$port" "<$1 free>"
	within 5 has_come "$T/net/log" "<$1 free>"
	exists alive
	rm alive
	policy "deny: [\"net:127.0.0.1:$port\"]"
	run 137 "$python" "$T/escape.py" "$1" "$out" "$port" "<$1>"
	has "$out/cgroup.events" '^populated 0'
	sleep $((2 * slow))
	absent alive
	same "$(lines text "$T/net/log" "<$1>")" 0 'connections'
	some_line audit type=tamper severity=critical
}

# Also when warden is not there to see to it: its guardian does.
guardian_finds_them() {
	local warden
	outside guardian
	cat >outside.py <<-'END'
		import os, signal, sys, time
		if os.fork():
		    signal.pause()
		open("child", "w").write(str(os.getpid()))
		while open(sys.argv[1]).read() == "":  # until somebody has moved us
		    time.sleep(0.02)
		while True:
		    open("beat", "a").write("x")
		    time.sleep(0.02)
	END
	: >go
	"$WARDEN" run --audit audit -- "$python" outside.py go 2>err &
	warden=$!
	within 10 test -s child
	cat child >"$out/cgroup.procs" # by us, who may
	echo go >go
	within 10 test -s beat
	kill -KILL "$warden"
	within 10 grep -q '^populated 0' "$out/cgroup.events"
}

# A daemon of the classic kind: new session, orphaned, streams closed.
daemon() {
	policy "$deny_touch"
	cat >daemon.py <<-'END'
		import os, time
		if os.fork():
		    os._exit(0)
		os.setsid()
		if os.fork():
		    os._exit(0)
		os.closerange(0, 3)
		time.sleep(0.5)
		try:
		    os.execv("/usr/bin/touch", ["touch", "mark"])
		except OSError:
		    pass
	END
	allowed 0 "$python" daemon.py
	exists mark
	rm mark
	run 0 "$python" daemon.py
	absent mark
	some_line audit type=exec activity=exec:/usr/bin/touch decision.verdict=deny
}

# Namespaces change names, not membership.
namespaces() {
	policy "$deny_touch"
	if ! unshare -mpiunf true 2>/dev/null; then
		echo "unshare does not work here"
		return 1
	fi
	allowed 0 sh -c 'unshare -mpiunf sh -c "/usr/bin/touch mark"; true'
	exists mark
	rm mark
	run 0 sh -c 'unshare -mpiunf sh -c "/usr/bin/touch mark"; true'
	absent mark
}

# Many at once: no child is missed.
storm() {
	policy "$deny_touch"
	cat >storm.py <<-'END'
		import os, subprocess, threading
		def work(n):
		    for i in range(20):
		        try:
		            subprocess.run(["/usr/bin/touch", f"mark.{n}.{i}"])
		        except OSError:
		            pass
		threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
		[t.start() for t in threads]
		[t.join() for t in threads]
	END
	run 0 "$python" storm.py
	[[ -z $(find . -name 'mark.*') ]] || { ls && return 1; }
	count_is 160 audit type=exec activity=exec:/usr/bin/touch decision.verdict=deny
}

# Where warden itself sees only a part of the hierarchy, depths are not what they seem.
cgroup_namespace() {
	policy "$deny_touch"
	mkdir "$cgroups/warden-test-$$"
	(
		echo "$BASHPID" >"$cgroups/warden-test-$$/cgroup.procs"
		unshare -Cm sh -c "umount $cgroups && mount -t cgroup2 none $cgroups &&
			exec $WARDEN run -p policy.yaml --audit audit -- sh -c '/usr/bin/touch mark; true'"
	)
	within 10 rmdir "$cgroups/warden-test-$$"
	absent mark
	some_line audit type=exec activity=exec:/usr/bin/touch decision.verdict=deny
}

check 'leaving the cgroup' leaves
check 'a cgroup below is the same workload' moves_below
check 'cgroups below each other, 300 of them' very_deep
check 'the same, when warden is killed' very_deep_and_killed
check 'a signal to the process group from below' signal_from_the_deep 1
check 'the same, from 30 below' signal_from_the_deep 30
check 'moving another out of the cgroup' moves_another
check 'the same, and forks from then on' moves_another_and_forks
check 'a child that is born in another cgroup' escapes born
check 'a child that is moved to another cgroup' escapes moved
check 'a process outside, when warden is killed' guardian_finds_them
check 'a daemon' daemon
check 'namespaces' namespaces
check 'a storm of children' storm
check 'warden in a cgroup namespace' cgroup_namespace
finish
