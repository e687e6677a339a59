// The same as program.c, from Rust, where options are a struct of C's layout.
use std::ffi::{c_char, c_int, c_void};

#[repr(C)]
struct Options {
    port: c_int,
    bind_address: *const c_char,
    rest: [u64; 32], // more than what follows: zero is the default of each field, those to come included
}

extern "C" {
    fn piko_profiling_start(options: *const Options, ret: *mut *mut c_void) -> c_int;
    fn piko_profiling_port(profiling: *const c_void) -> c_int;
    fn piko_profiling_stop(profiling: *mut c_void) -> c_int;
}

fn main() {
    let options = Options { port: -1, bind_address: std::ptr::null(), rest: [0; 32] };
    let mut profiling = std::ptr::null_mut();
    unsafe {
        assert_eq!(piko_profiling_start(&options, &mut profiling), 0);
        println!("{}", (piko_profiling_port(profiling) > 0) as i32);
        std::process::exit(piko_profiling_stop(profiling));
    }
}
