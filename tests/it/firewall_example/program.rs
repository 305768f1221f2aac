//! The program's arguments, errors and output.

use std::io::{self, Write};

use clap::{CommandFactory, Parser};

use super::app::{Args, run as run_app};
use super::files::{Endian, Frame, Scratch, office, pcap};
use super::paint::Paint;
use super::{frames, run, shipped};

/// Runs with a rule file of this text on the shipped capture.
fn run_rules(text: &str, more: &[&str]) -> (String, Result<(), super::app::Failure>) {
    let rules = Scratch::new(text.as_bytes());
    let capture = shipped("office.pcap");
    let files = [rules.path().to_str().unwrap(), capture.to_str().unwrap()];
    run(&[&files, more].concat())
}

#[test]
fn a_rule_that_cannot_be_read_is_shown_with_a_caret() {
    let (output, result) = run_rules("accept tcp\naccept tcp to any port htp\n", &[]);
    let message = result.unwrap_err().to_string();
    assert!(message.contains(": line 2, column 24: "), "{message}");
    let lines: Vec<_> = message.lines().collect();
    let place = lines.iter().position(|line| line.contains("port htp")).unwrap();
    assert_eq!(lines[place].find("htp"), lines[place + 1].find("^^^"));
    assert_eq!(output, "");
}

#[test]
fn rules_that_cannot_be_compiled_are_named() {
    let (_, result) = run_rules("jump a any\nchain a\njump b any\nchain b\njump a any\n", &[]);
    let message = result.unwrap_err().to_string();
    assert!(message.contains("cycle"), "{message}");
}

#[test]
fn rules_that_are_no_text_are_an_error() {
    let rules = Scratch::new(&[0xff, 0xfe, 0]);
    let (_, result) = run(&[rules.path().to_str().unwrap(), "x"]);
    assert!(result.unwrap_err().to_string().contains("cannot be read"));
}

#[test]
fn the_added_rule_has_to_be_one_stateless_rule() {
    for (rule, message) in [
        ("accept tcpp", "--ephemeral: line 1, column 8"),
        ("accept tcp\naccept udp", "--ephemeral takes one rule"),
        ("", "--ephemeral takes one rule"),
        ("default accept\naccept udp", "--ephemeral takes one rule"),
        ("accept tcp state new", "no `state` in it"),
    ] {
        let (_, result) = run(&["--ephemeral", rule]);
        let error = result.unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let (output, result) = run(&["--ephemeral", "accept icmp type 0"]);
    result.unwrap();
    assert!(output.contains("`accept icmp type 0`, lets 2 of 24 through"), "{output}");
}

#[test]
fn limit_and_summary() {
    let (output, _) = run(&["--limit", "20"]);
    assert_eq!(frames(&output).len(), 20);
    let (output, _) = run(&["--summary", "--limit", "20"]);
    assert_eq!(frames(&output).len(), 0);
    assert!(output.contains("18 packets judged, 2 frames without IP"));
    let file = Scratch::new(&std::fs::read(shipped("office.pcap")).unwrap()[..5_000]);
    let (rules, cut) = (shipped("office.rules"), file.path().to_str().unwrap());
    let files = [rules.to_str().unwrap(), cut, "--limit"];
    assert!(run(&[&files[..], &["20"]].concat()).1.is_ok(), "what comes after it is not looked at");
    assert!(run(&[&files[..], &["21"]].concat()).1.is_err());
    let (output, _) = run(&["--limit", "0"]);
    assert!(output.contains("0 packets judged"));
}

#[test]
fn a_full_connection_table_is_said() {
    let (output, result) = run(&["--connections", "0"]);
    result.unwrap();
    assert!(output.contains("connection table was full for "), "{output}");
}

#[test]
fn user_chains_are_named() {
    let rules = "jump web tcp\nchain web\naccept to any port 80\n";
    let (output, result) = run_rules(rules, &[]);
    result.unwrap();
    assert!(frames(&output)[2].contains("accept web:1"), "{output}");
}

#[test]
fn of_many_rules_those_with_hits_are_listed() {
    let rules: String = (1..=100).map(|port| format!("accept tcp to any port {port}\n")).collect();
    let (output, result) = run_rules(&rules, &["--summary"]);
    result.unwrap();
    assert!(output.contains("accept tcp to any port 80\n") || output.contains("port 80 "));
    assert!(!output.contains("port 79 ") && output.lines().count() < 40, "{output}");
    assert!(output.contains(" without hits not listed"));
}

#[test]
fn rules_that_a_capture_cannot_judge_are_named() {
    let (output, result) = run_rules("accept in eth0\naccept tcp\ndrop mark 7\n", &[]);
    result.unwrap();
    assert!(output.contains("although asked for in"), "{output}");
    assert!(output.split_whitespace().collect::<Vec<_>>().join(" ").contains("in rules 1, 3"));
    assert!(!run(&[]).0.contains("although asked for in"));
}

#[test]
fn where_nothing_differs_that_is_said() {
    let (output, result) = run_rules("default accept\n", &[]);
    result.unwrap();
    assert!(output.contains("The three do not agree on 0"), "{output}");
    assert!(output.contains("None here."), "{output}");
    let empty = Scratch::new(&pcap(Endian::Big, true, 1, &[]));
    let rules = shipped("office.rules");
    let (output, result) = run(&[rules.to_str().unwrap(), empty.path().to_str().unwrap()]);
    result.unwrap();
    assert!(output.contains("0 packets judged"));
    assert!(output.contains("No packet here answers a request"), "{output}");
}

#[test]
fn long_addresses_widen_the_column() {
    let mut frames = office();
    let ipv6 = [&[0x60, 0, 0, 0, 0, 8, 17, 64][..], &[0x2a; 32], &[0x9c, 0x40, 0, 53, 0, 8, 0, 0]];
    let bytes = [&[2; 12][..], &[0x86, 0xdd], &ipv6.concat()].concat();
    frames.insert(0, Frame { nanos: frames[0].nanos, bytes });
    let file = Scratch::new(&pcap(Endian::Little, false, 1, &frames));
    let rules = shipped("office.rules");
    let (output, result) = run(&[rules.to_str().unwrap(), file.path().to_str().unwrap()]);
    result.unwrap();
    let lines = super::frames(&output);
    let column = |line: &str, word: &str| {
        line.chars().count() - line.split(word).last().unwrap().chars().count()
    };
    assert!(lines[0].contains("udp [2a2a:"), "{}", lines[0]);
    assert_eq!(column(lines[0], "new →"), column(lines[3], "new →"));
}

/// An output that is closed after some bytes, as by `head`.
struct Closed(usize);

impl Write for Closed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_output_ends_the_program_quietly() {
    let arguments = Args::try_parse_from(["firewall"]).unwrap();
    let (whole, _) = run(&[]);
    for bytes in (0..whole.len()).step_by(397) {
        let failure = run_app(&arguments, &mut Closed(bytes), Paint(false)).unwrap_err();
        assert!(failure.is_closed_pipe(), "{failure}");
    }
}

#[test]
fn colours_change_nothing_but_colours() {
    let arguments = Args::try_parse_from(["firewall"]).unwrap();
    let mut coloured = Vec::new();
    run_app(&arguments, &mut coloured, Paint(true)).unwrap();
    let coloured = String::from_utf8(coloured).unwrap();
    let mut plain = String::new();
    for (index, part) in coloured.split('\x1b').enumerate() {
        plain += if index == 0 { part } else { part.split_once('m').unwrap().1 };
    }
    assert!(coloured.contains("\x1b[32maccept 2\x1b[0m"));
    let trimmed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(trimmed(&plain), trimmed(&run(&[]).0));
}

#[test]
fn arguments() {
    Args::command().debug_assert();
    assert!(Args::try_parse_from(["firewall", "rules-without-capture"]).is_err());
    assert!(Args::try_parse_from(["firewall", "--order", "sideways"]).is_err());
    let help = Args::command().render_long_help().to_string();
    for word in ["[RULES]", "[CAPTURE]", "--order", "--limit", "--summary", "pcapng", "≠"] {
        assert!(help.contains(word), "{word} not in: {help}");
    }
}
