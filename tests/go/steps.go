// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	limit = 20 * time.Second
	pause = 200 * time.Millisecond
)

type step struct {
	connection, method, path string
	parts                    []string
}

func parse(text string) step {
	f := append(strings.SplitN(text, " ", 4), "")
	return step{f[0], f[1], f[2], strings.Split(f[3], "|")}
}

func (s step) length() int {
	return len(strings.Join(s.parts, ""))
}

// A client keeps the connections that it has opened.
type client interface {
	take(at *url.URL, s step) (status int, err error)
}

// The library by itself: the first write shakes hands.
type blocking map[string]*tls.Conn

func (b blocking) connection(name, address string) (*tls.Conn, error) {
	if c := b[name]; c != nil {
		return c, nil
	}
	raw, err := net.DialTimeout("tcp", address, limit)
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(address)
	b[name] = tls.Client(raw, &tls.Config{ServerName: host})
	return b[name], nil
}

func (b blocking) take(at *url.URL, s step) (int, error) {
	c, err := b.connection(s.connection, at.Host)
	if err != nil {
		return 0, err
	}
	c.SetDeadline(time.Now().Add(limit))
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", s.method, s.path,
		at.Host, s.length())
	for i, part := range s.parts {
		if i > 0 {
			time.Sleep(pause)
		}
		if _, err := c.Write([]byte(head + part)); err != nil {
			return 0, err
		}
		head = ""
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

// net/http. What has pauses in it goes out in chunks, which are not held back.
type transports map[string]*http.Client

// The parts of a body, with a pause between them.
type slowly struct {
	parts []string
	begun bool
}

func (r *slowly) Read(b []byte) (int, error) {
	if len(r.parts) == 0 {
		return 0, io.EOF
	}
	if r.begun && len(r.parts) > 0 {
		time.Sleep(pause)
	}
	r.begun = false
	n := copy(b, r.parts[0])
	if r.parts[0] = r.parts[0][n:]; r.parts[0] == "" {
		r.parts = r.parts[1:]
		r.begun = true
	}
	return n, nil
}

func (t transports) take(at *url.URL, s step) (int, error) {
	c := t[s.connection]
	if c == nil {
		c = &http.Client{Timeout: limit, Transport: &http.Transport{
			MaxConnsPerHost: 1, ForceAttemptHTTP2: true}}
		t[s.connection] = c
	}
	request, err := http.NewRequest(s.method, at.String()+s.path, nil)
	if err != nil {
		return 0, err
	}
	if n := s.length(); n > 0 {
		request.Body, request.ContentLength = io.NopCloser(&slowly{parts: s.parts}), int64(n)
		if len(s.parts) > 1 {
			request.ContentLength = -1
		}
	}
	answer, err := c.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

func wait() {
	os.WriteFile("ready", nil, 0644)
	for i := 0; i < 600; i++ {
		if _, err := os.Stat("go"); err == nil {
			return
		}
		time.Sleep(pause / 4)
	}
	fail("nobody says go")
}

func takeSteps(kind, at string, steps []string) {
	where, err := url.Parse(at)
	if err != nil {
		fail(err)
	}
	var c client = blocking{}
	if kind == "http" {
		c = transports{}
	}
	for _, text := range steps {
		if text == "WAIT" {
			wait()
			continue
		}
		s, start := parse(text), time.Now()
		status, err := c.take(where, s)
		result, why := fmt.Sprint(status), ""
		if err != nil {
			result, why = "error", err.Error()
		}
		fmt.Printf("%s %s %s %s %.3f %s\n", s.connection, s.method, s.path, result,
			time.Since(start).Seconds(), why)
	}
}
