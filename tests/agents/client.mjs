// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
// A client for Bun: client.mjs KIND URL STEP...
//
// KIND: fetch, https (node:https, connections kept), tls (node:tls, a connection for each step and HTTP by
// hand). A STEP is "METHOD PATH BODY"; BODY "random:N" is so many random bytes. For each it prints
// "METHOD PATH RESULT SECONDS SHA256-OF-BODY SHA256-OF-ANSWER": RESULT is the status, or `error`. The step
// "load N PARALLEL" posts N small bodies, or as many as it can until there is a file ./stop, and prints
// "load N DONE FAILED".
import crypto from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import tls from 'node:tls';

const LIMIT = 20000; // ms a step
const ca = fs.readFileSync(process.env.NODE_EXTRA_CA_CERTS);
const agent = new https.Agent({keepAlive: true, maxSockets: 8});
const sha = (data) => crypto.createHash('sha256').update(data).digest('hex');

async function viaFetch(base, method, path, body) {
	const answer = await fetch(base + path, {
		method, body: method === 'GET' ? undefined : body, signal: AbortSignal.timeout(LIMIT),
		tls: {ca},
	});
	return {status: answer.status, body: Buffer.from(await answer.arrayBuffer())};
}

function viaHttps(base, method, path, body) {
	return new Promise((done, fail) => {
		const request = https.request(base + path, {
			method, agent, ca, timeout: LIMIT, headers: {'Content-Length': body.length},
		}, (answer) => {
			const parts = [];
			answer.on('data', (part) => parts.push(part));
			answer.on('end', () => done({status: answer.statusCode, body: Buffer.concat(parts)}));
			answer.on('error', fail);
		});
		request.on('error', fail);
		request.on('timeout', () => request.destroy(new Error('timeout')));
		request.end(body);
	});
}

function viaTls(base, method, path, body) {
	const {hostname, port} = new URL(base);
	return new Promise((done, fail) => {
		let got = Buffer.alloc(0);
		const socket = tls.connect({host: hostname, port: Number(port), ca, servername: 'localhost'}, () => {
			socket.write(`${method} ${path} HTTP/1.1\r\nHost: ${hostname}\r\n` +
				`Content-Length: ${body.length}\r\n\r\n`);
			socket.write(body);
		});
		socket.setTimeout(LIMIT, () => socket.destroy(new Error('timeout')));
		socket.on('error', fail);
		socket.on('end', () => fail(new Error('ended'))); // all that some versions tell
		socket.on('close', () => fail(new Error('closed')));
		socket.on('data', (part) => {
			got = Buffer.concat([got, part]);
			const end = got.indexOf('\r\n\r\n');
			const length = end < 0 ? null : /content-length: (\d+)/i.exec(got.subarray(0, end));
			if (!length || got.length < end + 4 + Number(length[1]))
				return;
			done({status: Number(got.subarray(9, 12)), body: got.subarray(end + 4)});
			socket.destroy();
		});
	});
}

const vias = {fetch: viaFetch, https: viaHttps, tls: viaTls};

async function load(via, base, n, parallel) {
	let next = 0, good = 0, bad = 0;
	await Promise.all(Array.from({length: parallel}, async () => {
		while (next < n && !fs.existsSync('stop')) {
			const body = crypto.randomBytes(1 + next++ % 3000);
			try {
				const answer = await via(base, 'POST', `/load/${next}`, body);
				answer.status === 200 && answer.body.equals(body) ? good++ : bad++;
			} catch {
				bad++;
			}
		}
	}));
	console.log('load', n, good, bad);
}

async function step(via, base, text) {
	const [method, path, ...words] = text.split(' ');
	const [, n] = /^random:(\d+)$/.exec(words.join(' ')) ?? [];
	const body = n ? crypto.randomBytes(Number(n)) : Buffer.from(words.join(' '));
	const start = performance.now();
	let result = 'error', got = Buffer.alloc(0), error = '';
	try {
		({status: result, body: got} = await via(base, method, path, body));
	} catch (e) {
		error = `${e.code ?? e.name} ${e.message}`;
	}
	const took = ((performance.now() - start) / 1e3).toFixed(3);
	console.log(method, path, result, took, sha(body), sha(got), error);
}

const [kind, base, ...steps] = process.argv.slice(2);
for (const text of steps) {
	const [verb, n, parallel] = text.split(' ');
	if (verb === 'load')
		await load(vias[kind], base, Number(n), Number(parallel));
	else
		await step(vias[kind], base, text);
}
process.exit(0); // connections that are kept would hold the process
