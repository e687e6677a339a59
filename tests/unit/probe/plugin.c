/* A shared object for tests that load and unload it. ROOM_BYTES: two that differ in their frames alone. */
int plugin_call(int (*function)(void *), void *data);

int plugin_call(int (*function)(void *), void *data) {
    volatile char room[ROOM_BYTES];
    room[0] = 1;
    return function(data) + room[0];
}
