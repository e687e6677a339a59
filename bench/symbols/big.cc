// A program of 12 MB with -g -O2, one unit with many inlined calls: what debug information of large C++ programs is like.
// It allocates at a thousand places and waits for its standard input to end.
#include <algorithm>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <unordered_map>
#include <vector>
template <int N> struct level {
    std::map<int, std::vector<std::string>> lists;
    int work(int x) {
        std::unordered_map<std::string, int> sums;
        for (int i = 0; i < x; i++) {
            lists[i % N].push_back(std::to_string(i));
            sums[lists[i % N].back()] += i;
        }
        std::vector<int> values;
        for (auto &sum : sums)
            values.push_back(sum.second);
        std::sort(values.begin(), values.end(), [](int a, int b) { return a % N < b % N; });
        return values[values.size() / 2] + level<N - 1>().work(x);
    }
};
template <> struct level<0> {
    int work(int) {
        return 0;
    }
};

int main() {
    std::cout << level<185>().work(3) << std::regex_search("aab", std::regex("a.*b")) << std::endl;
    std::cin.get();
}
