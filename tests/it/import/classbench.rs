use portcullis::import::classbench::{HeaderBits, parse, parse_trace, parse_with};
use portcullis::packet::{IcmpMessage, TcpFlags};
use portcullis::{Action, Addrs, FlowKey, ImportError, Packet, Protocol, RuleSet};
use proptest::{prop_assert, prop_assert_eq, proptest};

use crate::rulesets::classbench;

/// The rules of a text as they are printed, without the default.
fn printed(text: &str, bits: HeaderBits) -> Vec<String> {
    let rules = parse(text, bits).unwrap_or_else(|error| panic!("{error}"));
    rules.to_string().lines().skip(1).map(ToOwned::to_owned).collect()
}

#[test]
fn filters_are_rules() {
    let cases = [
        (
            "@10.1.2.3/8\t192.0.2.1/32\t0 : 65535\t80 : 443\t0x06/0xFF\t0x0000/0x0000\t",
            "accept ipv4 tcp from 10.0.0.0/8 to 192.0.2.1 port 80-443",
        ),
        ("@0.0.0.0/0 0.0.0.0/0 0:65535 0 :65535 0x00/0x00", "accept ipv4"),
        ("  @0.0.0.0/0 0.0.0.0/0 7: 7 0 : 65535 17/255\r", "accept ipv4 udp from any port 7"),
        ("@0.0.0.0/0 0.0.0.0/0 0 : 65535 0 : 0 2/0xfe", "accept ipv4 protocol 2, 3 to any port 0"),
        (
            "@2001:db8::1/32\t::/0\t0 : 65535\t53 : 53\t0x11/0xFF\t0x0000/0x0000",
            "accept ipv6 udp from 2001:db8::/32 to any port 53",
        ),
        ("@::/0 ::1/128 0 : 65535 0 : 65535 0x3a/0xff", "accept ipv6 icmpv6 to ::1"),
    ];
    for (text, rule) in cases {
        assert_eq!(printed(text, HeaderBits::Match), [normal(rule)], "{text}");
        assert_eq!(printed(text, HeaderBits::FiveTuple), [normal(rule)], "{text}");
    }
}

/// The rule as it is printed, whatever the order in which its criteria are written here.
fn normal(rule: &str) -> String {
    let rules: RuleSet = rule.parse().unwrap_or_else(|error| panic!("{error}"));
    rules.to_string().lines().last().unwrap().to_owned()
}

#[test]
fn header_bits_are_asked_for_or_left_out() {
    let start = "@0.0.0.0/0 0.0.0.0/0 0 : 65535 0 : 65535";
    let cases = [
        ("0x06/0xff 0x0200/0x1200", "accept ipv4 tcp flags syn/syn,ack"),
        ("0x06/0xff 0xff00/0x1000", "accept ipv4 tcp flags ack/ack"),
        ("0x06/0xff 0x0000/0x0200", "accept ipv4 tcp flags none/syn"),
        ("0x01/0xff 0x0800/0xff00", "accept ipv4 icmp type 8"),
        ("0x01/0xff 0x0304/0xffff", "accept ipv4 icmp type 3/4"),
        ("0x11/0xff 0xffff/0x0000", "accept ipv4 udp"),
    ];
    for (end, rule) in cases {
        let text = format!("{start} {end}");
        let asks = parse(&text, HeaderBits::Match).unwrap();
        let meant: RuleSet = normal(rule).parse().unwrap();
        let rule = &asks.chains()[0].rules()[0];
        let expected = &meant.chains()[0].rules()[0];
        assert_eq!(rule.criteria.tcp_flags, expected.criteria.tcp_flags, "{text}");
        assert_eq!(rule.criteria.icmp, expected.criteria.icmp, "{text}");
        let plain = parse(&text, HeaderBits::FiveTuple).unwrap();
        let plain = &plain.chains()[0].rules()[0].criteria;
        assert!(plain.tcp_flags.is_any() && plain.icmp.is_any(), "{text}");
        assert!(!plain.protocol.is_any(), "{text}");
    }
    let rules = parse(&format!("{start} 0x06/0xff 0x0200/0x1200"), HeaderBits::Match).unwrap();
    let (a, b) = ("192.0.2.1:1".parse().unwrap(), "192.0.2.2:2".parse().unwrap());
    for (flags, action) in [
        (TcpFlags::SYN, Action::Accept),
        (TcpFlags::SYN | TcpFlags::ACK, Action::Drop),
        (TcpFlags::ACK, Action::Drop),
    ] {
        let packet = Packet::tcp(a, b, flags).unwrap();
        assert_eq!(*rules.first_match(&packet, None).action, action, "{flags}");
    }
    let rules = parse(&format!("{start} 0x01/0xff 0x0800/0xff00"), HeaderBits::Match).unwrap();
    let addrs = Addrs::V4 { src: [192, 0, 2, 1].into(), dst: [192, 0, 2, 2].into() };
    for (icmp_type, action) in [(8, Action::Accept), (0, Action::Drop)] {
        let packet = Packet::icmp(addrs, IcmpMessage::new(icmp_type, 0));
        assert_eq!(*rules.first_match(&packet, None).action, action, "type {icmp_type}");
    }
}

#[test]
fn places_count_filters_and_actions_are_the_callers() {
    let filter = "@192.0.2.1/32 0.0.0.0/0 0 : 65535 0 : 65535 0/0";
    let text = format!("\n{filter}\n  \n{filter}\n");
    let rules = parse_with(&text, HeaderBits::Match, 99, |place| place).unwrap();
    assert_eq!(rules.len(), 2);
    let key = parse_trace("3221225985 0 0 0 0").unwrap()[0];
    let decision = rules.first_match(&Packet::from(key), None);
    assert_eq!((*decision.action, decision.rule.unwrap().index), (0, 0));
    assert_eq!(*rules.default_action(), 99);
    assert!(parse("", HeaderBits::Match).unwrap().is_empty());
}

#[test]
fn traces_have_numbers_or_addresses() {
    let text = "167772161\t3221225985\t40000\t443\t6\t17\n\n 2001:db8::1 ::2 0 65535 58\n1.2.3.4 5 1 2 255";
    let keys = parse_trace(text).unwrap();
    let expected = [
        FlowKey {
            addrs: Addrs::V4 { src: [10, 0, 0, 1].into(), dst: [192, 0, 2, 1].into() },
            src_port: 40000,
            dst_port: 443,
            protocol: Protocol::TCP,
        },
        FlowKey {
            addrs: Addrs::V6 { src: "2001:db8::1".parse().unwrap(), dst: "::2".parse().unwrap() },
            src_port: 0,
            dst_port: 65535,
            protocol: Protocol::ICMPV6,
        },
        FlowKey {
            addrs: Addrs::V4 { src: [1, 2, 3, 4].into(), dst: [0, 0, 0, 5].into() },
            src_port: 1,
            dst_port: 2,
            protocol: Protocol(255),
        },
    ];
    assert_eq!(keys, expected);
}

#[test]
fn errors_name_line_and_column() {
    let good = "@0.0.0.0/0 0.0.0.0/0 0 : 65535 0 : 65535 0x06/0xff";
    let cases = [
        ("10.0.0.0/8", 1, "expected `@` and the source prefix, found `10.0.0.0/8`"),
        ("@10.0.0/8", 2, "expected an IPv4 or IPv6 prefix, found `10.0.0`"),
        ("@10.0.0.0", 10, "expected `/` and the length of the prefix, found the end of the line"),
        (
            "@10.0.0.0/33 0.0.0.0/0",
            11,
            "expected the length of an IPv4 prefix, 0 to 32, found `33`",
        ),
        ("@::/129 ::/0", 5, "expected the length of an IPv6 prefix, 0 to 128, found `129`"),
        ("@0.0.0.0/0 ::/0", 12, "expected an IPv4 prefix, as the source is one, found `::`"),
        ("@::/0 1.1.1.1/0", 7, "expected an IPv6 prefix, as the source is one, found `1.1.1.1`"),
        ("@::/0", 6, "expected an IPv6 prefix, as the source is one, found the end of the line"),
        ("@::/0 ::/0 0 : 65536", 16, "expected a port, 0 to 65535, found `65536`"),
        ("@::/0 ::/0 0 65535", 14, "expected `:` and the last port, found `65535`"),
        ("@::/0 ::/0 +1 : 2", 12, "expected a port, 0 to 65535, found `+1`"),
        ("@::/0 ::/0 9 : 8 0 : 1 0/0", 12, "the last port is below the first"),
        (
            "@::/0 ::/0 0 : 1 0 : 1 0x0g/0xff",
            24,
            "expected a protocol and its mask, like `0x06/0xFF`, found `0x0g`",
        ),
        ("@::/0 ::/0 0 : 1 0 : 1 0x100/0xff", 24, "protocols and their masks are at most 255"),
        ("@::/0 ::/0 0 : 1 0 : 1 6", 25, "expected `/` and a mask, found the end of the line"),
        (
            &format!("{good} 0x0000/0x0000 more"),
            66,
            "expected the end of the line after six columns, found `more`",
        ),
        (&format!("{good} 0x0001/0x0001"), 52, "the low byte is no TCP flags"),
        (
            "@::/0 ::/0 0 : 1 0 : 1 1/255 0x0000/0x0f00",
            30,
            "ICMP types and codes are asked for whole: 0xff00, 0xffff",
        ),
        (
            "@::/0 ::/0 0 : 1 0 : 1 0/0 0x0000/0x0100",
            28,
            "only the headers of TCP (6) and ICMP (1) have bits that rules can ask for",
        ),
    ];
    for (text, column, message) in cases {
        let error = parse(&format!("{good}\n\n{text}"), HeaderBits::Match).unwrap_err();
        assert_place(&error, (3, column, message, text));
    }
}

#[test]
fn errors_of_traces_name_line_and_column() {
    let cases = [
        ("1 2 3 4", 8, "expected a protocol, 0 to 255, found the end of the line"),
        ("1 2 3 4 256", 9, "expected a protocol, 0 to 255, found `256`"),
        ("1 2 3 -4 6", 7, "expected a port, 0 to 65535, found `-4`"),
        ("1 2 70000 4 6", 5, "expected a port, 0 to 65535, found `70000`"),
        (
            "4294967296 2 3 4 6",
            1,
            "expected an address: a 32-bit number, or as usual, found `4294967296`",
        ),
        ("1 ::2 3 4 6", 1, "addresses of different families"),
    ];
    for (text, column, message) in cases {
        let error = parse_trace(&format!("1 2 3 4 5\n{text}\nx")).unwrap_err();
        assert_place(&error, (2, column, message, text));
    }
}

#[track_caller]
fn assert_place(error: &ImportError, expected: (usize, usize, &str, &str)) {
    let found = (error.line(), error.column(), error.message(), error.source_line());
    assert_eq!(found, expected);
    let (line, column, message, text) = expected;
    let shown = format!("line {line}, column {column}: {message}\n  {text}\n  ");
    assert!(error.to_string().starts_with(&shown), "{error}");
}

/// The benches' own reader of the same files, on whichever of them are there.
#[test]
fn files_are_read_as_the_benchmarks_read_them() {
    let shipped = include_str!("../../../examples/data/classify.rules");
    assert_eq!(parse(shipped, HeaderBits::Match).unwrap().len(), shipped.lines().count());
    let text = "@10.1.2.3/8\t192.0.2.1/32\t0 : 65535\t80 : 443\t0x06/0xFF\t0x0000/0x0200\t\n\
                @0.0.0.0/0\t192.0.2.3/31\t1 : 1\t0 : 65535\t0x00/0x00\t0x0000/0x0000\t\n";
    let own = crate::rulesets::generator::rule_set(&classbench::parse(text));
    let rules = parse(text, HeaderBits::FiveTuple).unwrap();
    for (own, rule) in own.chains()[0].rules().iter().zip(rules.chains()[0].rules()) {
        assert_eq!(own.criteria, rule.criteria);
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[@0-9a-fx:./ \t\n-]{0,80}|\\PC{0,40}") {
        for bits in [HeaderBits::Match, HeaderBits::FiveTuple] {
            if let Err(error) = parse(&text, bits) {
                prop_assert_eq!(text.lines().nth(error.line() - 1), Some(error.source_line()));
                prop_assert!(error.column() <= error.source_line().chars().count() + 1);
            }
        }
        _ = parse_trace(&text);
    }
}
