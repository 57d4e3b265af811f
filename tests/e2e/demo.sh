#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# The demo checks itself; without warden its checks must fail.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root

with_warden() {
	status_is 0 "$top/tests/demo/run" --audit "$PWD/audit"
	hasnt out WRONG
	status_is 0 "$WARDEN" verify audit
}

without_warden() {
	status_is 1 "$top/tests/demo/run" --audit "$PWD/audit" --without-warden
	has out 'WRONG: That old report can go.'
	has out 'WRONG: The database itself would be faster.'
	has out 'WRONG: Or let me give myself more rights.'
	has out 'WRONG: And tidy up behind us.'
	has out 'WRONG: The same by a program.'
}

policy_is_valid() {
	local file
	for file in "$top"/policies/*.yaml; do
		status_is 0 "$WARDEN" check --strict "$file"
	done
}

check 'under warden all goes as planned' with_warden
check 'without warden it does not' without_warden
check 'the policies are valid' policy_is_valid
finish
