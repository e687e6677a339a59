use std::collections::HashMap;

mod deep {
    pub struct Counter<T> {
        pub items: Vec<T>,
    }
    impl<T: Copy + Into<u64>> Counter<T> {
        #[inline(never)]
        pub fn total(&self) -> u64 {
            self.items.iter().map(|item| (*item).into()).sum()
        }
    }
}

fn main() {
    let counter = deep::Counter { items: (0u32..100).collect() };
    let mut counts: HashMap<u64, u64> = HashMap::new();
    for i in 0..10u64 {
        *counts.entry(i % 3).or_insert(0) += counter.total();
    }
    println!("{:?}", counts.get(&1));
}
