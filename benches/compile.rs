//! Compiling rule sets.

mod classbench;
mod generator;
mod workload;

use std::cell::LazyCell;
use std::time::Duration;

use criterion::Criterion;
use workload::{Source, sources};

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500))
        .configure_from_args();
    for source in sources() {
        compile(&mut criterion, &source);
    }
    criterion.final_summary();
}

fn compile(criterion: &mut Criterion, source: &Source) {
    let workload = LazyCell::new(|| source.workload());
    let mut group = criterion.benchmark_group("compile");
    group.bench_function(&source.name, |bencher| {
        let workload = &*workload;
        bencher.iter_with_large_drop(|| workload.compile());
    });
    group.finish();
}
