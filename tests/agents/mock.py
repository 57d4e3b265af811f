#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""The far end of agents: HTTP/1.1 over TLS on 127.0.0.1, that of models' APIs as far as Claude Code and Codex ask.

  mock.py DIR   certificate in DIR/cert.pem, port in DIR/port, log in DIR/log (see farend.py)

Besides the lines of farend.py there is one `sent` for each answer: its path, and the length and SHA-256 of
its body. POST /v1/messages and /v1/responses are answered as streams, /size/N with N random bytes; any other
POST gets its body back. It ends by itself after 30 minutes.
"""
import hashlib
import json
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import farend  # noqa: E402

LIFETIME = 1800  # seconds
ANSWER = "This is what the mock has to say."

log = None


def sent(request, body, head):
    log.write(0, "sent", path=request["path"], bytes=len(body), sha256=hashlib.sha256(body).hexdigest())
    return head


def event(kind, **more):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode("ascii")


def message(model):
    usage = {"input_tokens": 7, "output_tokens": 1}
    yield event("message_start", message={
        "id": "msg_mock", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": usage})
    yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for word in ANSWER.split(" "):
        yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": word + " "})
    yield event("content_block_stop", index=0)
    yield event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None},
                usage={"output_tokens": 9})
    yield event("message_stop")


def response(model):
    item = {"type": "message", "id": "msg_mock", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": ANSWER, "annotations": []}]}
    usage = {"input_tokens": 7, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 9,
             "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 16}
    yield event("response.created", response={"id": "resp_mock", "model": model})
    yield event("response.output_item.added", output_index=0, item={**item, "content": []})
    for word in ANSWER.split(" "):
        yield event("response.output_text.delta", item_id="msg_mock", output_index=0, content_index=0,
                    delta=word + " ")
    yield event("response.output_item.done", output_index=0, item=item)
    yield event("response.completed", response={"id": "resp_mock", "model": model, "output": [item],
                                                "usage": usage})


STREAMS = {"/v1/messages": message, "/v1/responses": response}


def stream(request, make):
    events = list(make(json.loads(request["body"]).get("model", "mock")))
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(e), e) for e in events) + b"0\r\n\r\n"
    return sent(request, b"".join(events), b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n") + chunks


def answer(request):
    path = request["path"].split("?")[0]
    if path in STREAMS and request["method"] == "POST":
        return stream(request, STREAMS[path])
    body = request["body"].encode("latin-1")
    if path.startswith("/size/"):
        body = os.urandom(int(path.split("/")[2]))
    whole = farend.make_answer(200, body, "application/octet-stream")
    head = whole[:len(whole) - len(body)]
    if request["method"] == "HEAD":
        return sent(request, b"", head)
    return sent(request, body, head) + body


def main():
    global log
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    directory = sys.argv[1]
    log = farend.Log(os.path.join(directory, "log"))
    signal.alarm(LIFETIME)
    listener = farend.listen("127.0.0.1")
    farend.Server(listener, log, "https", farend.server_context(directory), answer, echo=False)
    farend.publish(os.path.join(directory, "port"), f"{listener.getsockname()[1]}\n")
    while True:
        signal.pause()


main()
