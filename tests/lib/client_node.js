#!/usr/bin/node
// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
// The same as client_python.py with Node: client_node.js https|fetch URL STEP...
// A body @FILE is that file's content, and the result is `echoed` when the answer has the same body.
// NODE_EXTRA_CA_CERTS names the authority. `fetch` keeps its own connections: letters only label.
'use strict';
const fs = require('fs');
const https = require('https');

const LIMIT = 20000; // ms a step
const PAUSE = 200 * (process.env.TEST_SLOW ?? 1);
const agents = {};

function parse(step) {
	const [letter, method, path, ...body] = step.split(' ');
	if (body[0]?.startsWith('@'))
		return {letter, method, path, parts: [fs.readFileSync(body[0].slice(1))], echo: true};
	return {letter, method, path, parts: body.join(' ').split('|')};
}

const pause = () => new Promise((done) => setTimeout(done, PAUSE));

function viaHttps(base, {letter, method, path, parts}) {
	agents[letter] ??= new https.Agent({keepAlive: true, maxSockets: 1});
	const length = parts.reduce((sum, part) => sum + Buffer.byteLength(part), 0);
	return new Promise((done, fail) => {
		const request = https.request(base + path, {
			method, agent: agents[letter], timeout: LIMIT,
			headers: {'Content-Length': length},
		}, (answer) => {
			const got = [];
			answer.on('data', (piece) => got.push(piece));
			answer.on('end', () => done([answer.statusCode, Buffer.concat(got)]));
			answer.on('error', fail);
		});
		request.on('error', fail);
		request.on('timeout', () => request.destroy(new Error('timeout')));
		(async () => {
			for (const part of parts.slice(0, -1)) {
				await new Promise((flushed) => request.write(part, flushed));
				await pause();
			}
			request.end(parts.at(-1));
		})();
	});
}

async function* pieces(parts) {
	for (const [n, part] of parts.entries()) {
		if (n)
			await pause();
		yield Buffer.from(part);
	}
}

async function viaFetch(base, {method, path, parts}) {
	const body = parts.length > 1 ? pieces(parts) : parts[0] || undefined;
	const answer = await fetch(base + path, {
		method, body, duplex: 'half', signal: AbortSignal.timeout(LIMIT),
	});
	return [answer.status, Buffer.from(await answer.arrayBuffer())];
}

async function main([kind, base, ...steps]) {
	const via = {https: viaHttps, fetch: viaFetch}[kind];
	for (const text of steps) {
		const step = parse(text);
		const start = process.hrtime.bigint();
		let result, error = '';
		try {
			const [status, got] = await via(base, step);
			result = step.echo && got.equals(step.parts[0]) ? 'echoed' : status;
		} catch (e) {
			result = 'error';
			error = `${e.code ?? e.name} ${e.message} ${e.cause ?? ''}`;
		}
		const took = (Number(process.hrtime.bigint() - start) / 1e9).toFixed(3);
		console.log(step.letter, step.method, step.path, result, took, error);
	}
	process.exit(0); // connections that are kept would hold the process
}

main(process.argv.slice(2));
