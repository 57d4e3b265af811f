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

# One way is about that. It opens a broker, which is not what is tried here.
binfmt='{match: "file:write /proc/sys/fs/binfmt_misc/*", mode: audit}'

# refusals POLICY: each is on record, of the ways that the kernel has something for.
refusals() {
	local way ways_tried=0
	for way in $(grep -lE "^# .*against:.* $1( |$)" "$ways"/*); do
		[[ -e $T/free/${way##*/}/cannot ]] || ways_tried=$((ways_tried + 1))
	done
	at_most "$ways_tried" "$(lines count audit type=exec decision.verdict=deny)" 'ways and refusals'
}

deny() {
	policy "deny: [\"exec:$T/bin/victim\", $binfmt]"
	try deny run
	refusals deny
}

# By what it is given instead of by its name alone.
arguments() {
	policy "deny: [{match: \"exec:$T/bin/victim\", args: {any: [\"/mark\"]}}, $binfmt]"
	try arguments run
	refusals deny
}

allow() {
	policy "deny: [$binfmt]" 'allow: ["exec:/usr/bin/*", "exec:/usr/sbin/*", "exec:/usr/games/*", "exec:/bin/*", "exec:/sbin/*",' \
		"  \"exec:$ways/*\"]"
	try allow run
	refusals allow
}

# By what is in it. Each way brings that to run, whatever the file is called; but what a loader is given,
# and nobody may run, is a library unless it is named.
content() {
	policy "deny: [{match: [\"exec:*\", \"exec:$T/bin/victim\"], sha256: $victim}, $binfmt]"
	try content run
	refusals "$(ls "$ways" | wc -l)"
	for way in "$ways"/*; do
		absent "$T/content/${way##*/}/mark"
	done
}

# A place is known by what may be in it.
known() {
	policy "deny: [$binfmt]" "allow: [\"exec:/usr/bin/*\", \"exec:$ways/*\", {match: \"exec:$T/known/*/good\", sha256: $good}]"
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

# The file that is opened is a program that is asked for, as well as what opens it.
opened() {
	printf 'kind-of-ours\n' >data && chmod 755 data
	policy "deny: [\"exec:$PWD/data\", $binfmt]"
	run 0 unshare -m sh -c 'mount -t binfmt_misc none /mnt || exit
		echo ":ours:M::kind-of-ours::/usr/bin/touch:" >/mnt/register || exit
		./data mark
		cp data other && ./other marked
		echo -1 >/mnt/ours'
	absent mark
	exists marked
	some_line audit type=exec activity="exec:$PWD/data" decision.verdict=deny
	some_line audit type=exec activity="exec:$PWD/other" decision.verdict=allow
	some_line audit type=exec activity=exec:/usr/bin/touch exec.args.2=marked decision.verdict=allow
}

check 'the loader is denied' loader
if [[ ${TEST_OWN_MACHINE:-} && $tier == lsm ]]; then
	check 'a file that binfmt_misc opens' opened
else
	skip 'a file that binfmt_misc opens' 'takes a machine of its own, with LSM'
fi
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
