#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Ways to end, blind or steer warden: each program in self/ is one. It is called in an empty directory, and
# makes the file $1 when it had its way; what it is about is in the environment (see `about` below). Each
# must succeed outside of a workload, with one run that is there for all of them, and fail inside; of
# those that end warden one is enough, the others have another process outside.
# shellcheck disable=SC2016,SC2317 # code for other shells; functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
. "$(dirname -- "$0")/../lib/ways.sh"
need_root

ways=$top/tests/bypass/self
bpftool=$(command -v bpftool || echo /usr/sbin/bpftool)
if ! "$WARDEN" doctor -o json | /usr/bin/python3 -c '
import json, sys
sys.exit(not any(f["name"] == "guard_lsm" and f["used"] for f in json.load(sys.stdin)["facilities"]))'; then
	tier=none
	for way in "$ways"/*; do
		skip "${way##*/}" 'without LSM nothing keeps a workload from warden'
		ways_row "${way##*/}" 'not stopped'
	done
	finish
fi
tier=lsm
limit=$((240 * slow))

# Prints what a way is about, for env(1): of the run that a process is in, in this directory.
about='
	warden=$(ps -o ppid= -p "$1" | tr -d " ")
	id=$(sed -n "s/^0:.*\/warden-//p" "/proc/$1/cgroup")
	echo "WARDEN_PID=$warden GUARDIAN_PID=$(pgrep -P "$warden" -x warden-guard) RUN_ID=$id" \
		"PINS=/run/warden/bpf/$id TRAIL=$2/trail POLICY=$2/policy.yaml PROGRAM=$2/warden BPFTOOL=$3"
'

prepare() {
	mkdir "$1"
	cp "$WARDEN" "$1/warden"
	(cd "$1" && policy 'deny: ["exec:/none"]')
}

# start DIR: a run; sets first (its command) and run (what env(1) is told of it).
start() {
	prepare "$1"
	setsid "$1/warden" run -p "$1/policy.yaml" --audit "$1/trail" -- sh -c 'echo $$; exec sleep 600' \
		>"$1/out" 2>"$1/err" &
	within 20 test -s "$1/out"
	first=$(<"$1/out")
	read -r -a run <<<"$(sh -c "$about" - "$first" "$1" "$bpftool")"
	cp "$1/policy.yaml" "$1/policy.was"
}

stop() {
	kill -KILL "$first" 2>/dev/null || true
	kill -KILL "${run[0]#*=}" 2>/dev/null || true
	within 10 gone "$first"
}

has_way() {
	mkdir "$T/outside/${1##*/}"
	cd "$T/outside/${1##*/}"
	env "${run[@]}" "$1" "$PWD/mark" || true
	exists mark
}

# With another process in the place of warden.
ends_another() {
	local pid
	sleep 600 &
	pid=$!
	run=("WARDEN_PID=$pid")
	has_way "$1"
	kill -KILL "$pid" 2>/dev/null || true
}

# All others, with one run; what one way has done to files is undone.
outside() {
	local way dir=$T/shared
	start "$dir"
	for way; do
		cp "$dir/policy.was" "$dir/policy.yaml"
		cp "$WARDEN" "$dir/new" && mv "$dir/new" "$dir/warden"
		: >>"$dir/trail"
		: >>"/run/warden/runs/${run[2]#*=}" && : >>/run/warden/tiers
		(has_way "$way") || echo "^ ${way##*/}"
	done
	stop
}

# All of them in one workload.
inside() {
	prepare "$T/inside"
	status_is 0 "$T/inside/warden" run -p "$T/inside/policy.yaml" --audit "$T/inside/trail" -- sh -c '
		about=$(sh -c "$1" - $$ "$2" "$3")
		cd "$2" && shift 3
		for way; do
			mkdir "${way##*/}" && cd "${way##*/}" || exit 1
			env $about "$way" "$PWD/mark"
			cd ..
		done
		exit 0' - "$about" "$T/inside" "$bpftool" "$ways"/*
	cp "$T/inside/trail" trail
	status_is 0 "$WARDEN" verify trail
}

refused() {
	absent "$T/inside/${1##*/}/mark"
}

# As many as there are ways, at least.
reported() {
	at_most "$(find "$ways" -type f | wc -l)" "$(lines count "$T/inside/trail" type=tamper decision.verdict=deny \
		decision.tier=lsm decision.errno=EPERM)" 'ways and reports'
	count_is 0 "$T/inside/trail" type=tamper decision.verdict=kill
	some_line "$T/inside/trail" type=run.end end.status=ok
}

# `kill 0` of a script that was started with warden in one group reaches the script, and is no tampering.
group() {
	status_is 143 setsid -w "$WARDEN" run --audit audit -- sh -c 'kill 0; exec sleep 60'
	count_is 0 audit type=tamper
	some_line audit type=run.end end.exit=143
}

# A comment says whether a way ends something: "Ends", or with another process ("Outside: another"). What
# ends the guardian comes before what ends warden, and then the guardian.
another=() others=() last=()
for way in "$ways"/*; do
	case $(sed -n 3p "$way") in
	*'Outside: another'*) another+=("$way") ;;
	'# Ends'*) last=("$way" ${last[@]+"${last[@]}"}) ;;
	*) others+=("$way") ;;
	esac
done

mkdir "$T/outside"
check 'all ways in a workload' inside
check 'each is reported' reported
check 'a signal to the process group' group
check 'ways from outside' outside "${others[@]}" "${last[@]}"
for way in "${others[@]}" "${last[@]}"; do
	check "${way##*/}: possible from outside" exists "$T/outside/${way##*/}/mark"
done
for way in "${another[@]}"; do
	check "${way##*/}: possible with another process" ends_another "$way"
done
for way in "$ways"/*; do
	before=$tests_failed
	check "${way##*/}: refused" refused "$way"
	ways_row "${way##*/}" "$( ((tests_failed == before)) && echo stopped || echo FAILED)"
done
finish
