/* How long it takes to name addresses of a large C++ program (one unit of about 12 MB with -g -O2), the first time and
 * from memory, next to addr2line -f -i -C. Usage: bench_symbols [program]. */
#include <gelf.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "symbols/elf_file.h"
#include "symbols/symbols.h"

#define N_ADDRESSES 1000
#define N_ROUNDS 7

static const char source[] =
    "#include <algorithm>\n#include <iostream>\n#include <map>\n#include <regex>\n#include <string>\n"
    "#include <unordered_map>\n#include <vector>\n"
    "template <int N> struct level {\n"
    "  std::map<int, std::vector<std::string>> lists;\n"
    "  int work(int x) {\n"
    "    std::unordered_map<std::string, int> sums;\n"
    "    for (int i = 0; i < x; i++) {\n"
    "      lists[i % N].push_back(std::to_string(i));\n"
    "      sums[lists[i % N].back()] += i;\n"
    "    }\n"
    "    std::vector<int> values;\n"
    "    for (auto &sum : sums) values.push_back(sum.second);\n"
    "    std::sort(values.begin(), values.end(), [](int a, int b) { return a % N < b % N; });\n"
    "    return values[values.size() / 2] + level<N - 1>().work(x);\n"
    "  }\n"
    "};\n"
    "template <> struct level<0> { int work(int) { return 0; } };\n"
    "int main() { std::cout << level<140>().work(3) << std::regex_search(\"aab\", std::regex(\"a.*b\")); }\n";

static int make_program(const char *directory, char *ret, size_t size) {
    char command[512];
    snprintf(ret, size, "%s/big", directory);
    snprintf(command, sizeof command, "g++ -g -O2 -ftemplate-depth=1000 -x c++ - -o %s", ret);
    fprintf(stderr, "compiling %s ...\n", ret);
    FILE *compiler = popen(command, "w");
    if (!compiler)
        return -1;
    fputs(source, compiler);
    return pclose(compiler);
}

/* Addresses evenly over .text. */
static int choose_addresses(const char *path, uint64_t *ret) {
    struct elf_file file = ELF_FILE_CLOSED;
    GElf_Shdr text;
    if (elf_file_open(path, &file) || !elf_file_section(&file, ".text", 0, &text))
        return -1;
    for (size_t i = 0; i < N_ADDRESSES; i++)
        ret[i] = text.sh_addr + text.sh_size * i / N_ADDRESSES;
    elf_file_close(&file);
    return 0;
}

static int compare_times(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static void print_median(const char *what, uint64_t times[N_ROUNDS]) {
    qsort(times, N_ROUNDS, sizeof *times, compare_times);
    uint64_t median = times[N_ROUNDS / 2];
    printf("%-34s %9.3f ms median, %9.3f least\n", what, (double)median / NS_PER_MS, (double)times[0] / NS_PER_MS);
}

static void time_ours(const char *path, const uint64_t *addresses) {
    static struct symbols_answer answers[N_ADDRESSES];
    const struct symbols_module module = {.path = path, .build_id = ""};
    uint64_t first[N_ROUNDS], again[N_ROUNDS];
    size_t kept_bytes = 0, frames = 0;
    for (int round = 0; round < N_ROUNDS; round++) {
        struct symbols *symbols;
        size_t before = mallinfo2().uordblks;
        uint64_t start = clock_monotonic_ns();
        if (symbols_new(&symbols) || symbols_resolve(symbols, &module, addresses, N_ADDRESSES, answers, NULL))
            exit(1);
        first[round] = clock_monotonic_ns() - start;
        kept_bytes = mallinfo2().uordblks - before;
        start = clock_monotonic_ns();
        if (symbols_resolve(symbols, &module, addresses, N_ADDRESSES, answers, NULL))
            exit(1);
        again[round] = clock_monotonic_ns() - start;
        frames = 0;
        for (size_t i = 0; i < N_ADDRESSES; i++)
            frames += answers[i].n_frames;
        symbols_free(symbols);
    }
    print_median("symbols, first time", first);
    print_median("symbols, again", again);
    printf("%d addresses, %zu frames, %zu KiB kept\n", N_ADDRESSES, frames, kept_bytes / 1024);
}

static void time_addr2line(const char *directory, const char *path, const uint64_t *addresses) {
    char list[256], command[1024];
    snprintf(list, sizeof list, "%s/addresses", directory);
    FILE *file = fopen(list, "w");
    if (!file)
        return;
    for (size_t i = 0; i < N_ADDRESSES; i++)
        fprintf(file, "%" PRIx64 "\n", addresses[i]);
    fclose(file);
    snprintf(command, sizeof command, "addr2line -f -i -C -e '%s' < %s > /dev/null", path, list);
    uint64_t times[N_ROUNDS];
    for (int round = 0; round < N_ROUNDS; round++) {
        uint64_t start = clock_monotonic_ns();
        if (system(command))
            return;
        times[round] = clock_monotonic_ns() - start;
    }
    print_median("addr2line -f -i -C", times);
    unlink(list);
}

int main(int argc, char **argv) {
    static uint64_t addresses[N_ADDRESSES];
    char directory[] = "/tmp/bench_symbols.XXXXXX", program[256];
    if (!mkdtemp(directory))
        return 1;
    int error = argc > 1 ? 0 : make_program(directory, program, sizeof program);
    const char *path = argc > 1 ? argv[1] : program;
    if (!error && !choose_addresses(path, addresses)) {
        time_ours(path, addresses);
        time_addr2line(directory, path, addresses);
    }
    if (argc == 1)
        unlink(program);
    rmdir(directory);
    return error;
}
