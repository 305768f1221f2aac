//! Captures that are cut short, damaged or something else: what could be read is shown, then an
//! error that says where; never a panic, never without end.

use std::io::{self, Read};

use super::app::Failure;
use super::capture::{Capture, CaptureError};
use super::files::{Endian, Frame, block, office, pcap, pcapng, section};
use super::{frames, run, run_on, shipped};

/// The capture error that a run ended with.
#[track_caller]
fn capture_error(result: Result<(), Failure>) -> CaptureError {
    match result {
        Err(Failure::Capture { error, .. }) => error,
        other => panic!("not a capture error: {other:?}"),
    }
}

/// How many frames can be read, and how it ends.
fn read_all(bytes: Vec<u8>) -> (u64, Result<(), CaptureError>) {
    let mut capture = match Capture::new(io::Cursor::new(bytes)) {
        Ok(capture) => capture,
        Err(error) => return (0, Err(error)),
    };
    let mut frames = 0;
    loop {
        match capture.next_frame() {
            Ok(Some(frame)) => {
                frames += 1;
                assert_eq!(frame.number, frames);
            }
            Ok(None) => return (frames, Ok(())),
            Err(error) => return (frames, Err(error)),
        }
    }
}

/// Where each frame of a pcap file ends.
fn ends(frames: &[Frame]) -> Vec<usize> {
    let lengths = frames.iter().map(|frame| 16 + frame.bytes.len());
    lengths.scan(24, |at, length| Some(std::mem::replace(at, *at + length) + length)).collect()
}

#[test]
fn cut_anywhere_the_frames_before_are_read() {
    let packets = office();
    let (file, ends) = (pcap(Endian::Little, false, 1, &packets), ends(&packets));
    for length in (0..180).chain((180..file.len()).step_by(61)) {
        let whole = ends.iter().filter(|end| **end <= length).count();
        let start = ends.get(whole.wrapping_sub(1)).copied().unwrap_or(24);
        match read_all(file[..length].to_vec()) {
            (0, Err(CaptureError::Empty)) => assert_eq!(length, 0),
            (0, Err(CaptureError::NoHeader)) => assert!(length < 24),
            (frames, Ok(())) => assert_eq!((frames as usize, start), (whole, length)),
            (read, Err(CaptureError::CutShort { frames, at, lacks })) => {
                assert_eq!((read, frames, at), (whole as u64, whole as u64, start as u64));
                // The record's own length is in its bytes 8 to 11.
                let end = if length - start < 12 { start + 16 } else { ends[whole] };
                assert_eq!(length + lacks, end);
            }
            other => panic!("at {length}: {other:?}"),
        }
    }
}

#[test]
fn pcapng_cut_anywhere() {
    for endian in [Endian::Little, Endian::Big] {
        let file = pcapng(endian, (9, 0), 1, &office()[..3]);
        let mut most = 0;
        for length in 0..file.len() {
            let (frames, _) = read_all(file[..length].to_vec());
            assert!(frames >= most && frames < 3, "{frames} frames of {length} bytes");
            most = frames;
        }
        assert_eq!(most, 2);
        assert!(matches!(read_all(file), (3, Ok(()))));
    }
}

#[test]
fn the_program_shows_what_it_could_read() {
    let file = std::fs::read(shipped("office.pcap")).unwrap();
    let (output, result) = run_on(&file[..5_000]);
    assert_eq!(frames(&output).len(), 20);
    assert!(output.contains("18 packets judged"));
    let message = result.unwrap_err().to_string();
    assert!(message.contains("ends in the middle of a record, after 20 frames"), "{message}");
    assert!(message.contains("the record at byte 3488 lacks 18 bytes"), "{message}");
}

#[test]
fn a_length_that_cannot_be_is_damage_and_not_a_short_file() {
    let mut file = pcap(Endian::Little, false, 1, &office());
    let third = ends(&office())[1];
    file[third + 8..third + 12].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    let (output, result) = run_on(&file);
    assert_eq!(frames(&output).len(), 2);
    let error = capture_error(result);
    assert!(
        matches!(error, CaptureError::Damaged { frames: 2, at, .. } if at == third as u64),
        "{error}"
    );
}

#[test]
fn a_pcapng_frame_longer_than_its_block_is_damage() {
    let endian = Endian::Little;
    let mut file = pcapng(endian, (6, 0), 1, &office()[..3]);
    let blocks = file.len();
    let words = [0, 0, 0, 2_000, 2_000].map(u32::to_le_bytes).concat();
    file.extend(block(endian, 6, &[words, vec![0; 100]].concat()));
    // Enough for what the frame claims.
    file.extend(block(endian, 0x0bad, &[0; 8_000]));
    let (frames, result) = read_all(file);
    let expected = blocks as u64;
    assert!(
        matches!(result, Err(CaptureError::Damaged { frames: 3, at, .. }) if at == expected),
        "{frames} frames, {result:?}"
    );
}

#[test]
fn a_frame_of_an_interface_that_is_not_there() {
    let endian = Endian::Big;
    let words = [7, 0, 0, 4, 4].map(u32::to_be_bytes).concat();
    let file = [section(endian), block(endian, 6, &[words, vec![0; 4]].concat())].concat();
    let (_, result) = read_all(file);
    let message = result.unwrap_err().to_string();
    assert!(message.contains("names an interface that the file does not describe"), "{message}");
}

#[test]
fn bytes_changed_at_random_never_panic() {
    let files = [
        pcap(Endian::Little, false, 1, &office()[..30]),
        pcap(Endian::Big, true, 1, &office()[..30]),
        pcapng(Endian::Little, (6, 0), 1, &office()[..30]),
        pcapng(Endian::Big, (9, 5), 1, &office()[..30]),
    ];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |bound: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize % bound
    };
    for round in 0..300 {
        let mut file = files[round % files.len()].clone();
        for _ in 0..=next(4) {
            let at = if next(2) == 0 { next(file.len()) } else { next(200) };
            file[at] = [0, 0xff, 0x80, next(256) as u8][next(4)];
        }
        if round % 5 == 0 {
            file.truncate(next(file.len()));
        }
        let (frames, _) = read_all(file);
        assert!(frames < 10_000);
    }
}

#[test]
fn the_longest_frame_fits_and_one_more_byte_does_not() {
    let frame = |length| Frame { nanos: 0, bytes: vec![0xff; length] };
    let longest = (1 << 18) - 16;
    let file = pcap(Endian::Little, false, 1, &[frame(longest), frame(3), frame(100_000)]);
    assert!(matches!(read_all(file), (3, Ok(()))));
    let file = pcap(Endian::Little, false, 1, &[frame(3), frame(longest + 1)]);
    assert!(matches!(read_all(file), (1, Err(CaptureError::Damaged { .. }))));
}

#[test]
fn other_files() {
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (bytes, message, advice) in [
        (&gzip[..], "is neither a pcap nor a pcapng file", "gunzip"),
        (&[b'x'; 100], "is neither a pcap nor a pcapng file", "tcpdump -w"),
        (&[], "is empty", "record it again"),
        (&[0xd4, 0xc3, 0xb2, 0xa1], "ends before its header does", "record it again"),
    ] {
        let (output, result) = run_on(bytes);
        let error = result.unwrap_err().to_string();
        assert!(error.contains(message) && error.contains(advice), "{error}");
        assert_eq!(output, "");
    }
}

#[test]
fn paths_that_are_no_file() {
    let rules = shipped("office.rules");
    let rules = rules.to_str().unwrap();
    let (_, missing) = run(&[rules, "no/such.pcap"]);
    let missing = missing.unwrap_err().to_string();
    assert!(missing.starts_with("no/such.pcap cannot be read: "), "{missing}");
    let directory = shipped("");
    let (_, result) = run(&[rules, directory.to_str().unwrap()]);
    assert!(result.unwrap_err().to_string().contains("cannot be read: is a directory"));
    let (_, result) = run(&["no/such.rules", "no/such.pcap"]);
    assert!(result.unwrap_err().to_string().starts_with("no/such.rules cannot be read: "));
}

/// An input that fails after some bytes.
struct Failing(io::Cursor<Vec<u8>>);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::ErrorKind::TimedOut.into()),
            bytes => Ok(bytes),
        }
    }
}

#[test]
fn an_input_that_fails_is_not_a_short_file() {
    let file = pcap(Endian::Little, false, 1, &office());
    let mut capture = Capture::new(Failing(io::Cursor::new(file))).unwrap();
    let mut frames = 0;
    let error = loop {
        match capture.next_frame() {
            Ok(Some(_)) => frames += 1,
            Ok(None) => panic!("the end was never read"),
            Err(error) => break error,
        }
    };
    assert_eq!(frames, office().len());
    assert!(matches!(error, CaptureError::Io(error) if error.kind() == io::ErrorKind::TimedOut));
}

/// A pcap file without end, which hands out a few bytes at a time.
struct Endless {
    record: Vec<u8>,
    at: usize,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = buffer.len().min(1_000);
        for byte in &mut buffer[..bytes] {
            *byte = match self.at.checked_sub(24) {
                Some(at) => self.record[24 + at % (self.record.len() - 24)],
                None => self.record[self.at],
            };
            self.at += 1;
        }
        Ok(bytes)
    }
}

#[test]
fn a_file_of_any_length_is_read_as_it_comes() {
    let record = pcap(Endian::Big, false, 1, &office()[2..5]);
    let mut capture = Capture::new(Endless { record, at: 0 }).unwrap();
    for number in 1..=30_000 {
        assert_eq!(capture.next_frame().unwrap().unwrap().number, number);
    }
}
