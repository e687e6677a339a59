// Writes cpu, heap, mutex and block profiles of a program with inlining and recursion: the real profiles that
// test_pprof.sh compares our tables on. They are kept beside it; to make them anew: go run workload.go .
package main

import (
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sort"
	"strings"
	"sync"
	"time"
)

var sink any

func mix(x uint64) uint64  { return (x ^ x>>31) * 0x9E3779B97F4A7C15 } // inlined
func mix2(x uint64) uint64 { return mix(mix(x) + 1) }                  // inlined, with mix inside

//go:noinline
func burn(n int) (x uint64) {
	for i := range n {
		x = mix2(x + uint64(i))
	}
	return x
}

//go:noinline
func recurse(depth int) uint64 {
	if depth == 0 {
		return burn(200000)
	}
	return recurse(depth-1) + burn(20000) + even(depth)
}

func even(n int) uint64 {
	if n == 0 {
		return burn(1000)
	}
	return odd(n - 1)
}

func odd(n int) uint64 {
	if n == 0 {
		return burn(1000)
	}
	return even(n - 1)
}

func words(n int) map[string]int {
	counts := map[string]int{}
	for i := range n {
		text := strings.Repeat("word ", i%50+1)
		for _, word := range strings.Fields(text) {
			counts[word+string(rune('a'+i%26))]++
		}
	}
	keys := make([]string, 0, len(counts))
	for key := range counts {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return counts
}

type tree struct{ left, right *tree }

func grow(depth int) *tree {
	if depth == 0 {
		return &tree{}
	}
	return &tree{grow(depth - 1), grow(depth - 1)}
}

func contend(mutex *sync.Mutex, hold time.Duration) {
	mutex.Lock()
	defer mutex.Unlock()
	time.Sleep(hold)
}

func write(directory, name string) {
	file, err := os.Create(filepath.Join(directory, name+".pprof"))
	if err != nil {
		panic(err)
	}
	defer file.Close()
	if err := pprof.Lookup(name).WriteTo(file, 0); err != nil {
		panic(err)
	}
}

func main() {
	directory := os.Args[1]
	runtime.MemProfileRate = 4096
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	file, err := os.Create(filepath.Join(directory, "cpu.pprof"))
	if err != nil {
		panic(err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		panic(err)
	}
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		sink = recurse(20)
		sink = words(2000)
	}
	pprof.StopCPUProfile()
	file.Close()
	kept := []any{grow(14), words(500)}
	var mutex sync.Mutex
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 5 {
				contend(&mutex, 2*time.Millisecond)
			}
		})
	}
	group.Wait()
	runtime.GC()
	write(directory, "heap")
	write(directory, "mutex")
	write(directory, "block")
	runtime.KeepAlive(kept)
}
