#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Ways to have a broker act by leaving it a file: each program in files/ is one. It is called in an empty
# directory with the path of a file; it leaves "evil" in that, or where cron, at or systemd would read it.
# The directories there are file systems of this test's own, seen by nobody else. Each way must succeed
# without a policy, and leave nothing under one that speaks of something else.
# shellcheck disable=SC2016,SC2317 # code for other shells; functions called by check
if [[ -z ${OWN_MOUNTS-} ]]; then
	OWN_MOUNTS=1 exec unshare -m --propagation private "$0" "$@"
fi
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
# shellcheck source=../lib/ways.sh
. "$(dirname -- "$0")/../lib/ways.sh"
need_root

ways=$top/tests/bypass/files
limit=$((120 * slow))
tier=cgroup
if "$WARDEN" doctor -o json | /usr/bin/python3 -c '
import json, sys
sys.exit({b["tier"] for b in json.load(sys.stdin)["brokers"] if b["rule"] == "broker:cron"} != {"lsm"})'; then
	tier=lsm
fi

places=(/etc/cron.d /etc/systemd /var/spool)

# As a machine has them: anew before each run, below mounts that are there when warden starts.
furnish() {
	find "${places[@]}" -mindepth 1 -delete
	mkdir -p /var/spool/cron /var/spool/at /var/spool/home/.config
	touch /etc/cron.d/{there,fd} /var/spool/cron/{exchanged,linked_away}
	echo full >/etc/cron.d/full
}

for place in "${places[@]}"; do
	mkdir -p "$place" 2>/dev/null
	mount -t tmpfs none "$place" || exit 1
done

# try NAME RUNNER: all ways in one workload, each in a directory of its own, $T/NAME/WAY.
try() {
	mkdir "$T/$1"
	furnish
	"$2" 0 sh -c '
		cd "$1" && shift
		for way; do
			mkdir "${way##*/}" && cd "${way##*/}" || exit 1
			"$way" "$PWD/mark"
			cd ..
		done
		exit 0' - "$T/$1" "$ways"/*
	left "$1"
}

# What a broker would find: $T/NAME/WAY/mark.
left() {
	local at way
	while read -r at; do
		way=${at##*/}
		case $way in
		there) way=append ;;
		fd) way=proc_fd ;;
		esac
		grep -q evil "$at" && : >"$T/$1/$way/mark"
	done < <(find -L /etc/cron.d /etc/systemd /var/spool/{cron,at,home/.config} -type f)
	[[ -s /etc/cron.d/full ]] || : >"$T/$1/empty/mark"
	[[ $(</var/spool/cron/linked_away) != evil ]] || : >"$T/$1/linked_away/mark"
}

deny() {
	policy 'deny: ["exec:/none"]'
	try deny run
	some_line audit type=file activity='file:write /proc/sys/kernel/core_pattern' decision.verdict=deny \
		decision.rule=broker:kernel
	[[ $tier != lsm ]] || some_line audit type=file activity='file:write /etc/cron.d/write' \
		decision.verdict=deny decision.layer=deny decision.rule=broker:cron decision.tier=lsm \
		decision.matched='file:write /etc/cron.*/*'
}

possible() {
	exists "$T/free/$1/mark"
}

denied() {
	absent "$T/$1/$2/mark"
}

# What was denied did not happen at all: not even an empty file, and no directory is missing.
untouched() {
	same "$(cd /etc/cron.d && echo *)" 'fd full there' 'crontabs'
	same "$(cd /var/spool/cron && echo *)" 'exchanged linked_away' 'spool'
	exists /var/spool/at
	exists /var/spool/home/.config
	absent /etc/systemd/user
}

named() {
	furnish
	policy 'allow: ["file:write /etc/cron.d/*"]' 'deny: [{match: "file:write /var/spool/cron/*", mode: audit}]'
	run 0 sh -c 'echo x >/etc/cron.d/a && echo x >/var/spool/cron/a && echo x >"$1"; echo x >/etc/systemd/a; :' \
		- "$T/other"
	exists "$T/other"
	exists /etc/cron.d/a
	absent /etc/systemd/a
	count_is 1 audit type=file activity='file:write /var/spool/cron/a' decision.verdict=audit \
		decision.rule='deny?0?'
	count_is 0 audit type=file activity='file:write /etc/cron.d/a'
	some_line audit type=file activity='file:write /etc/systemd/a' decision.verdict=deny
}

audited() {
	furnish
	policy 'mode: audit'
	run 0 sh -c 'echo x >/etc/cron.d/a'
	exists /etc/cron.d/a
	count_is 1 audit type=file activity='file:write /etc/cron.d/a' decision.verdict=audit decision.rule=broker:cron
}

check 'all ways without a policy' try free allowed
check 'all ways under a policy' deny
judge_ways possible denied
if [[ $tier != lsm ]]; then
	skip 'nothing is left of what was denied' 'without LSM only settings are held'
	finish
fi
check 'nothing is left of what was denied' untouched
check 'named by the policy' named
check 'mode: audit records it' audited
finish
