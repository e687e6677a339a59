// nasty_throw SECONDS [profiled]: exceptions in flight in four threads. Prints "ok" as nasty does.
#include <piko/piko.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static std::chrono::steady_clock::time_point deadline;

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
    } while (std::chrono::steady_clock::now() < deadline);
}

int main(int argc, char **argv) {
    if (argc > 2) {
        piko_profiling_options options{};
        options.port = PIKO_ANY_PORT;
        options.mem_profile_rate_bytes = options.block_rate_ns = options.mutex_fraction = 1;
        options.log = [](void *, piko_log_level, const char *) {};
        piko_profiling *profiling;
        if (piko_profiling_start(&options, &profiling))
            return 1;
        std::printf("port %d\n", piko_profiling_port(profiling));
        std::fflush(stdout);
    }
    deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds((int)(std::atof(argv[1]) * 1000));
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++)
        threads.emplace_back(storm);
    for (auto &thread : threads)
        thread.join();
    std::puts("ok");
}
