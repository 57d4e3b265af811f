# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# shellcheck shell=bash
# For tests written in shell. A test program sources this file, calls
#
#   check NAME FUNCTION [ARGUMENT...]   for each test
#   portable NAME FUNCTION [ARGUMENT...] where neither kernel nor tier has a part in it
#   skip NAME REASON                    for what cannot be tested here
#   finish                              at its end
#
# and so prints "ok NAME", "not ok NAME" followed by what the function printed (indented), or
# "skip NAME # REASON" lines. A function runs in a process of its own with `set -e`, standard input
# empty, in an empty directory of its own, for at most $limit seconds; what it leaves running in its
# process group is killed. $T is a directory for the whole program, removed at its end.
#
# Time limits in seconds are to be multiplied by $slow (TEST_SLOW, 1): emulated machines are slow. What
# would change the machine for others is tested only where that is the tests' own ($TEST_OWN_MACHINE).
# With TEST_TIMES set, the seconds that each test took are printed behind it.
set -uo pipefail

lib=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
top=$(cd -- "$lib/../.." && pwd)
: "${WARDEN:=$top/build/warden}"
slow=${TEST_SLOW:-1}
limit=$((60 * slow))
tests_failed=0 tests_run=0 left_out=0 T='' finished='' started=() checking=''

# shellcheck disable=SC2317 # called by trap
tap_exit() {
	local status=$? pid
	trap - EXIT
	trap '' INT TERM HUP
	[[ -z $checking ]] || { kill -KILL -- "-$checking" && wait "$checking"; } 2>/dev/null
	for workload in "$T"/standing/*; do
		stand_down "$workload"
	done
	# shellcheck disable=SC2013 # one a line
	for pid in $(cat "$T/ends" 2>/dev/null); do
		within 10 gone "$pid"
	done
	for pid in ${started[@]+"${started[@]}"}; do
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	cd / || true
	if [[ -n $T ]]; then
		grep -F " $T/" /proc/self/mounts | cut -d' ' -f2 | xargs -r umount
		rm -rf --one-file-system "$T"
	fi
	if [[ -z $finished ]]; then
		echo "not ok ended before its end (status $status)"
		exit 1
	fi
	exit "$status"
}
trap tap_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

T=$(mktemp -d "${TMPDIR:-/tmp}/warden-test.XXXXXX")
chmod 755 "$T" # programs under test may run as another user
export PYTHONDONTWRITEBYTECODE=1

# sleep(1), but not a program: to start one takes an emulated machine 30 ms, which is most of what it does
# where somebody waits for something every 50 ms.
mkfifo "$T/never"
pause() {
	read -rt "$1" <>"$T/never" || true
}

# runs PID: it has not ended. Asked of the kernel: a child that has ended can be signalled for as long as this
# shell, which starts no program meanwhile, has not noticed; in emulated machines that took it minutes at times.
runs() {
	local stat
	read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
	stat=${stat##*) }
	[[ $stat != [ZX]* ]]
}

# Waits for a child that leads a process group; ends the group in any case.
tap_await() {
	local pid=$1 deadline=$((SECONDS + limit)) status=0
	while runs "$pid"; do
		if ((SECONDS >= deadline)); then
			echo "no end after $limit s"
			kill -TERM -- "-$pid" 2>/dev/null
			sleep 2
			break
		fi
		pause 0.05
	done
	kill -KILL -- "-$pid" 2>/dev/null
	checking=
	wait "$pid" 2>/dev/null || status=$?
	return "$status"
}

check() {
	local name=$1 status=0 start=$EPOCHREALTIME
	shift
	tests_run=$((tests_run + 1))
	mkdir "$T/$tests_run"
	set -m
	(
		trap - EXIT INT TERM HUP
		set -e
		cd "$T/$tests_run"
		"$@"
	) >"$T/said" 2>&1 </dev/null &
	checking=$!
	set +m
	tap_await "$checking" >>"$T/said" || status=$?
	if ((status)); then
		echo "not ok $name"
		sed 's/^/    /' "$T/said" | head -n 200
		tests_failed=$((tests_failed + 1))
	else
		echo "ok $name"
	fi
	[[ -z ${TEST_TIMES:-} ]] || awk -v a="$start" -v b="$EPOCHREALTIME" -v name="$name" \
		'BEGIN { printf "# %.1f s: %s\n", b - a, name }'
}

# portable NAME FUNCTION [ARGUMENT...]: a check of what neither the kernel nor the tier has a part in. In
# virtual machines ($TEST_GUEST), which are slow, it is left out.
portable() {
	if [[ -n ${TEST_GUEST:-} ]]; then
		left_out=$((left_out + 1))
	else
		check "$@"
	fi
}

skip() {
	tests_run=$((tests_run + 1))
	echo "skip $1 # $2"
}

finish() {
	finished=1
	((!left_out)) || echo "# $left_out that do not depend on the kernel are not run in virtual machines"
	((tests_run && !tests_failed))
	exit
}

# ---- for the functions ----

# same GOT WANT [WHAT]
same() {
	[[ $1 == "$2" ]] || {
		printf '%s: got <%s>, wanted <%s>\n' "${3:-differs}" "$1" "$2"
		return 1
	}
}

# at_most GOT MAXIMUM WHAT: of decimal numbers.
at_most() {
	awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 <= b + 0) }' || {
		echo "$3: got $1, at most $2 is right"
		return 1
	}
}

# has FILE PATTERN: an extended regular expression.
has() {
	grep -Eq -- "$2" "$1" || {
		echo "$1 has no line like <$2>:"
		head -c 4000 "$1"
		return 1
	}
}

hasnt() {
	! grep -E -- "$2" "$1" || {
		echo "^ $1 should have no line like <$2>"
		return 1
	}
}

absent() {
	[[ ! -e $1 ]] || {
		echo "$1 exists"
		return 1
	}
}

exists() {
	[[ -e $1 ]] || {
		echo "$1 does not exist"
		return 1
	}
}

# one_line FILE: exactly one, of printable text.
one_line() {
	if [[ $(wc -l <"$1") != 1 ]] || grep -q '[^[:print:]]' "$1"; then
		echo "$1 is not one line:"
		head -c 4000 "$1"
		return 1
	fi
}

# Waits until COMMAND succeeds: within SECONDS COMMAND...
within() {
	local deadline=$((SECONDS + $1 * slow + 1))
	shift
	until "$@"; do
		((SECONDS < deadline)) || {
			echo "not in time: $*"
			return 1
		}
		pause 0.05
	done
}

gone() {
	! runs "$1"
}

# ends PID STATUS: of a child.
ends() {
	local got=0
	wait "$1" || got=$?
	same "$got" "$2" 'exit status'
}

# status_is WANT COMMAND...: WANT is a pattern like 1 or 126|137. Streams go to ./out and ./err.
status_is() {
	local want=$1 got=0
	shift
	timeout --foreground -k 5 "$((limit / 2))" "$@" >out 2>err || got=$?
	# shellcheck disable=SC2053 # a pattern on purpose
	[[ $got == @($want) ]] || {
		echo "exit status $got, wanted $want: $*"
		tail -c 2000 out
		tail -c 4000 err
		return 1
	}
}

# ---- warden ----

# policy TEXT...: ./policy.yaml out of a head and the lines.
policy() {
	printf '%s\n' 'version: 1' 'name: test' "$@" >policy.yaml
}

# run WANT CMD...: under warden, with ./policy.yaml if there is one, and options in $run_options.
run_options=()
run() {
	local want=$1 options=(--audit audit ${run_options[@]+"${run_options[@]}"})
	shift
	[[ ! -e policy.yaml ]] || options+=(-p policy.yaml)
	status_is "$want" "$WARDEN" run "${options[@]}" -- "$@"
}

# allowed WANT CMD...: the same under warden without a policy. A denial that is tested is worth
# something only if the act succeeds otherwise.
allowed() {
	if [[ -n $standing ]]; then
		stand_by free
		ask "$@"
	else
		status_is "$1" "$WARDEN" run --audit audit.allowed -- "${@:2}"
	fi
}

# ---- workloads that stand by ----
#
# A start of warden takes seconds in an emulated machine. Where a program sets $standing, `allowed` has its
# CMD run by a workload that stands by until the end; `shared` has so in any case, one for each policy. CMD
# gets the environment and the directory, but nothing else that a check may have set up (limits,
# descriptors): `standing= allowed ...` starts a workload of its own. What ends a workload is not for these.
standing=''

# Sets $workload, the directory of the one called NAME; further arguments are options for its start.
stand_by() {
	workload=$T/standing/$1
	[[ ! -d $workload ]] || return 0
	mkdir -p "$workload"
	mkfifo "$workload/requests" "$workload/answers"
	# Not in the process group that ends with the check.
	env -i "PATH=$PATH" setsid "$WARDEN" run --audit "$workload/audit" "${@:2}" -- \
		/bin/sh "$lib/standing" "$workload" >"$workload/said" 2>&1 </dev/null &
	echo $! >"$workload/pid"
	echo 0 >"$workload/count"
}

stand_down() {
	local pid
	pid=$(cat "$1/pid" 2>/dev/null) || return 0
	kill -TERM "$pid" 2>/dev/null
	echo "$pid" >>"$T/ends"
	rm -r "$1"
}

# ask WANT CMD...: status_is, with CMD run by $workload.
ask() {
	local want=$1 name got requests answers
	shift
	{
		for name in $(compgen -e); do
			printf "export %s='%s'\n" "$name" "${!name//\'/\'\\\'\'}"
		done
		printf "cd '%s' && exec" "$PWD"
		printf " '%s'" "${@//\'/\'\\\'\'}"
		printf " >'%s' 2>'%s' </dev/null\n" "$PWD/out" "$PWD/err"
	} >"$workload/job"
	exec {requests}<>"$workload/requests" {answers}<>"$workload/answers"
	echo >&"$requests"
	read -r -t "$((limit / 2))" -u "$answers" got || {
		echo "no answer from $workload: $*"
		cat "$workload/said"
		return 1
	}
	exec {requests}>&- {answers}>&-
	echo $(($(<"$workload/count") + 1)) >"$workload/count"
	# shellcheck disable=SC2053 # a pattern on purpose
	[[ $got == @($want) ]] || {
		echo "exit status $got, wanted $want: $*"
		tail -c 2000 out
		tail -c 4000 err
		return 1
	}
}

# shared WANT CMD...: run, in the workload for all that have the same ./policy.yaml; the three that were used
# last stand by. The policy has to let /bin/sh run. Of the audit trail, ./audit gets the lines that came
# while CMD ran.
shared() {
	local count name other
	name=$(cksum <policy.yaml | tr ' ' -)
	if [[ ! -d $T/standing/$name ]]; then
		# shellcheck disable=SC2012 # names of ours
		for other in $(ls -t "$T"/standing/[0-9]*/count 2>/dev/null | tail -n +3); do
			stand_down "${other%/*}"
		done
		stand_by "$name" -p "$PWD/policy.yaml"
	fi
	workload=$T/standing/$name
	ask "$@" || return
	count=$(<"$workload/count")
	within 10 grep -Fq "\"end of job $count\"" "$workload/audit"
	awk -v count="$count" '
		index($0, "\"end of job " count "\"") { exit }
		count == 1 || begun { print }
		index($0, "\"end of job " count - 1 "\"") { begun = 1 }' "$workload/audit" >>audit
}

lines() {
	"$top/build/tests/lines" "$@"
}

# count_is WANT FILE COND...: of JSON lines; see lines.c.
count_is() {
	local want=$1 got
	shift
	got=$(lines count "$@")
	[[ $got == "$want" ]] || {
		echo "$got lines, not $want, of: $*"
		tail -n 12 "$1" | cut -c 1-700
		return 1
	}
}

# some_line FILE COND...
some_line() {
	[[ $(lines count "$@") != 0 ]] || {
		echo "no line of: $*"
		tail -n 12 "$1" | cut -c 1-700
		return 1
	}
}

# has_come LOG TEXT: to a server, on one connection. For `within`, where who sends it awaits no answer.
has_come() {
	[[ $(lines text "$1" "$2") == 1 ]]
}

# serve KIND DIR: a server of server.py for the rest of the program (not to be called in checks).
serve() {
	mkdir -p "$2"
	/usr/bin/python3 "$lib/server.py" "$1" "$2" >"$2/said" 2>&1 </dev/null &
	started+=($!)
	within 20 test -e "$2/port" || {
		cat "$2/said"
		exit 1
	}
}

need_root() {
	((EUID == 0)) || {
		echo "must run as root" >&2
		exit 1
	}
}
