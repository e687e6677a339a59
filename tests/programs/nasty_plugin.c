/* A library that comes and goes. */
int plugin_call(int (*function)(int), int value);

__attribute__((visibility("default"))) int plugin_call(int (*function)(int), int value) {
    return function(value) + 1; /* behind the call, so that this frame is there */
}
