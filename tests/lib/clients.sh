# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# HTTPS clients of all kinds that take the same steps (client_python.py), and what came of these. Sourced after
# tap.sh, by programs that set `clients` (name -> command) and `url`.
#   steps RUNNER CLIENT STEP...        runs them; their results are in ./out
#   went STEP RESULT [SECONDS]         the result of the step that begins so, and at most how long it took
#   echoed PATH FILE                   what was recorded of that request and its answer is the file, both ways
#   noticed PROGRAM                    see below
# shellcheck shell=bash disable=SC2154 # what is set by the program that sources this

steps() {
	local runner=$1 client
	read -ra client <<<"${clients[$2]}"
	[[ $1 != shared || $2 != go-* ]] || noticed "${client[0]}"
	shift 2
	"$runner" 0 "${client[@]}" "$url" "$@"
}

# noticed PROGRAM: which brings TLS of its own, and so is probed when a workload that stands by has run it once;
# with LSM it is before that. `holds` is the tier for exec.
noticed() {
	local line="\"$1\".*tls_library_mapped_late"
	[[ $holds != lsm ]] || return 0
	shared 1 "$1" none
	grep -q "$line" "$workload/audit" || {
		within 10 grep -q "$line" "$workload/audit"
		shared 1 "$1" none
	}
	rm audit
}

went() {
	local line
	line=$(grep -m 1 -F -- "$1 " out) || { echo "no step $1 in:" && cat out && return 1; }
	same "$(cut -d' ' -f4 <<<"$line")" "$2" "result of: $line"
	[[ -z ${3:-} ]] || at_most "$(cut -d' ' -f5 <<<"$line")" $((${3} * slow)) "seconds of: $line"
}

echoed() {
	local sum bytes
	sum=$(sha256sum <"$2" | cut -d' ' -f1)
	bytes=$(stat -c %s "$2")
	count_is 1 audit type=http.request "http.path=$1" decision.verdict=allow \
		"content.request_bytes=$bytes" "content.request_sha256=$sum"
	count_is 1 audit type=http.response "http.path=$1" http.status=200 \
		"content.response_bytes=$bytes" "content.response_sha256=$sum"
}
