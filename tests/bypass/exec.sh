#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Ways to run a program that policy forbids: each program in exec/ is one. It is called with the path of
# the victim and with that of a file, which the victim would make, in an empty directory. Its comment
# says against which policies it is tried, one that denies the victim and one that allows others only;
# behind a slash, on which tier alone it is stopped. Each way must succeed without a policy; one that
# the kernel has nothing for says why in the file ./cannot.
# shellcheck disable=SC2016,SC2317 # code for another shell; functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
. "$(dirname -- "$0")/../lib/ways.sh"
need_root

ways=$top/tests/bypass/exec
tier=$(used_tier exec)
limit=$((120 * slow))
mkdir "$T/bin"
cp /usr/bin/touch "$T/bin/victim"
victim=$(sha256sum <"$T/bin/victim" | cut -d' ' -f1)
good=$(sha256sum </usr/bin/true | cut -d' ' -f1)

# try POLICY RUNNER: all ways in one workload, each in a directory of its own, $T/POLICY/WAY.
try() {
	mkdir "$T/$1"
	"$2" 0 sh -c '
		cd "$1" && shift
		victim=$1 && shift
		for way; do
			mkdir "${way##*/}" && cd "${way##*/}" || exit 1
			"$way" "$victim" "$PWD/mark"
			cd ..
		done
		exit 0' - "$T/$1" "$T/bin/victim" "$ways"/*
}

# Each is on record.
refusals() {
	at_most "$1" "$(lines count audit type=exec decision.verdict=deny)" 'ways and refusals'
}

deny() {
	policy "deny: [\"exec:$T/bin/victim\"]"
	try deny run
	refusals "$(grep -l 'against:.*deny\( \|$\)' "$ways"/* | wc -l)"
}

# By what it is given instead of by its name alone.
arguments() {
	policy "deny: [{match: \"exec:$T/bin/victim\", args: {any: [\"/mark\"]}}]"
	try arguments run
	refusals "$(grep -l 'against:.*deny\( \|$\)' "$ways"/* | wc -l)"
}

allow() {
	policy 'allow: ["exec:/usr/bin/*", "exec:/usr/sbin/*", "exec:/usr/games/*", "exec:/bin/*", "exec:/sbin/*",' \
		"  \"exec:$ways/*\"]"
	try allow run
	refusals "$(grep -l 'against:.*allow' "$ways"/* | wc -l)"
}

# By what is in it. Each way brings that to run, whatever the file is called; but what a loader is given,
# and nobody may run, is a library unless it is named.
content() {
	policy "deny: [{match: [\"exec:*\", \"exec:$T/bin/victim\"], sha256: $victim}]"
	try content run
	refusals "$(ls "$ways" | wc -l)"
	for way in "$ways"/*; do
		absent "$T/content/${way##*/}/mark"
	done
}

# A place is known by what may be in it.
known() {
	policy "allow: [\"exec:/usr/bin/*\", \"exec:$ways/*\", {match: \"exec:$T/known/*/good\", sha256: $good}]"
	try known run
	some_line audit activity='exec:*/replaced/good' decision.verdict=allow
	refusals "$(grep -l 'against:.*known' "$ways"/* | wc -l)"
}

# Who denies the loader means it as a program, and not all those that it loads.
loader() {
	policy 'deny: ["exec:/lib64/ld-linux-x86-64.so.2"]'
	run 0 sh -c '/bin/true && /usr/bin/env true'
	run '*' /lib64/ld-linux-x86-64.so.2 /usr/bin/touch "$PWD/mark"
	absent mark
	some_line audit type=exec decision.verdict=deny
}

ran() {
	exists "$T/free/$1/mark"
}

# What stops the victim whatever it is given stops it by what it is given, too.
stopped() {
	absent "$T/$1/$2/mark"
	[[ $1 != deny ]] || absent "$T/arguments/$2/mark"
}

# What is said beforehand is what happens.
explained() {
	policy "deny: [\"exec:$T/bin/victim\"]"
	ln "$T/bin/victim" again
	status_is 0 "$WARDEN" explain -p policy.yaml "exec:$PWD/again"
	has out '^deny deny deny\[0\] '
	has out 'matches the same file by "exec:.*/bin/victim"'
	cp again copy
	status_is 0 "$WARDEN" explain -p policy.yaml "exec:$PWD/copy"
	has out '^allow '
}

check 'the loader is denied' loader
check 'explain knows the file' explained
check 'all ways without a policy' try free allowed
check 'all ways under a deny list' deny
check 'all ways under a deny list with conditions' arguments
check 'all ways under an allow list' allow
if [[ -n $(used_tier exec:sha256) ]]; then
	check 'all ways under a deny list with the hash' content
	check 'all ways under an allow list with a hash' known
fi
judge_ways ran stopped
finish
