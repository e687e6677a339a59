// nasty_throw SECONDS|xROUNDS [profiled]: exceptions in flight in four threads. As nasty otherwise.
#include <piko/piko.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using steady = std::chrono::steady_clock;
static steady::time_point deadline;
static std::atomic<long> rounds{-1};

static bool more() {
    return rounds >= 0 ? --rounds > 0 : steady::now() < deadline;
}

struct destroyed {
    int &count;
    ~destroyed() { count++; }
};

__attribute__((noinline)) static void fall(int depth, int &count) {
    destroyed guard{count};
    if (depth == 0)
        throw std::runtime_error(std::string(100, 'x'));
    fall(depth - 1, count);
}

static void storm() {
    do {
        int count = 0;
        try {
            fall(20, count);
            std::abort();
        } catch (const std::exception &error) {
            if (count != 21 || std::string(error.what()).size() != 100)
                std::abort();
        }
    } while (more());
}

int main(int argc, char **argv) {
    bool counted = argv[1][0] == 'x';
    if (counted)
        rounds = std::atol(argv[1] + 1);
    if (argc > 2) {
        piko_profiling_options options{};
        options.port = PIKO_ANY_PORT;
        options.mem_profile_rate_bytes = counted ? 1024 : 1;
        options.block_rate_ns = options.mutex_fraction = 1;
        options.log = [](void *, piko_log_level, const char *) {};
        piko_profiling *profiling;
        if (piko_profiling_start(&options, &profiling))
            return 1;
        std::printf("port %d\n", piko_profiling_port(profiling));
        std::fflush(stdout);
    }
    if (counted)
        std::getchar();
    auto began = steady::now();
    deadline = began + std::chrono::milliseconds((int)(std::atof(argv[1]) * 1000));
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++)
        threads.emplace_back(storm);
    for (auto &thread : threads)
        thread.join();
    if (counted)
        std::printf("took %.6f\n", std::chrono::duration<double>(steady::now() - began).count());
    std::puts("ok");
}
