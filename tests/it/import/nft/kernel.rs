//! The same rule sets and packets in a Linux kernel: where `nft` is there and namespaces are allowed,
//! `tests/nft/kernel.py` sends the packets through TUN devices. Elsewhere the test says that it was
//! not run.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::{Command, Stdio};

use portcullis::import::nft::{Hook, Nftables};
use portcullis::{Action, Packet, Reject};
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

use super::bytes::Sent;
use super::{at, tracked};

/// What rules are made of.
const ASKED: &[&str] = &include!("kernel/asked.rs");
const SAID: &[&str] = &include!("kernel/said.rs");

/// Choices of a generator whose seed is fixed.
struct Words(TestRng);

impl Words {
    fn below(&mut self, most: usize) -> usize {
        (self.0.next_u32() as usize) % most
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

#[test]
fn a_kernel_decides_the_same() {
    if !is_possible() {
        println!("not run: no nft, no namespaces or no TUN devices here");
        return;
    }
    let sets = std::env::var("PORTCULLIS_LONG").map_or(12, |_| 300);
    let mut words = Words(TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let (mut packets, mut refused, mut wrong) = (0, 0, Vec::new());
    for _ in 0..sets {
        let rules = rule_set(&mut words);
        let sent: Vec<_> = (0..120).map(|_| packet(&mut words)).collect();
        match differences(&rules, &sent) {
            Some(differences) => {
                packets += sent.len();
                wrong.extend(differences);
            }
            None => refused += 1,
        }
    }
    println!(
        "{sets} rule sets, {refused} of them not supported; {packets} packets, {} differences",
        wrong.len()
    );
    assert!(refused * 10 < sets, "{refused} of {sets} rule sets are not supported");
    assert!(
        wrong.is_empty(),
        "{} differences\n{}",
        wrong.len(),
        wrong[..wrong.len().min(24)].join("\n")
    );
}

fn is_possible() -> bool {
    let here = |command: &mut Command| {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    };
    let probe = "ip tuntap add dev probe mode tun && nft add table inet probe && python3 -c ''";
    here(Command::new("unshare").args(["-rn", "sh", "-c", probe]))
}

/// Rules of one forward chain and two others, of few values, so that they overlap.
fn rule_set(words: &mut Words) -> String {
    let mut text = "table inet t {\n".to_string();
    for chain in ["second", "first"] {
        text += &format!("chain {chain} {{\n");
        (0..3).for_each(|_| {
            text += &rule(
                words,
                match chain {
                    "first" => &SAID[..20],
                    _ => &SAID[..18],
                },
            )
        });
        text += "}\n";
    }
    let policy = words.one_of(&["accept", "drop"]);
    text += &format!("chain forward {{\ntype filter hook forward priority 0; policy {policy};\n");
    (0..8).for_each(|_| text += &rule(words, SAID));
    text += "}\n";
    if words.below(3) == 0 {
        text += "chain early {\ntype filter hook prerouting priority -150; policy accept;\n";
        text += "ct state invalid counter drop\nip saddr 10.0.0.3 meta mark set 0x2\n}\n";
        text += "chain late {\ntype filter hook postrouting priority 10; policy accept;\n";
        text += "meta mark & 0x2 == 0x2 tcp dport 80 drop\n}\n";
    }
    text + "}\n"
}

fn rule(words: &mut Words, said: &[&str]) -> String {
    let asked: Vec<_> = (0..words.below(3) + 1).map(|_| words.one_of(ASKED)).collect();
    let rule = format!("{} {}\n", asked.join(" "), words.one_of(said));
    // Some of a list but none of another is what no rule here can ask of these.
    let twice = |name: &&str| rule.matches(*name).count() > 1;
    if ["iifname", "oifname", "ct status"].iter().any(twice) { String::new() } else { rule }
}

fn packet(words: &mut Words) -> (bool, Sent) {
    let v4 = words.below(3) > 0;
    let (inside, outside) = (words.below(6) as u8, words.below(7) as u8);
    let (mut src, mut dst): (IpAddr, IpAddr) = match v4 {
        true => (Ipv4Addr::new(10, 0, 0, inside).into(), Ipv4Addr::new(192, 0, 2, outside).into()),
        false => (
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, inside.into()).into(),
            Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, outside.into()).into(),
        ),
    };
    const PORTS: [u16; 12] = [21, 22, 23, 52, 53, 79, 80, 81, 90, 91, 1023, 1024];
    let mut ports = (words.one_of(&PORTS[8..]), words.one_of(&PORTS));
    let protocol = match words.below(8) {
        0..4 => 6,
        4 | 5 => 17,
        6 if v4 => 1,
        6 => 58,
        _ => 47,
    };
    if protocol == 1 {
        ports = words.one_of(&[(8, 0), (0, 0), (13, 0), (5, 1)]);
    } else if protocol == 58 {
        ports = words.one_of(&[(128, 0), (129, 0), (4, 1), (200, 0)]);
    }
    let back = words.below(3) == 0;
    if back {
        (src, dst) = (dst, src);
        if matches!(protocol, 6 | 17) {
            ports = (ports.1, ports.0);
        }
    }
    let flags = words.one_of(&[0x02, 0x02, 0x12, 0x10, 0x11, 0x04, 0x01, 0x18]);
    let (ttl, dscp) = (words.one_of(&[2, 10, 11, 64]), words.one_of(&[0, 8, 46]));
    let payload = words.one_of(&[0, 0, 12, 13, 60]);
    (back, Sent { src, dst, protocol, ports, flags, ttl, dscp, payload })
}

/// Where the kernel and the imported rules differ; `None` if the rules cannot be imported.
fn differences(rules: &str, sent: &[(bool, Sent)]) -> Option<Vec<String>> {
    let interfaces = [("lan0", "wan0"), ("wan0", "lan0")];
    let bytes: Vec<_> =
        sent.iter().map(|(back, sent)| (interfaces[usize::from(*back)], sent.bytes())).collect();
    let (listing, verdicts) = ask_kernel(rules, &bytes);
    let tables = match Nftables::new().read(&listing) {
        Ok(tables) => tables,
        // Some combinations nft lists as what they are not.
        Err(error) if error.is_unsupported() || error.message().contains("from high") => {
            return None;
        }
        Err(error) => panic!("{error}\n{rules}"),
    };
    let mut firewall = tracked(&tables, Hook::Forward);
    let mut wrong = Vec::new();
    for (((ways, bytes), (_, sent)), verdict) in bytes.iter().zip(sent).zip(&verdicts) {
        let mut packet = Packet::from_ip(bytes).unwrap();
        packet.in_interface = firewall.interface(ways.0);
        packet.out_interface = firewall.interface(ways.1);
        let judgement = firewall.classify(&packet, at(0));
        let found = shown(judgement.action, sent.protocol, packet.addrs.src().is_ipv4());
        let silent = *verdict == "drop" && found.starts_with("reject") && is_unanswerable(sent);
        if found != *verdict && !silent {
            let by = firewall.origin(&judgement).map(ToString::to_string);
            let tracked = judgement.tracked;
            wrong.push(format!(
                "{sent:?}\n  kernel: {verdict}, here: {found} by {by:?} {tracked:?}"
            ));
        }
    }
    if !wrong.is_empty() {
        wrong.push(format!("{rules}\n"));
    }
    Some(wrong)
}

/// Whether the kernel says nothing to the sender of a packet that is rejected: errors have no
/// answers, nor have packets that end with their header, or from the address of a subnet's routers.
fn is_unanswerable(sent: &Sent) -> bool {
    let error = match sent.protocol {
        1 => matches!(sent.ports.0, 3 | 4 | 5 | 11 | 12),
        58 => sent.ports.0 < 128,
        protocol => !matches!(protocol, 6 | 17) && sent.payload == 0,
    };
    let IpAddr::V6(src) = sent.src else { return error };
    error || src.segments()[7] == 0
}

/// A decision as the kernel shows it.
fn shown(action: Action, protocol: u8, v4: bool) -> String {
    let Action::Reject(kind) = action else { return action.to_string() };
    let kind = match (kind, v4) {
        (Reject::TcpReset, _) if protocol == 6 => "tcp-reset",
        (Reject::NetUnreachable, true) => "3/0",
        (Reject::HostUnreachable, true) => "3/1",
        (Reject::PortUnreachable, true) => "3/3",
        (Reject::AdminProhibited, true) => "3/13",
        (Reject::NetUnreachable, false) => "1/0",
        (Reject::HostUnreachable, false) => "1/3",
        (Reject::PortUnreachable, false) => "1/4",
        (Reject::AdminProhibited, false) => "1/1",
        (other, _) => return format!("reject {other:?}"),
    };
    format!("reject {kind}")
}

/// What nft lists of the rules, and what the kernel does with the packets.
fn ask_kernel(rules: &str, packets: &[((&str, &str), Vec<u8>)]) -> (String, Vec<String>) {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let packets: Vec<_> = packets.iter().map(|(ways, bytes)| (ways.0, hex(bytes))).collect();
    let request = serde_json::json!({ "rules": rules, "packets": packets }).to_string();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/nft/kernel.py");
    let mut child = Command::new("unshare")
        .args(["-rn", "python3", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{rules}");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let verdicts = answer["verdicts"].as_array().unwrap();
    let verdicts = verdicts.iter().map(|verdict| verdict.as_str().unwrap().to_string()).collect();
    (answer["listing"].as_str().unwrap().to_string(), verdicts)
}
