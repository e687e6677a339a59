/* A shared object for tests that load and unload it. */
int plugin_call(int (*function)(void *), void *data);

int plugin_call(int (*function)(void *), void *data) {
    volatile char room[48];
    room[0] = 1;
    return function(data) + room[0];
}
