// The Rust program behind rust_*.pprof: generics, closures, trait objects, iterators, inlined and not.
//     rustc -O -g workload.rs && piko run --port 6061 --mem-profile-rate 4096 -- ./workload
//     curl -o rust_cpu.pprof 'localhost:6061/_piko/debug/pprof/profile?seconds=1'; the same for allocs and block
use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::sync::{Arc, Mutex};
use std::{env, thread, time};

trait Shape {
    fn area(&self) -> f64;
}
struct Circle(f64);
struct Square(f64);
impl Shape for Circle {
    #[inline(never)]
    fn area(&self) -> f64 {
        (1..200).map(|n| self.0.powi(n % 3) / n as f64).sum()
    }
}
impl Shape for Square {
    #[inline(never)]
    fn area(&self) -> f64 {
        (1..300).fold(self.0, |sum, n| sum + (sum * n as f64).sqrt())
    }
}

#[inline(never)]
fn describe<T: Display + Clone>(items: &[T]) -> Vec<String> {
    items.iter().map(|item| format!("<{}>", item.clone())).filter(|text| text.len() > 2).collect()
}

#[inline(never)]
fn count_words(text: &str) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word.to_string()).or_insert(0) += 1;
    }
    counts
}

fn work(shared: Arc<Mutex<BTreeMap<u64, Vec<String>>>>, seed: u64, until: time::Instant) -> f64 {
    let shapes: Vec<Box<dyn Shape>> = vec![Box::new(Circle(1.5)), Box::new(Square(2.5))];
    let (mut sum, mut n) = (0.0, seed);
    while time::Instant::now() < until {
        n = n.wrapping_mul(6364136223846793005).wrapping_add(1);
        sum += shapes[(n >> 60) as usize % 2].area();
        let words = count_words("the quick brown fox jumps over the lazy dog the end");
        let mut map = shared.lock().unwrap();
        map.insert(n >> 56, describe(&words.values().collect::<Vec<_>>()));
        sum += map.range(3..90).map(|(_, texts)| texts.len() as f64).sum::<f64>();
    }
    sum
}

fn main() {
    let seconds: u64 = env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10);
    let until = time::Instant::now() + time::Duration::from_secs(seconds);
    let shared = Arc::new(Mutex::new(BTreeMap::new()));
    let threads: Vec<_> = (0..3)
        .map(|n| {
            let shared = shared.clone();
            thread::Builder::new().name(format!("worker-{n}")).spawn(move || work(shared, n, until)).unwrap()
        })
        .collect();
    println!("{}", threads.into_iter().map(|thread| thread.join().unwrap()).sum::<f64>());
}
