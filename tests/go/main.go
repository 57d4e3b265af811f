// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0

// Clients and a server for tests, in Go's own TLS.
//
//	agent tls|http URL STEP...   steps as in tests/lib/client_python.py; WAIT makes ./ready and waits for ./go
//	agent serve DIR [h2]         answers with what it was asked for; DIR has cert.pem, key.pem, gets port
//	agent storm URL N            N goroutines with a connection each, and texts of 1 byte to 4 MB
//	agent mixed URL N            N goroutines, of whose requests every third is for /forbidden
//	agent load URL               requests one after the other until it is ended (SIGTERM)
//	agent pair DIR N             serve and storm in one process
package main

import (
	"fmt"
	"os"
)

func fail(what ...any) {
	fmt.Fprintln(os.Stderr, what...)
	os.Exit(1)
}

func main() {
	args := append(os.Args[1:], "", "", "")
	switch args[0] {
	case "tls", "http":
		takeSteps(args[0], args[1], os.Args[3:])
	case "serve":
		fmt.Println(serve(args[1], args[2] == "h2"))
		select {}
	case "storm":
		storm(args[1], args[2])
	case "pair":
		storm(serve(args[1], false), args[2])
	case "mixed":
		mixed(args[1], args[2])
	case "load":
		load(args[1])
	default:
		fail("agent tls|http|serve|storm|mixed|load|pair ...")
	}
}
