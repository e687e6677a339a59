/* Static functions, inlined calls, a nested function where the compiler has them, a call through the PLT. */
#include <stdio.h>
#include <stdlib.h>

static inline int add(int a, int b) {
    return a * 7 + b;
}

static __attribute__((noinline)) int static_work(int n) {
    volatile int sum = 0;
    for (int i = 0; i < n; i++)
        sum = add(sum, i);
    return sum;
}

__attribute__((noinline)) int public_work(int n) {
    return add(static_work(n), static_work(n + 1)) + abs(n);
}

#if defined __GNUC__ && !defined __clang__
__attribute__((noinline)) int with_nested(int n) {
    volatile int factor = n;
    __attribute__((noinline)) int nested(int x) {
        return factor * x + add(x, factor);
    }
    return nested(n) + nested(n + 1);
}
#else
__attribute__((noinline)) int with_nested(int n) {
    return n;
}
#endif

int main(int argc, char **argv) {
    (void)argv;
    printf("%d %d\n", public_work(argc * 100), with_nested(argc));
    puts("done");
    return 0;
}
