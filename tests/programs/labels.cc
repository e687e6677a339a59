// A C++ program that says what it does in piko.hpp's forms: thread `routes` uses CPU time under changing labels, thread `heir`
// under those that it took from main, thread `parked` waits under one. Its crossed and unknown ends mean nothing. With
// the argument `bare` it does not start profiling itself.
#include <piko/piko.hpp>

#include <pthread.h>

#include <ctime>
#include <string>
#include <thread>
#include <utility>

extern "C" {
#include "target.h"
}

static volatile unsigned sink;

static void burn(long ns) {
    timespec start{}, now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    do {
        for (unsigned i = 0; i < 20000; i++)
            sink = sink + i;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000000000 + now.tv_nsec - start.tv_nsec < ns);
}

extern "C" {
NOINLINE void burn_slow() { burn(30000000); asm volatile(""); }
NOINLINE void burn_nested() { burn(10000000); asm volatile(""); }
NOINLINE void burn_unlabelled() { burn(10000000); asm volatile(""); }
NOINLINE void burn_heir() { burn(10000000); asm volatile(""); }
}

static void cross(const piko::task &task) {
    piko_region_begin(task.number(), "outer");
    piko_region_begin(task.number(), "inner");
    piko_region_end(task.number(), "outer");
    piko_region_end(task.number(), "inner");
    piko_region_end(0, "never begun");
    piko_task_end(1234567);
    piko_label_clear("never set");
    piko_label_set(nullptr, "value");
    piko_label_set("", "value");
}

static void routes() {
    pthread_setname_np(pthread_self(), "routes");
    for (;;) {
        piko::task request("request");
        {
            const std::string value = "/slow";
            piko::label route("route", value);
            piko::region region(request, "slow");
            burn_slow();
            {
                piko::label inner("route", "/nested");
                piko::label second("step", "two");
                burn_nested();
            }
            piko::log(request, "route", value);
            burn_slow();
        }
        burn_unlabelled();
        cross(request);
        piko::task moved(std::move(request));
        moved.end();
    }
}

static void heir(piko::labels taken) {
    pthread_setname_np(pthread_self(), "heir");
    piko::with_labels labels(taken);
    for (;;) {
        burn_heir();
        usleep(10000);
    }
}

static void parked() {
    pthread_setname_np(pthread_self(), "parked");
    piko_label_set("role", "parked");
    piko_label_set("gone", "before long");
    piko_label_clear("gone");
    piko_label_set("gone too", "value");
    piko_label_set("gone too", "");
    for (;;)
        pause();
}

int main(int argc, char **) {
    if (argc == 1)
        target_start(piko_profiling_options{});
    {
        piko::label tenant("tenant", "seven");
        std::thread(heir, piko::labels()).detach();
    }
    std::thread(routes).detach();
    std::thread(parked).detach();
    usleep(50000);
    target_wait();
}
