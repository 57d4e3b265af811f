#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Bun, whose BoringSSL has no symbols: what it sends and receives over TLS is seen whole, and of what is
# refused no byte leaves. Versions whose library sends inside of SSL_write() (to 1.3) and outside of it.
# shellcheck disable=SC2317 # functions called by check
read -ra versions <<<"${BUN_VERSIONS:-1.4.5 1.3.14 1.2.10 1.1.30 1.0.0}"
# shellcheck source=common
. "$(dirname -- "$0")/common"
packages "${versions[@]/#/@oven/bun-linux-x64@}"
limit=$((180 * slow))
kinds=(fetch https tls)

refused() {
	local kind=$1
	policy 'deny: [{id: no-posts, match: "http:POST */forbidden*"}]' \
		'content: [{name: sql, deny: ["DROP TABLE"], in: [http]}]'
	run 0 "$bun" "$agents/client.mjs" "$kind" "$url" "POST /forbidden/first/$kind never-$kind" \
		"POST /fine/$kind x" "POST /forbidden/second/$kind never-$kind" "POST /fine2/$kind x" \
		"POST /query/$kind never-$kind drop Table x" "POST /fine3/$kind random:100000"
	result "POST /forbidden/first/$kind" error 1
	result "POST /fine/$kind" 200
	result "POST /forbidden/second/$kind" error 1
	result "POST /fine2/$kind" 200
	result "POST /query/$kind" error 1
	result "POST /fine3/$kind" 200
	same "$(lines text "$log" "forbidden/first/$kind")" 0 'connections with the first one'
	same "$(lines text "$log" "forbidden/second/$kind")" 0 'connections with the second one'
	same "$(lines text "$log" "never-$kind")" 0 'connections with a body that was refused'
	some_line audit activity="http:POST localhost/forbidden/first/$kind" decision.verdict=deny \
		decision.rule=no-posts 'decision.tier!=signal' 'decision.tier!=none'
	some_line audit activity="http:POST localhost/forbidden/second/$kind" decision.verdict=deny \
		'decision.tier!=signal' 'decision.tier!=none'
	some_line audit activity="http:POST localhost/query/$kind" decision.verdict=deny \
		decision.layer=content decision.rule=sql 'decision.tier!=signal' 'decision.tier!=none'
}

# The same is possible without a policy.
possible() {
	allowed 0 "$bun" "$agents/client.mjs" "$1" "$url" "POST /forbidden/free/$1 DROP TABLE"
	result "POST /forbidden/free/$1" 200
	same "$(lines text "$log" "forbidden/free/$1")" 1 'connections with it'
}

# Objects come and go at the same addresses, eight at a time.
many() {
	mark
	run 0 "$bun" "$agents/client.mjs" "$1" "$url" 'load 600 8'
	has out '^load 600 600 0$'
	all_seen
}

# Of many connections at once the right ones are refused.
many_refused() {
	cat >client.mjs <<-END
		import fs from 'node:fs';
		const ca = fs.readFileSync(process.env.NODE_EXTRA_CA_CERTS), results = {};
		let next = 0;
		await Promise.all(Array.from({length: 6}, async () => {
			while (next < 60) {
				const n = next++, bad = n % 3 == 0;
				let result;
				try {
					const answer = await fetch('$url' + (bad ? '/forbidden/m/' : '/many/') + n,
						{method: 'POST', body: 'x', tls: {ca}, keepalive: false});
					await answer.arrayBuffer();
					result = answer.status;
				} catch {
					result = 'error';
				}
				results[bad + ' ' + result] = (results[bad + ' ' + result] ?? 0) + 1;
			}
		}));
		console.log(results['true error'], results['false 200']);
		process.exit(0);
	END
	policy 'deny: ["http:POST */forbidden*"]'
	run 0 "$bun" client.mjs
	has out '^20 40$'
	same "$(lines text "$log" forbidden/m/)" 0 'connections with what was refused'
}

# A copy that nobody knows of before the start, run by a shell, is examined at once. Where nothing holds it
# meanwhile (LSM), what it may have carried until then is a gap, which is said.
late() {
	cp "$bun" ./agent
	policy 'deny: ["http:POST */forbidden*"]'
	run 0 sh -c "./agent '$agents/client.mjs' tls '$url' 'load 40 1' 'POST /late/known x' \
		'POST /forbidden/late never-late' 'POST /late/after x'; true"
	result 'POST /late/known' 200
	result 'POST /forbidden/late' error 1
	result 'POST /late/after' 200
	same "$(lines text "$log" never-late)" 0 'connections with what was refused'
	some_line audit type=http.request activity='http:POST localhost/late/known'
	at_most "$(lines count audit type=loss)" 1 'gaps'
	count_is 0 audit type=loss 'loss.reason!=tls_library_mapped_late'
	rm agent
}

# One that looks like it, but whose code is another: not probed, said once, and opaque.
in_doubt() {
	cp "$bun" ./agent
	/usr/bin/python3 - <<-'END'
		import re
		data = bytearray(open("agent", "rb").read())
		# the reason that only SSL_write has
		found = [m.start() for m in re.finditer(rb"\xbf\x10\0\0\0(\x31\xf6\xba|\xbe)\x6f\0\0\0", data)]
		for at in found:
		    data[at + data[at:at + 12].index(b"\x6f\0\0\0")] = 0x70
		open("agent", "wb").write(data)
		assert found
	END
	run 0 ./agent "$agents/client.mjs" fetch "$url" 'POST /doubt/one x' 'POST /doubt/two x'
	result 'POST /doubt/two' 200
	count_is 1 audit type=loss loss.reason=tls_library_not_probed
	count_is 0 audit type=http.request
	some_line audit type=opaque
	same "$(grep -c 'is not probed' err)" 1 'times that it was said'
	policy 'opaque: deny'
	run 0 ./agent "$agents/client.mjs" fetch "$url" 'POST /doubt/three x'
	result 'POST /doubt/three' error
	same "$(lines text "$log" /doubt/three)" 0 'connections with what was refused'
	rm agent
}

busy() {
	(($(wc -l <"$log") > logged + 100))
}

# Probes come and go, a thousand times, under a program that runs outside of any workload and is at work. Most of
# it is waiting for the kernel, so five do it.
cycles() {
	local load pid pids=()
	mark
	"$bun" "$agents/client.mjs" fetch "$url" 'load 100000000 4' >out 2>err &
	load=$!
	within 20 busy
	for n in 1 2 3 4 5; do
		"$top/build/tests/cycles" "$bun" 200 >"cycles.$n" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		ends "$pid" 0
	done
	touch stop
	ends "$load" 0
	has out '^load 100000000 [1-9][0-9][0-9]* 0$'
}

for version in "${versions[@]}"; do
	mock "$version"
	bun=$AGENTS_CACHE/@oven+bun-linux-x64@$version/bin/bun
	for kind in "${kinds[@]}"; do
		check "Bun $version, $kind: possible without a policy" possible "$kind"
		check "Bun $version, $kind: a byte to 4 MB, both ways" whole "$kind" "$bun"
		check "Bun $version, $kind: refused" refused "$kind"
		check "Bun $version, $kind: 600 requests at once" many "$kind"
	done
	check "Bun $version: some of many refused" many_refused
	check "Bun $version: a copy, found when it is run" late
	check "Bun $version: one in doubt" in_doubt
	check "Bun $version: of 250 MB, probed in 300 ms" attaches "$bun" 250
	echo "# $(<"$T/attached") ms until probes were there, the best of ten times"
	name="Bun $version: 1,000 times probed while it is at work"
	if [[ $version == 1.0.* ]]; then
		skip "$name" 'without probes it crashes as well, after some 20,000 requests'
	else
		check "$name" cycles
	fi
done
finish
