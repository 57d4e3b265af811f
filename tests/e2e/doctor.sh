#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# What doctor says is true, costs nobody else anything, and leaves nothing behind.
# shellcheck disable=SC2016,SC2317 # code for other shells; functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root

python=/usr/bin/python3
cgroup2=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)

doctor_json() {
	status_is 0 "$@" "$WARDEN" doctor -o json
	[[ ! -s err ]] || { cat err && return 1; }
	one_line out
}

# facility NAME yes|no
facility() {
	"$python" - "$@" <<-'END'
		import json, sys
		name, want = sys.argv[1:]
		(found,) = [f for f in json.load(open("out"))["facilities"] if f["name"] == name]
		sys.exit(f"{found}, wanted {want}" if found["works"] != (want == "yes") else 0)
	END
}

report() {
	doctor_json
	"$python" - <<-'END'
		import json, os
		d = json.load(open("out"))
		assert d["kernel"] == os.uname().release
		assert len({f["name"] for f in d["facilities"]}) == len(d["facilities"]) >= 12
		for f in d["facilities"]:
		    assert f["works"] != ("reason" in f), f
		    assert f["works"] or 20 < len(f["reason"]) < 200, f
		    assert f["works"] or not f["used"], f
		order = {"exec": ["lsm", "signal"], "net": ["lsm", "cgroup"],
		         "plaintext": ["override", "lsm", "cut", "signal"]}
		works = {(f["activity"], f["tier"]): f["works"] for f in d["facilities"]}
		for activity, tiers in order.items():
		    best = next(t for t in tiers if works[activity, t])
		    assert d["use"][activity] == best, (activity, best)
		assert d["limits"]
		net = {"lsm": "lsm", "cgroup": "cgroup" if works["net:unix", "cgroup"] else "none"}[d["use"]["net"]]
		setting = "cgroup" if works["sysctl", "cgroup"] else "none"
		assert len(d["brokers"]) > 20
		for b in d["brokers"]:
		    file = "lsm" if works["warden", "lsm"] else setting if b["rule"] == "broker:kernel" else "none"
		    assert b["tier"] == (net if b["kind"] == "net" else file), b
		    assert b["rule"].startswith("broker:") and b["reason"], b
		    assert all(p[0] in "/*" for p in b["paths"]) and b["paths"], b
	END
}

text() {
	status_is 0 "$WARDEN" doctor
	[[ ! -s err ]] || { cat err && return 1; }
	grep -qxF "kernel   $(uname -r)" out
	grep -qxF "cgroup2  $cgroup2" out
	has out '^exec +lsm +(yes|no) '
	has out '^Used here: exec [a-z]+, net [a-z]+, plaintext [a-z]+$'
	has out '^TLS that is read: OpenSSL, GnuTLS, NSS.*; all other is opaque$'
	has out '^Opaque by name: Java, \.NET, .*rustls'
	has out '^Brokers, which act outside of the workload, are denied unless a policy names them.$'
	has out '^  broker:docker +/run/docker.sock '
	has out '^  broker:cron +/etc/crontab '
	hasnt out '.{101}'
	hasnt out 'libbpf'
}

# What Debian's kernels are known to have, as facts to hold the findings against.
known_kernel() {
	local name no=" $1 "
	doctor_json
	for name in exec_lsm exec_signal exec_hash net_lsm net_cgroup net_unix uprobe plaintext_override \
		plaintext_lsm plaintext_cut plaintext_signal membership cgroup2 guard_lsm; do
		if [[ $no == *" $name "* ]]; then
			facility "$name" no
		else
			facility "$name" yes
		fi
	done
}

# The kernel's own list of LSMs: without bpf in it such programs load, and never run.
without_bpf_lsm() {
	! grep -qw bpf /sys/kernel/security/lsm
}

lsm_does_not_run() {
	doctor_json
	facility exec_lsm no
	facility exec_hash no
	facility net_lsm no
	facility plaintext_lsm no
	facility guard_lsm no
}

# No cgroup of a probing that is over; others may be at it just now.
nothing_left() {
	local path pid
	for path in "$cgroup2"/warden-probe-*; do
		pid=${path##*/warden-probe-}
		pid=${pid%%-*}
		if [[ -d $path && ! -d /proc/$pid ]]; then
			echo "left behind: $path"
			return 1
		fi
	done
}

leaves_nothing() {
	doctor_json
	nothing_left
}

# Two runs one after the other: the second goes by what is known, unless a doctor of another test has it
# looked at again just then.
knows() {
	status_is 0 "$WARDEN" run --debug --audit audit -- true
	has err 'is known since an earlier run'
}

remembers() {
	within 20 knows
	# With less rights, less may be possible.
	status_is '*' setpriv --bounding-set -net_raw --inh-caps -net_raw "$WARDEN" run --debug --audit audit -- true
	hasnt err 'is known since an earlier run'
}

# Killed at any moment: what it had begun is still brought to its end.
killed() {
	local moment
	for moment in 0.01 0.02 0.04 0.06 0.08 0.1 0.15 0.2; do
		timeout -s KILL "$moment" "$WARDEN" doctor >/dev/null 2>&1 || true
	done
	within 10 nothing_left
	doctor_json
}

# Many at once don't disturb each other.
side_by_side() {
	local i pids=()
	for i in 1 2 3 4; do
		mkdir "$i"
		(cd "$i" && doctor_json) &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	for i in 2 3 4; do
		cmp 1/out "$i/out"
	done
}

# Programs, sockets and forks of others go on while everything is refused to the subjects.
others_unharmed() {
	cat >other.py <<-'END'
		import os, socket, subprocess, sys
		listener = socket.create_server(("127.0.0.1", 0))
		rounds = 0
		while not os.path.exists("stop"):
		    client = socket.create_connection(listener.getsockname())
		    server, _ = listener.accept()
		    client.sendall(b"x")
		    assert server.recv(1) == b"x"
		    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
		        udp.sendto(b"", ("127.0.0.1", 9))
		    subprocess.run(["/bin/true"], check=True)
		    client.close()
		    server.close()
		    rounds += 1
		print(rounds)
	END
	"$python" other.py >rounds &
	for _ in 1 2 3; do
		doctor_json
	done
	touch stop
	ends $! 0
	(($(<rounds) > 3))
}

not_root() {
	local copy=$T/warden
	install -m 755 "$WARDEN" "$copy"
	status_is 1 setpriv --reuid 65534 --regid 65534 --clear-groups "$copy" doctor
	one_line err
	has err '^warden: doctor: root is needed to probe the kernel$'
	[[ ! -s out ]]
}

# In a cgroup namespace of its own it finds the same.
cgroup_namespace() {
	doctor_json
	mv out outside
	has outside '"pid_namespace":"initial"'
	doctor_json unshare --cgroup
	cmp out outside
}

# In a PID namespace of its own, too, but nothing of it can be used.
pid_namespace() {
	doctor_json
	mv out outside
	status_is 4 unshare --pid --fork --mount-proc "$WARDEN" doctor -o json
	has out '"pid_namespace":"own"'
	has out '"use":{"exec":"none","net":"none","plaintext":"none"}'
	hasnt out '"used":true'
	same "$(grep -o '"works":[a-z]*' out)" "$(grep -o '"works":[a-z]*' outside)" 'what works'
	status_is 4 unshare --pid --fork --mount-proc "$WARDEN" doctor
	has out '^pids .* `warden run` is refused here$'
	has out '^Used here: exec none, net none, plaintext none$'
}

without_cgroup2() {
	status_is 4 unshare -m sh -c 'umount -l "$1" && exec "$2" doctor' sh "$cgroup2" "$WARDEN"
	has out '^membership +.*'
	has out 'no cgroup v2 hierarchy is mounted$'
	has out '^Used here: exec none, net none, plaintext none$'
}

without_types() {
	mkdir empty
	status_is 4 unshare -m sh -c 'mount --bind empty /sys/kernel/btf && exec "$1" doctor -o json' \
		sh "$WARDEN"
	has out '"reason":"no programs can be loaded: this kernel does not describe its types'
}

usage() {
	status_is 2 "$WARDEN" doctor -o yaml
	one_line err
	status_is 2 "$WARDEN" doctor more
	one_line err
	status_is 0 "$WARDEN" doctor --help
	has out '^usage: warden doctor'
	status_is 0 "$WARDEN" doctor --debug
	has out '^exec +'
}

full_disk() {
	status_is 1 sh -c 'exec "$1" doctor >/dev/full' sh "$WARDEN"
	one_line err
}

check 'JSON report' report
check 'text report' text
case $(uname -r) in
6.1.0-*-amd64) known='net_unix plaintext_override' ;;
6.12.*deb1*-amd64) known='plaintext_override' ;;
7.*deb1*-amd64) known=none ;;
*) known='' ;;
esac
if [[ -n $known ]] && ! without_bpf_lsm; then
	check 'what is known of this kernel' known_kernel "$known"
fi
if [[ -e /sys/kernel/security/lsm ]] && without_bpf_lsm; then
	check 'bpf is not among the LSMs' lsm_does_not_run
fi
check 'nothing is left' leaves_nothing
check 'runs remember it' remembers
check 'killed at any moment' killed
check 'side by side' side_by_side
check 'others are unharmed' others_unharmed
portable 'not root' not_root
check 'in a cgroup namespace' cgroup_namespace
check 'in a PID namespace' pid_namespace
check 'without cgroup v2' without_cgroup2
check 'without types' without_types
portable 'usage' usage
portable 'full disk' full_disk
finish
