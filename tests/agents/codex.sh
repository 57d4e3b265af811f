#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Codex as it is, against a mock of its model's API. Its program holds several TLS libraries without symbols; which
# of them it uses depends on how it is set up: OpenSSL, but rustls where a variable names an authority, and for
# WebSockets. rustls in turn uses one of two libraries, by version: AWS-LC, or ring, into which nobody sees.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=common
. "$(dirname -- "$0")/common"
read -ra versions <<<"${CODEX_VERSIONS:-0.169.0 0.140.0}"
packages=("${versions[@]/#/@openai/codex@}")
packages "${packages[@]/%/-linux-x64}"
limit=$((120 * slow))

# rustls takes no certificate of an authority for one of a server.
mkdir "$T/far-codex"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
	-addext keyUsage=critical,digitalSignature -keyout "$T/far-codex/key.pem" \
	-out "$T/far-codex/cert.pem" 2>"$T/said"
declare -A beneath=([0.169.0]=aws-lc [0.140.0]=ring)
mock codex
unset SSL_CERT_FILE SSL_CERT_DIR
export MOCK_KEY=dummy
# The authority is the system's, for those that run in this namespace.
mount --bind "$T/far-codex/cert.pem" /etc/ssl/certs/ca-certificates.crt

# tell WANT TEXT [SETTING...]: what Codex is told; its program is in $codex.
tell() {
	mkdir -p home
	printf '%s\n' 'model = "mock"' 'model_provider = "mock"' '[model_providers.mock]' 'name = "mock"' \
		"base_url = \"$url/v1\"" 'env_key = "MOCK_KEY"' 'wire_api = "responses"' \
		'request_max_retries = 1' 'stream_max_retries = 1' "${@:3}" >home/config.toml
	HOME=$PWD/home CODEX_HOME=$PWD/home run "$1" "$codex" exec --skip-git-repo-check "$2"
}

turn() {
	mark
	policy 'capture: full' 'opaque: deny'
	tell 0 'say hi'
	has out '^This is what the mock has to say'
	all_seen
	/usr/bin/python3 - <<-'END'
		import json
		for line in map(json.loads, open("audit", encoding="utf-8")):
		    if line["type"] == "http.request" and line["http"]["method"] == "POST":
		        request = json.loads(line["content"]["request"])
		    if line["type"] == "http.response" and line["http"]["method"] == "POST":
		        answer = line["content"]["response"]
		assert "say hi" in json.dumps(request["input"]), request["input"]
		assert answer.startswith("event: response.created") and "response.completed" in answer, answer
	END
	some_line audit type=http.request http.host=localhost http.path=/v1/responses content.truncated=false
}

# It tries again, in vain.
refused() {
	tell '[1-9]*' 'please drop table users'
	tail -n +$((logged + 1)) "$log" >far
	count_is 0 far what=request method=POST
	same "$(lines text far 'drop table')" 0 'connections with what was refused'
	hasnt out 'what the mock has to say'
}

refused_by_path() {
	mark
	policy 'deny: [{id: no-model, match: "http:POST */v1/responses*"}]'
	refused
	some_line audit type=http.request decision.verdict=deny decision.rule=no-model 'decision.tier!=signal'
}

refused_by_phrase() {
	mark
	policy 'content: [{name: sql, deny: ["DROP TABLE"], in: [http]}]'
	refused
	some_line audit type=http.request decision.verdict=deny decision.layer=content decision.rule=sql \
		'decision.tier!=signal'
}

# It asks for a WebSocket by rustls, does not get one, and goes on by OpenSSL.
upgrade() {
	mark
	policy 'capture: full' 'opaque: deny'
	tell 0 'say hi' 'supports_websockets = true'
	has out '^This is what the mock has to say'
	all_seen
	some_line audit type=http.request http.method=GET http.path=/v1/responses
	some_line audit type=http.request http.method=POST http.path=/v1/responses
}

# What was held back until something was acknowledged is refused as well.
upgrade_refused() {
	mark
	policy 'deny: [{id: no-sockets, match: "http:GET */v1/responses"}]' 'opaque: deny'
	tell 0 'say hi' 'supports_websockets = true'
	has out '^This is what the mock has to say'
	tail -n +$((logged + 1)) "$log" >far
	count_is 0 far what=request method=GET
	count_is 1 far what=request method=POST
	some_line audit type=http.request decision.verdict=deny decision.rule=no-sockets 'decision.tier!=signal'
	count_is 0 audit type=opaque
}

by_ring() {
	mark
	policy 'opaque: deny'
	tell '[1-9]*' 'say hi'
	tail -n +$((logged + 1)) "$log" >far
	count_is 0 far what=data
	some_line audit type=opaque decision.verdict=deny opaque.stack=rustls
	count_is 0 audit type=http.request
}

# by_rustls FUNCTION: with a variable that names an authority, which has Codex use another library.
by_rustls() {
	export SSL_CERT_FILE=$T/far-codex/cert.pem
	"$1"
}

for version in "${versions[@]}"; do
	codex=$AGENTS_CACHE/@openai+codex@$version-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex
	check "Codex $version: a turn is captured whole" turn
	check "Codex $version: refused by path" refused_by_path
	check "Codex $version: refused by a phrase" refused_by_phrase
	if [[ ${beneath[$version]-} == ring ]]; then
		check "Codex $version, rustls on ring is opaque" by_rustls by_ring
		continue
	fi
	check "Codex $version, rustls: a turn is captured whole" by_rustls turn
	check "Codex $version, rustls: refused by path" by_rustls refused_by_path
	check "Codex $version, rustls: refused by a phrase" by_rustls refused_by_phrase
	check "Codex $version, rustls and OpenSSL: asks for a WebSocket" upgrade
	check "Codex $version, rustls and OpenSSL: may not ask for one" upgrade_refused
done
finish
