// SPDX-License-Identifier: Apache-2.0

// server ADDRESS LOG [CERTIFICATE KEY]: the paths that test/http/load.py asks for, by net/http. One line in LOG for each answer:
// STATUS METHOD TARGET MICROSECONDS.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

type record struct {
	http.ResponseWriter
	status int
}

func (r *record) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *record) Flush() {
	r.ResponseWriter.(http.Flusher).Flush()
}

func text(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	io.WriteString(w, body)
}

func answer(w *record, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	path := r.URL.Path
	switch {
	case path == "/api/orders", path == "/static/app.js", path == "/post", strings.HasPrefix(path, "/api/items/"):
		text(w, 200, "served\n")
	case path == "/err":
		text(w, 500, "broken\n")
	case path == "/busy":
		text(w, 503, "busy\n")
	case path == "/empty":
		w.WriteHeader(204)
	case path == "/cached":
		w.WriteHeader(304)
	case path == "/big":
		text(w, 200, strings.Repeat("x", 200000))
	case path == "/chunked":
		for i := 0; i < 3; i++ {
			fmt.Fprintf(w, "HTTP/1.1 500 piece %d\r\n\r\n", i)
			w.Flush()
		}
	case path == "/delay":
		time.Sleep(5 * time.Millisecond)
		text(w, 200, "late\n")
	case path == "/slow":
		time.Sleep(10 * time.Millisecond)
		text(w, 200, "late\n")
		w.Flush()
	default:
		text(w, 404, "nothing\n")
	}
}

func main() {
	file, err := os.Create(os.Args[2])
	if err != nil {
		panic(err)
	}
	var lock sync.Mutex
	log := bufio.NewWriter(file)
	go func() {
		for range time.Tick(100 * time.Millisecond) {
			lock.Lock()
			log.Flush()
			lock.Unlock()
		}
	}()

	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &record{w, 200}
		answer(rec, r)
		usec := time.Since(start).Microseconds()
		lock.Lock()
		fmt.Fprintf(log, "%d %s %s %d\n", rec.status, r.Method, r.RequestURI, usec)
		lock.Unlock()
	})
	if len(os.Args) > 4 {
		// the empty map keeps HTTP/2 away
		server := &http.Server{Addr: os.Args[1], Handler: handler}
		server.SetKeepAlivesEnabled(true)
		panic(server.ListenAndServeTLS(os.Args[3], os.Args[4]))
	}
	panic(http.ListenAndServe(os.Args[1], handler))
}
