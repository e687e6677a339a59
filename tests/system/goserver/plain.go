//go:build ignore

// A Go program as most are: net/http/pprof on the application's own port, and an application that answers any path.
package main

import (
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"sync"
)

var mutex sync.Mutex

func page(w http.ResponseWriter, r *http.Request) {
	mutex.Lock()
	defer mutex.Unlock()
	sum := 0
	for i := 0; i < 20000; i++ {
		sum += i * i
	}
	fmt.Fprintln(w, "hello", sum)
}

func main() {
	runtime.SetMutexProfileFraction(1)
	runtime.SetBlockProfileRate(1)
	http.HandleFunc("/", page)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go http.Serve(listener, nil)
	os.Stdin.Read(make([]byte, 1))
}
