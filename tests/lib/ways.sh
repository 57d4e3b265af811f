# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# shellcheck shell=bash
# For tests of ways around a rule, behind tap.sh: each program in the directory $ways is one. Its third
# line ends in "against:" and the policies that it is tried against, behind a slash the one tier that
# holds it. It has been tried in the directories $T/POLICY/WAY, without a policy in $T/free/WAY; where
# the kernel has nothing for it, the file `cannot` there says why.

# The tier that is in use for a kind of activities.
used_tier() {
	"$WARDEN" doctor -o json | /usr/bin/python3 -c '
import json, sys
print(*(f["tier"] for f in json.load(sys.stdin)["facilities"] if f["activity"] == sys.argv[1] and f["used"]))' "$1"
}

# For the table that run-all prints: what came of a way, on this tier and kernel.
ways_row() {
	local release
	release=$(uname -r)
	echo "row $(basename "$ways")/$1|$tier|$(cut -d. -f1,2 <<<"$release")|$2"
}

# judge_ways POSSIBLE STOPPED: functions, called with WAY, and with POLICY and WAY. $tier is the tier.
judge_ways() {
	local way against policy before held
	for way in "$ways"/*; do
		read -ra against <<<"$(sed -n '3s/.*against: //p' "$way")"
		way=${way##*/} before=$tests_failed held=()
		if [[ -e $T/free/$way/cannot ]]; then
			skip "$way" "$(<"$T/free/$way/cannot")"
			ways_row "$way" 'cannot be tried'
			continue
		fi
		check "$way: possible" "$1" "$way"
		for policy in "${against[@]}"; do
			if [[ $policy == */* && ${policy#*/} != "$tier" ]]; then
				skip "$way: ${policy%/*}" "the tier $tier does not hold it"
			else
				check "$way: ${policy%/*}" "$2" "${policy%/*}" "$way"
				held+=("${policy%/*}")
			fi
		done
		if ((tests_failed != before)); then
			ways_row "$way" FAILED
		elif ((${#held[@]} == ${#against[@]})); then
			ways_row "$way" stopped
		elif ((${#held[@]})); then
			ways_row "$way" "under ${held[*]} only"
		else
			ways_row "$way" 'not stopped'
		fi
	done
}
