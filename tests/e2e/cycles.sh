#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Probes come and go, a thousand times, in clients and a server that are busy: none of them ends, and no request
# fails.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root
limit=$((120 * slow))
each=100 # of ten files, all at once, as most of the time is waiting for the kernel
libssl=$(ldconfig -p | sed -n 's/.*libssl\.so\.3 .*=> //p' | head -n 1)

# A file of its own for each process: what others probe in it, too, is not taken out of its code.
for i in server python1 python2; do
	mkdir "$T/$i"
	cp "$libssl" "$T/$i/libssl.so.3"
done
export LD_LIBRARY_PATH=$T/server
serve https "$T/https"
unset LD_LIBRARY_PATH
url=https://127.0.0.1:$(<"$T/https/port")
export SSL_CERT_FILE=$T/https/cert.pem
server=${started[-1]}

python_load() {
	LD_LIBRARY_PATH=$T/$1 exec /usr/bin/python3 - "$url" "$PWD/stop" >"load.$1" 2>&1 <<-'END'
		import http.client, os, sys
		done = bad = 0
		address = sys.argv[1].split("/")[2]
		while not os.path.exists(sys.argv[2]):
		    conn = http.client.HTTPSConnection(address, timeout=20)
		    for _ in range(10):
		        try:
		            conn.request("POST", "/echo", b"some text")
		            answer = conn.getresponse().read()
		            done, bad = done + (answer == b"some text"), bad + (answer != b"some text")
		        except (OSError, http.client.HTTPException) as error:
		            print(repr(error))
		            bad += 1
		            break
		    conn.close()
		print("load", done, bad)
	END
}

maps_it() {
	grep -q "$2" "/proc/$1/maps"
}

thousand() {
	local i pid loads=() pids=() files=("$T"/server/libssl.so.3 "$T"/python{1,2}/libssl.so.3)
	for i in {1..7}; do
		cp "$top/build/tests/client_static" "client$i"
		"./client$i" "$url" "load stop" >"load.$i" 2>&1 &
		loads+=($!)
		files+=("$PWD/client$i")
	done
	for i in 1 2; do
		python_load "python$i" &
		loads+=($!)
		within 20 maps_it $! "$T/python$i/libssl"
	done
	maps_it "$server" "$T/server/libssl"
	for i in "${!files[@]}"; do
		"$top/build/tests/cycles" "${files[$i]}" "$each" >"cycles.$i" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		ends "$pid" 0
	done
	touch stop
	for pid in "${loads[@]}"; do
		ends "$pid" 0
	done
	kill -0 "$server"
	cat cycles.* load.*
	same "$(awk '{ n += $(NF - 4) } END { print n }' cycles.*)" 1000 'cycles'
	# All of them were at work, and met probes.
	for i in "${!files[@]}"; do
		has "cycles.$i" ' [1-9][0-9]* times met$'
	done
	for i in {1..7} python1 python2; do
		has "load.$i" '^load [1-9][0-9]+ 0$'
	done
	same "$(lines count "$T/https/log" what=close 'why!=end')" 0 'connections that the server has lost'
}

check 'probes come and go a thousand times' thousand
cat "$T"/*/cycles.* | awk '{ n += $(NF - 4); met += $(NF - 2) } END { print "#", n, "cycles, probes met", met, "times" }'
cat "$T"/*/load.* | awk '/^load/ { n += $2 } END { print "#", n, "requests" }'
finish
