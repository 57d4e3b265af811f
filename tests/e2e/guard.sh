#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# What happens when warden is killed: the workload does not outlive its guards unguarded.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root

bpftool=$(command -v bpftool || echo /usr/sbin/bpftool)
python=/usr/bin/python3
serve net "$T/net"
read -r port _ <"$T/net/port"

# A workload that says its process ids, and then forever tries what is forbidden; one of its
# processes has left the session and closed everything.
cat >"$T/workload.py" <<'END'
import os, socket, subprocess, sys, time
daemon = os.fork()
if not daemon:
    os.setsid()
    os.closerange(0, 3)
pid = os.getpid()
if daemon:
    print(pid, daemon, flush=True)
while True:
    with open(f"beat.{pid}", "a") as beat:
        beat.write("x")
    try:
        subprocess.run(["/usr/bin/touch", f"mark.{pid}"], stderr=subprocess.DEVNULL)
    except OSError:
        pass
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5).close()
    except OSError:
        pass
    time.sleep(0.05)
END

# Starts the workload under a policy; sets warden, guardian, first, second (process ids), cgroup
# and links (ids of its pinned links).
start() {
	policy 'deny: ["exec:/usr/bin/touch", "net:127.0.0.1:'"$port"'"]'
	setsid "$WARDEN" run -p policy.yaml --audit audit -- "$python" "$T/workload.py" "$port" \
		>out 2>err &
	trap 'kill -KILL "$warden" 2>/dev/null || true' EXIT # it is in a session of its own
	warden=$!
	within 20 test -s out
	read -r first second <out
	warden=$(ps -o ppid= -p "$first" | tr -d ' ')
	guardian=$(guardian_of "$warden")
	cgroup=$(find_cgroup "$(sed -n 's/^0:://p' "/proc/$first/cgroup")")
	links=$(links_of "$(lines show audit run.id type=run.start)")
	within 20 test -s "beat.$second"
	exists "/proc/$warden"
	exists "$cgroup"
	[[ -n $guardian ]] || { echo "no guardian" && return 1; }
}

guardian_of() {
	local pid
	for pid in $(ps -o pid= --ppid "$1"); do
		[[ $(<"/proc/$pid/comm") != warden* ]] || echo "$pid"
	done
}

alive() {
	kill -0 "$1"
}

# Its directory in the one cgroup v2 hierarchy, wherever that is mounted.
find_cgroup() {
	echo "$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)$1"
}

links_of() {
	"$bpftool" -f link show 2>/dev/null | awk -v run="$1" '
		/^[0-9]+:/ { id = $1; sub(":", "", id) }
		/pinned/ && index($0, run) { print id }'
}

# How many of them are left, by one look: there are more than a hundred, and they may be going.
links_left() {
	"$bpftool" link show 2>/dev/null | grep -oE '^[0-9]+' | grep -cxF "$links" || true
}

links_are_there() {
	same "$(links_left)" "$(wc -w <<<"$links")" 'links that are left'
}

links_are_gone() {
	[[ $(links_left) == 0 ]]
}

nothing_forbidden_happened() {
	same "$(find . -name 'mark.*')" '' 'programs that were denied'
	same "$(lines count "$T/net/log" what=open)" 0 'connections that were denied'
}

workload_is_gone() {
	gone "$first" && gone "$second"
}

# Asked to end: the first request is passed on to the command, the second ends what that left.
stop() {
	kill -TERM "$warden"
	within 5 gone "$first"
	kill -TERM "$warden"
	within 5 gone "$warden"
}

start_works() {
	start
	sleep 1
	nothing_forbidden_happened
	[[ -n $links ]] || { echo "no pinned links found" && return 1; }
	stop
}

normal_end() {
	start
	stop
	gone "$second"
	absent "$cgroup"
	# Behind a run that has ended the guardian tidies up, for which nobody has to wait.
	within 5 links_are_gone
	within 5 gone "$guardian"
}

# Taking programs off waits for a run that is about to attach its own; not for ever.
another_starts() {
	local starting
	start
	[[ -n $links ]] || { echo "no pinned links found" && return 1; }
	"$python" -c '
import fcntl, os, struct, time
runs = os.open("/run/warden/runs", os.O_RDONLY)
read_lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
fcntl.fcntl(runs, 37, read_lock)  # F_OFD_SETLK
print("locked", flush=True)
time.sleep(600)' >locked &
	starting=$!
	within 5 test -s locked
	stop
	sleep 1
	links_are_there
	if [[ $1 == goes_on ]]; then
		kill -KILL "$starting"
		within 4 links_are_gone
	else
		within 10 links_are_gone
		kill -KILL "$starting"
	fi
	within 5 gone "$guardian"
}

warden_killed() {
	start
	kill -KILL "$warden"
	within 2 workload_is_gone
	within 2 test ! -e "$cgroup"
	within 4 links_are_gone
	within 2 gone "$guardian"
	nothing_forbidden_happened
}

# Killed at once with everything in its process group, as a terminal or a supervisor may do.
group_killed() {
	start
	same "$(ps -o pgid= -p "$warden" | tr -d ' ')" "$warden" 'its process group'
	# Not the shell's own kill, which takes a job's group for that of the shell.
	env kill -KILL -- "-$warden"
	within 2 workload_is_gone
	within 2 test ! -e "$cgroup"
	within 4 links_are_gone
}

both_killed() {
	start
	kill -KILL "$guardian" "$warden"
	within 2 gone "$warden"
	within 2 gone "$guardian"
	sleep 1
	: >"beat.$first"
	: >"beat.$second"
	sleep 1
	nothing_forbidden_happened
	# It may go on, guarded, until the next start reaps it.
	if ! workload_is_gone; then
		same "$(lines count "$T/net/log" what=open)" 0 'connections that were denied'
	fi
	status_is 0 "$WARDEN" run --audit next -- true
	within 2 workload_is_gone
	within 2 test ! -e "$cgroup"
	within 4 links_are_gone
	nothing_forbidden_happened
}

guardian_killed() {
	"$WARDEN" run --audit audit -- sh -c 'echo $$; read line; exit 9' <>fifo >out 2>err &
	local pid=$!
	within 20 test -s out
	kill -KILL "$(guardian_of "$pid")"
	sleep 0.5
	echo >fifo
	ends "$pid" 9
}

guardian_killed_first() {
	mkfifo fifo
	guardian_killed
}

# A run beside it is none of the reaper's business.
others_are_not_reaped() {
	start
	status_is 0 "$WARDEN" run --audit next -- true
	exists "$cgroup"
	alive "$first"
	alive "$second"
	stop
}

# What the caller had open is not kept open by the guardian, whatever its number.
holds_nothing() {
	local pid
	exec 300>held
	start
	for pid in "$warden" "$first"; do
		same "$(readlink "/proc/$pid/fd/300")" "$PWD/held" "300 of $pid"
	done
	same "$(find "/proc/$guardian/fd" -lname "$PWD/*")" '' 'of the caller'
	same "$(find "/proc/$guardian/fd" -type l | wc -l)" 5 'descriptors of the guardian'
	stop
}

# SIGKILL while it starts, at many moments: nothing may be left that runs unguarded.
killed_while_starting() {
	local n pid
	policy 'deny: ["exec:/usr/bin/touch"]'
	for n in $(seq 1 12); do
		"$WARDEN" run -p policy.yaml --audit "audit.$n" -- sh -c "touch mark; sleep 30" \
			>/dev/null 2>&1 &
		pid=$!
		sleep "$(awk -v n="$n" -v slow="$slow" 'BEGIN { print n * 0.04 * slow }')"
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null || true
	done
	sleep "$((2 * slow))"
	absent mark
	status_is 0 "$WARDEN" run --audit next -- true
	same "$(pgrep -f "$PWD" || true)" '' 'processes left'
}

check 'the workload is guarded' start_works
check 'a normal end leaves nothing' normal_end
check 'another run that starts is given way to' another_starts goes_on
check '... for some seconds' another_starts hangs
check 'SIGKILL to warden' warden_killed
check 'SIGKILL to its process group' group_killed
check 'SIGKILL to warden and its guardian' both_killed
check 'SIGKILL to the guardian' guardian_killed_first
check 'other runs are not reaped' others_are_not_reaped
check 'the guardian holds nothing open' holds_nothing
check 'SIGKILL while it starts' killed_while_starting
finish
