//! Captures made for tests.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::shipped;

/// A file that is removed when the test ends.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("portcullis-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.0);
    }
}

/// A frame and when it was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) nanos: u64,
    pub(crate) bytes: Vec<u8>,
}

/// The frames of the shipped capture, read without the reader that is tested.
pub(crate) fn office() -> Vec<Frame> {
    let file = std::fs::read(shipped("office.pcap")).unwrap();
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    assert_eq!((word(0), word(20)), (0xa1b2_c3d4, 1));
    let mut frames = Vec::new();
    let mut at = 24;
    while at < file.len() {
        let nanos = u64::from(word(at)) * 1_000_000_000 + u64::from(word(at + 4)) * 1_000;
        let length = word(at + 8) as usize;
        frames.push(Frame { nanos, bytes: file[at + 16..at + 16 + length].to_vec() });
        at += 16 + length;
    }
    frames
}

/// How numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endian {
    Little,
    Big,
}

impl Endian {
    fn u16(self, value: u16) -> [u8; 2] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    fn u64(self, value: u64) -> [u8; 8] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }
}

/// A pcap file.
pub(crate) fn pcap(endian: Endian, nanoseconds: bool, link: u32, frames: &[Frame]) -> Vec<u8> {
    let magic = if nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    let mut file = endian.u32(magic).to_vec();
    file.extend([endian.u16(2), endian.u16(4)].concat());
    file.extend([0, 0, 0x4_0000, link].map(|word| endian.u32(word)).concat());
    for Frame { nanos, bytes } in frames {
        let fraction = (nanos % 1_000_000_000) as u32;
        let fraction = if nanoseconds { fraction } else { fraction / 1_000 };
        let length = bytes.len() as u32;
        let header = [(nanos / 1_000_000_000) as u32, fraction, length, length];
        file.extend(header.map(|word| endian.u32(word)).concat());
        file.extend(bytes);
    }
    file
}

/// A pcapng file of one section. `resolution` is the `if_tsresol` option, 6 or 9; `offset` the
/// seconds that the interface's clock is behind.
pub(crate) fn pcapng(
    endian: Endian,
    (resolution, offset): (u8, u64),
    link: u16,
    frames: &[Frame],
) -> Vec<u8> {
    let mut file = section(endian);
    file.extend(interface(endian, (resolution, offset), link));
    for Frame { nanos, bytes } in frames {
        let ticks = nanos - offset * 1_000_000_000;
        let ticks = if resolution == 9 { ticks } else { ticks / 1_000 };
        let length = bytes.len() as u32;
        let words = [0, (ticks >> 32) as u32, ticks as u32, length, length];
        let body = [words.map(|word| endian.u32(word)).concat(), padded(bytes)].concat();
        file.extend(block(endian, 6, &body));
    }
    file
}

/// A pcapng file whose frames are simple packet blocks, which have no times.
pub(crate) fn pcapng_simple(endian: Endian, link: u16, frames: &[Frame]) -> Vec<u8> {
    let mut file = section(endian);
    file.extend(interface(endian, (6, 0), link));
    for Frame { bytes, .. } in frames {
        let body = [endian.u32(bytes.len() as u32).to_vec(), padded(bytes)].concat();
        file.extend(block(endian, 3, &body));
    }
    file
}

pub(crate) fn section(endian: Endian) -> Vec<u8> {
    let body = [&endian.u32(0x1a2b_3c4d)[..], &endian.u16(1), &endian.u16(0), &[0xff; 8]].concat();
    block(endian, 0x0a0d_0d0a, &body)
}

fn interface(endian: Endian, (resolution, offset): (u8, u64), link: u16) -> Vec<u8> {
    let mut body = [endian.u16(link), endian.u16(0)].concat();
    body.extend(endian.u32(0));
    body.extend([&endian.u16(9)[..], &endian.u16(1), &[resolution, 0, 0, 0]].concat());
    body.extend([&endian.u16(14)[..], &endian.u16(8), &endian.u64(offset)].concat());
    body.extend([0; 4]);
    block(endian, 1, &body)
}

pub(crate) fn block(endian: Endian, kind: u32, body: &[u8]) -> Vec<u8> {
    let length = endian.u32(body.len() as u32 + 12);
    [&endian.u32(kind)[..], &length, body, &length].concat()
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(4), 0);
    padded
}
