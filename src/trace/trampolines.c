#include <string.h>

#include "trace/names.h"

/* What stands between the kernel and the function that a thread, or a program, was made for. */
static const char *const functions[] = {
    "__clone",
    "__clone3",
    "clone",
    "clone3",
    "start_thread", /* glibc */
    "__libc_start_main",
    "__libc_start_main_impl",
    "__libc_start_call_main",
    "_start",
    "execute_native_thread_routine",
    "g_thread_proxy", /* C++, glib */
};

/* Names that go on with arguments of templates, hashes, versions or offsets. */
static const char *const prefixes[] = {
    "__libc_start_main@",
    "libpiko.so+", /* our own hook of pthread_create, and in the preloaded probe */
    "libpiko-probe.so+",
    "std::execute_native_thread_routine",
    "std::thread::_State_impl<",
    "std::thread::_Invoker<",
    "std::sys::pal::unix::thread::Thread::new::thread_start", /* Rust from here on */
    "std::sys::unix::thread::Thread::new::thread_start",
    "std::sys::thread::unix::Thread::new::thread_start",
    "std::sys_common::backtrace::__rust_begin_short_backtrace",
    "std::sys::backtrace::__rust_begin_short_backtrace",
    "std::thread::Builder::spawn_unchecked_",
    "std::panicking::try",
    "std::panicking::catch_unwind",
    "std::panic::catch_unwind",
    "std::rt::lang_start",
    "<alloc::boxed::Box<F,A> as core::ops::function::FnOnce<Args>>::call_once",
    "<core::panic::unwind_safe::AssertUnwindSafe<F> as core::ops::function::FnOnce<()>>::call_once",
    "core::ops::function::FnOnce::call_once",
    "core::ops::function::impls::<impl core::ops::function::FnOnce<A> for &F>::call_once",
};

static bool ends_with(const char *string, const char *end) {
    size_t length = strlen(string), end_length = strlen(end);
    return length >= end_length && strcmp(string + length - end_length, end) == 0;
}

bool names_is_trampoline(const struct trace_frame *frame) {
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strcmp(frame->function, functions[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(frame->function, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    if (strcmp(frame->function, "thread_main") == 0 && ends_with(frame->file, "probe/hooks/threads.c"))
        return true;
    return strstr(frame->function, "std::__invoke") != NULL; /* its return type stands before it */
}
