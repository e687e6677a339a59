// Burns CPU as C++ programs do: inlined templates, virtual calls, tail calls, closures, recursion, exceptions that are
// thrown and caught, the standard library's containers; in the main thread and in another one. Runs until it is killed.
// busy_cpp N does N rounds in each, prints what came of them, and waits for the end of standard input.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

volatile unsigned sink;

struct Shape {
    virtual ~Shape() = default;
    virtual unsigned area(unsigned depth) const = 0;
};

unsigned even(unsigned n, unsigned sum);
// Tail calls: each is a jump to the other one.
[[gnu::noinline]] unsigned odd(unsigned n, unsigned sum) {
    return n == 0 ? sum : even(n - 1, sum + 3);
}
[[gnu::noinline]] unsigned even(unsigned n, unsigned sum) {
    return n == 0 ? sum : odd(n - 1, sum ^ n);
}

struct Square : Shape {
    unsigned area(unsigned depth) const override {
        return even(depth * 7, depth);
    }
};

struct Group : Shape {
    std::vector<std::unique_ptr<Shape>> members;
    unsigned area(unsigned depth) const override {
        unsigned sum = 0;
        for (const auto &member : members)
            sum += member->area(depth + 1);
        return sum;
    }
};

std::unique_ptr<Shape> nest(unsigned depth) {
    if (depth == 0)
        return std::make_unique<Square>();
    auto group = std::make_unique<Group>();
    for (int i = 0; i < 3; i++)
        group->members.push_back(nest(depth - 1));
    return group;
}

[[gnu::noinline]] unsigned sort_words(unsigned seed) {
    std::vector<std::string> words;
    for (unsigned i = 0; i < 200; i++)
        words.push_back("a word of some length " + std::to_string(seed * i % 997));
    std::sort(words.begin(), words.end(), [](const std::string &a, const std::string &b) { return a > b; });
    std::map<std::string, unsigned> counted;
    for (const auto &word : words)
        counted[word]++;
    return static_cast<unsigned>(counted.size());
}

[[gnu::noinline]] unsigned throw_from(unsigned depth) {
    if (depth == 0)
        throw std::runtime_error("thrown");
    return throw_from(depth - 1) + 1;
}

[[gnu::noinline]] unsigned catch_at(unsigned depth) {
    try {
        return throw_from(depth);
    } catch (const std::exception &error) {
        return static_cast<unsigned char>(error.what()[0]);
    }
}

unsigned run(unsigned rounds) {
    auto shapes = nest(5);
    const std::vector<std::function<unsigned(unsigned)>> work = {
        [&](unsigned i) { return shapes->area(i % 5); }, sort_words, catch_at, [](unsigned i) { return odd(i, 1); }};
    unsigned sum = 0;
    for (unsigned i = 0; !rounds || i < rounds; i++)
        sink = sum += work[i % work.size()](i % 40);
    return sum;
}

} // namespace

int main(int argc, char **argv) {
    const unsigned rounds = argc > 1 ? static_cast<unsigned>(std::stoul(argv[1])) : 0;
    unsigned others = 0;
    std::thread other([&] { others = run(rounds); });
    const unsigned own = run(rounds);
    other.join();
    std::printf("%u %u\n", own, others);
    std::fflush(stdout);
    while (std::getchar() != EOF) {
    }
}
