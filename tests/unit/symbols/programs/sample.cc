// Templates, lambdas, inlining, namespaces, functions without linkage name, hot and cold parts.
#include <algorithm>
#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace outer {
namespace {
__attribute__((noinline)) int hidden(int x) {
    if (x > 1000000)
        throw std::runtime_error("too large");
    return x * 3 + 1;
}
inline int doubled(int x) {
    return hidden(x) * 2;
}
} // namespace

template <typename T> struct box {
    std::vector<T> items;
    __attribute__((noinline)) void fill(int n) {
        for (int i = 0; i < n; i++)
            items.push_back(T(doubled(i)));
        std::sort(items.begin(), items.end(), [](const T &a, const T &b) { return b < a; });
    }
};
} // namespace outer

static __attribute__((noinline)) int local_sum(const std::map<std::string, int> &counts) {
    int sum = 0;
    for (const auto &[name, count] : counts)
        sum += count + static_cast<int>(name.size());
    return sum;
}

int main(int argc, char **) {
    outer::box<int> ints;
    outer::box<long> longs;
    ints.fill(argc * 100);
    longs.fill(argc * 10);
    std::map<std::string, int> counts;
    for (int i : ints.items)
        counts[std::to_string(i % 7)]++;
    printf("%d %ld\n", local_sum(counts), longs.items[0]);
}
