// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// ---- the server ----

// Of a path /LENGTH/SEED.
func textOf(path string) []byte {
	var length, seed int64
	fmt.Sscanf(path, "/%d/%d", &length, &seed)
	text := make([]byte, length)
	rand.New(rand.NewSource(seed)).Read(text)
	return text
}

func sum(text []byte) string {
	hash := sha256.Sum256(text)
	return hex.EncodeToString(hash[:])
}

// One line for each request: path, and the hash of what was received.
func serve(dir string, h2 bool) string {
	log, err := os.Create(dir + "/log")
	if err != nil {
		fail(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	server := &http.Server{}
	if !h2 {
		server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
	}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		fmt.Fprintln(log, r.URL.Path, sum(text), err)
		answer := textOf(r.URL.Path)
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		w.Write(answer)
	})
	go func() { fail(server.ServeTLS(listener, dir+"/cert.pem", dir+"/key.pem")) }()
	address := "https://" + listener.Addr().String()
	if os.WriteFile(dir+"/port.new", []byte(address), 0644) != nil ||
		os.Rename(dir+"/port.new", dir+"/port") != nil {
		fail("cannot write the address")
	}
	return address
}

// ---- the client ----

// Stacks move while something is read or written: each call of this is deeper.
//
//go:noinline
func deeper(depth int, do func() error) error {
	var room [512]byte
	if depth == 0 {
		return do()
	}
	room[depth%len(room)] = 1
	err := deeper(depth-1, do)
	room[0]++
	return err
}

// One request, with its head in a buffer on the stack, and what comes back read into another.
func exchange(c *tls.Conn, host string, path string, text []byte, deep int) (answer []byte, err error) {
	var head [256]byte
	n := copy(head[:], fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", path,
		host, len(text)))
	c.SetDeadline(time.Now().Add(3 * time.Minute))
	if err = deeper(deep, func() error { _, err := c.Write(head[:n]); return err }); err != nil {
		return
	}
	if _, err = c.Write(text); err != nil {
		return
	}
	large := make([]byte, 64<<10)
	for length := -1; length < 0 || len(answer) < length; {
		var some [700]byte
		var n int
		into := some[:]
		if length > 1<<20 {
			into = large
		}
		n, err = c.Read(into)
		answer = append(answer, into[:n]...)
		if err != nil {
			return
		}
		if end := bytes.Index(answer, []byte("\r\n\r\n")); length < 0 && end >= 0 {
			r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), nil)
			if err != nil {
				return nil, err
			}
			length, answer = int(r.ContentLength), answer[end+4:]
		}
	}
	return
}

var lengths = []int{1, 2, 17, 1000, 4096, 16384, 16385, 40000}

func length(worker, round int) int {
	if worker == 0 && round == 0 {
		return 4 << 20
	}
	return lengths[(worker+round)%len(lengths)]
}

func work(host string, worker int, say *sync.Mutex) error {
	c, err := tls.Dial("tcp", host, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	for round := 0; round < 4; round++ {
		path := fmt.Sprintf("/%d/%d", length(worker, round), worker*10+round)
		text := textOf(fmt.Sprintf("/%d/%d", length(worker+3, round), 1000000+worker*10+round))
		answer, err := exchange(c, host, path, text, (worker*7+round*13)%90)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if !bytes.Equal(answer, textOf(path)) {
			return fmt.Errorf("%s: another answer", path)
		}
		say.Lock()
		fmt.Println(path, len(text), sum(text), len(answer), sum(answer))
		say.Unlock()
	}
	return nil
}

func storm(at, number string) {
	where, err := url.Parse(at)
	count, err2 := strconv.Atoi(number)
	if err != nil || err2 != nil {
		fail(err, err2)
	}
	debug.SetGCPercent(5)
	var say sync.Mutex
	var all sync.WaitGroup
	for i := 0; i < count; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			if err := work(where.Host, i, &say); err != nil {
				fail("worker", i, err)
			}
		}(i)
	}
	all.Wait()
}

// Prints how many were refused of those that are for /forbidden, and how many of the others were answered.
func mixed(at, number string) {
	count, _ := strconv.Atoi(number)
	var all sync.WaitGroup
	var refused, answered atomic.Int64
	debug.SetGCPercent(5)
	for i := 0; i < 3*count; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			where, c := "/threads/", &http.Client{Timeout: limit, Transport: &http.Transport{}}
			if i%3 == 0 {
				where = "/forbidden/"
			}
			answer, err := c.Post(at+where+strconv.Itoa(i), "text/plain", bytes.NewReader(textOf("/20000/1")))
			if err != nil && i%3 == 0 {
				refused.Add(1)
			}
			if err == nil && answer.StatusCode == 200 && i%3 != 0 {
				answered.Add(1)
			}
		}(i)
	}
	all.Wait()
	fmt.Println("refused", refused.Load(), "answered", answered.Load(), "of", 3*count)
}

// Prints how many requests were answered.
func load(at string) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	kept := &http.Client{Timeout: limit, Transport: &http.Transport{}}
	fresh := &http.Client{Timeout: limit, Transport: &http.Transport{DisableKeepAlives: true}}
	for n := 0; ; n++ {
		c := kept
		if n%2 == 0 {
			c = fresh
		}
		answer, err := c.Post(at+"/2000/1", "text/plain", bytes.NewReader(textOf("/3000/2")))
		if err != nil {
			fail("after", n, err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || len(text) != 2000 {
			fail("after", n, len(text), err)
		}
		select {
		case <-stop:
			fmt.Println(n)
			return
		default:
		}
	}
}
