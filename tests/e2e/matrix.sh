#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# What common clients send and receive over TLS is in the trail to the byte, from one byte to 4 MB, both ways.
# Those of other libraries are in stacks.sh and go.sh. Far end: an HTTPS server that answers with what it got.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
# shellcheck source=../lib/clients.sh
. "$lib/clients.sh"
need_root
limit=$((120 * slow))
standing=1

serve https "$T/https"
url=https://127.0.0.1:$(<"$T/https/port")
export SSL_CERT_FILE=$T/https/cert.pem NODE_EXTRA_CA_CERTS=$T/https/cert.pem \
	CURL_CA_BUNDLE=$T/https/cert.pem

declare -A clients=(
	[http.client]="$lib/client_python.py http.client"
	[asyncio]="$lib/client_python.py asyncio"
	[uvloop]="$lib/client_python.py uvloop"
	[curl]="$lib/client_curl"
	[node-https]="/usr/bin/node $lib/client_node.js https"
	[node-fetch]="/usr/bin/node $lib/client_node.js fetch"
)

# Records of TLS have up to 16384 bytes; those of warden as well.
sizes=(1 2 255 16383 16384 16385 65537 300000)
((slow > 1)) || sizes+=(1048576 4000000)
mkdir "$T/sent"
for size in "${sizes[@]}"; do
	head -c "$size" /dev/urandom >"$T/sent/$size"
done

# Two connections in turn, or as many as the client makes.
streams() {
	local size letter=a steps=()
	policy 'capture: full' 'deny: ["http:POST */forbidden*"]' \
		'content: [{name: sql, deny: ["DROP TABLE never"], in: [http]}]' 'opaque: deny'
	for size in "${sizes[@]}"; do
		steps+=("$letter POST /echo/$1/$size @$T/sent/$size")
		letter=$(tr ab ba <<<"$letter")
	done
	steps shared "$1" "${steps[@]}"
	for size in "${sizes[@]}"; do
		if [[ $1 == curl ]]; then
			cmp "$T/sent/$size" "$T/sent/$size.got"
		else
			grep -q "POST /echo/$1/$size echoed " out || { cat out && return 1; }
		fi
		echoed "/echo/$1/$size" "$T/sent/$size"
	done
	count_is ${#sizes[@]} audit type=http.request
	count_is ${#sizes[@]} audit type=http.response
	count_is 0 audit type=loss
	count_is 0 audit type=opaque
}

check 'http.client: what is sent and received' streams http.client
check 'asyncio: what is sent and received' streams asyncio
portable 'uvloop: what is sent and received' streams uvloop
portable 'curl: what is sent and received' streams curl
portable 'node, https: what is sent and received' streams node-https
portable 'node, fetch: what is sent and received' streams node-fetch
finish
