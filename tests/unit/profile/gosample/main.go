// A Go program that writes real profiles into the folder it is given: input for interop.py.
package main

import (
	"context"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"sync"
	"time"
)

var sink [][]byte

func work(n int) int {
	s := 0
	for i := 0; i < n; i++ {
		s += i * i % 7
	}
	return s
}
func alloc(n int) {
	for i := 0; i < n; i++ {
		sink = append(sink, make([]byte, 1024*(i%9+1)))
	}
}
func main() {
	d := os.Args[1]
	runtime.MemProfileRate = 4096
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	f, _ := os.Create(d + "/cpu.pb.gz")
	pprof.StartCPUProfile(f)
	for k := 0; k < 3; k++ {
		pprof.Do(context.Background(), pprof.Labels("k", strconv.Itoa(k)), func(context.Context) {
			t := time.Now()
			for time.Since(t) < 300*time.Millisecond {
				work(100000)
			}
		})
	}
	pprof.StopCPUProfile()
	f.Close()
	alloc(2000)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := 0; i < 4; i++ {
		wg.Add(1)
		go func() { defer wg.Done(); mu.Lock(); time.Sleep(5 * time.Millisecond); mu.Unlock() }()
	}
	wg.Wait()
	runtime.GC()
	for _, n := range []string{"heap", "allocs", "block", "mutex", "goroutine", "threadcreate"} {
		for dbg := 0; dbg < 2; dbg++ {
			f, _ := os.Create(d + "/" + n + []string{".pb.gz", ".txt"}[dbg])
			pprof.Lookup(n).WriteTo(f, dbg)
			f.Close()
		}
	}
}
