//! Packets from bytes: the frames of two recorded captures, one after the other.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pcap_parser::{PcapCapture, PcapError};
use portcullis::Packet;
use portcullis::packet::Checksum;

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20);
    targets = parse
}
criterion_main!(benches);

/// Throughput is in packets.
fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    for capture in ["web", "frag"] {
        let frames = frames(capture);
        group.throughput(Throughput::Elements(frames.len() as u64));
        group.bench_function(capture, |bencher| {
            bencher.iter(|| {
                for frame in &frames {
                    let _ = black_box(Packet::from_ethernet(black_box(frame)));
                }
            });
        });
        group.bench_function(format!("{capture}/checksum"), |bencher| {
            bencher.iter(|| {
                for frame in &frames {
                    let _ = black_box(Checksum::of_ethernet(black_box(frame)));
                }
            });
        });
    }
    group.finish();
}

fn frames(capture: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/captures");
    let path = folder.join(capture).with_extension("pcap");
    let file = std::fs::read(&path).expect("the capture is there");
    let parsed: Result<PcapCapture<'_>, PcapError<&[u8]>> = PcapCapture::from_file(&file);
    let parsed = parsed.expect("the capture is a classic pcap");
    parsed.blocks.iter().map(|block| block.data.to_vec()).collect()
}
