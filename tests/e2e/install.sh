#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# What `make install` puts where.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"

# install_to DIRECTORY: what is under it then, one path a line, in ./installed.
install_to() {
	make -C "$top" install DESTDIR="$1" PREFIX=/usr >said 2>&1 || {
		cat said
		return 1
	}
	(cd "$1" && find . -type f | sed 's/^\.//') | sort >installed
}

everything() {
	local page policy
	install_to "$PWD/root"
	same "$(stat -c %a root/usr/sbin/warden)" 755 'mode'
	status_is 0 root/usr/sbin/warden --version
	has out "$("$WARDEN" --version)"
	for page in "$top"/docs/*.[1-8]; do
		exists "root/usr/share/man/man${page##*.}/${page##*/}"
	done
	for policy in "$top"/policies/*.yaml; do
		cmp "$policy" "root/usr/share/warden/policies/${policy##*/}"
	done
	has installed '^/usr/share/man/man1/warden-run\.1$'
	has installed '^/usr/share/man/man5/warden-policy\.5$'
	has installed '^/usr/share/bash-completion/completions/warden$'
	hasnt installed '^/usr/share/(man/man[^/]*|warden/policies)$'
}

# Over what is there, as an upgrade does.
twice() {
	install_to "$PWD/root"
	mv installed first
	install_to "$PWD/root"
	cmp first installed
}

check 'make install with a DESTDIR' everything
check 'make install twice' twice
finish
