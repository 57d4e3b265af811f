# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# bash completion for warden(1)

_warden() {
	local cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}

	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W \
			'run doctor check explain events verify --help --version' -- "$cur")
		return
	fi
	if [[ $cur == -* ]]; then
		# The options are what the command's own help lists.
		mapfile -t COMPREPLY < <(compgen -W \
			"$(warden "$command" --help 2>/dev/null | grep -oE -- '--[a-z0-9-]+')" -- "$cur")
		return
	fi
	mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}

complete -o filenames -F _warden warden
