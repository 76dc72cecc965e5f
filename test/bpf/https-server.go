// SPDX-License-Identifier: Apache-2.0
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/error" {
			w.WriteHeader(503)
		}
		fmt.Fprint(w, strings.Repeat("hello\n", 2000))
	})

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	port := fmt.Sprintln(listener.Addr().(*net.TCPAddr).Port)
	if err := os.WriteFile("port.new", []byte(port), 0o644); err != nil {
		log.Fatal(err)
	}
	if err := os.Rename("port.new", "port"); err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ServeTLS(listener, nil, "cert.pem", "key.pem"))
}
