// A Go program to profile: what `piko profile` meets when it is not one of ours. An application that burns CPU, allocates
// and fights for a lock, and net/http/pprof under the Go Piko's paths. Both ports are chosen by the system and printed.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime"
	"runtime/trace"
	"strings"
	"sync"
	"time"
)

var (
	cacheMutex sync.Mutex
	kept       [64]string
)

//go:noinline
func burn() (sum uint64) {
	for i := uint64(0); i < 50_000; i++ {
		sum = sum*31 + i
	}
	return sum
}

//go:noinline
func allocate(n uint64) string {
	return strings.Repeat("x", 4096+int(n%7))
}

//go:noinline
func contend(text string) {
	cacheMutex.Lock()
	defer cacheMutex.Unlock()
	kept[len(text)%len(kept)] = text
	time.Sleep(50 * time.Microsecond)
}

func application(w http.ResponseWriter, r *http.Request) {
	text := allocate(burn())
	contend(text)
	fmt.Fprintln(w, "hello")
}

type status struct {
	PprofBasePath string       `json:"pprof_base_path"`
	StatusPath    string       `json:"status_path"`
	RollingTrace  rollingTrace `json:"rolling_trace"`
}

type rollingTrace struct {
	MinAge       string `json:"min_age"`
	DownloadPath string `json:"download_path,omitempty"`
	MaxBytes     int    `json:"max_bytes"`
	Enabled      bool   `json:"enabled"`
}

func profiler() http.Handler {
	recorder := trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: 15 * time.Second, MaxBytes: 1 << 20})
	if err := recorder.Start(); err != nil {
		panic(err)
	}
	pages := http.NewServeMux()
	pages.HandleFunc("/debug/pprof/", pprof.Index)
	pages.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux := http.NewServeMux()
	mux.Handle("/_piko/debug/pprof/", http.StripPrefix("/_piko", pages))
	mux.HandleFunc("/_piko/profiler/status", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		text, _ := json.Marshal(status{"/_piko/debug/pprof", "/_piko/profiler/status",
			rollingTrace{"15s", "/_piko/profiler/trace/recent", 1 << 20, true}})
		w.Write(text)
	})
	mux.HandleFunc("/_piko/profiler/trace/recent", func(w http.ResponseWriter, r *http.Request) {
		recorder.WriteTo(w)
	})
	return mux
}

func serve(handler http.Handler) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(listener, handler)
	return listener.Addr().(*net.TCPAddr).Port
}

func main() {
	runtime.SetBlockProfileRate(1000)
	runtime.SetMutexProfileFraction(1)
	fmt.Println(serve(http.HandlerFunc(application)), serve(profiler()))
	// Whoever started us holds our standard input: we never outlive it.
	os.Stdin.Read(make([]byte, 1))
}
