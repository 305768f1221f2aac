//! `limit` and `hashlimit`, by the caller's clock.

use portcullis::import::iptables::Hook;
use portcullis::{Action, Packet};

use super::{at, forward, syn, tables, tracked, udp, untracked};

/// Which of the packets sent at these milliseconds are accepted.
fn accepted(rule: &str, packets: &[(u64, Packet)]) -> Vec<bool> {
    let tables = tables(&forward(&format!("{rule} -j ACCEPT")));
    let mut firewall = untracked(&tables);
    packets
        .iter()
        .map(|(millis, packet)| firewall.classify(packet, at(*millis)).action == Action::Accept)
        .collect()
}

fn from(last: u8) -> Packet {
    udp(&format!("10.0.0.{last}:5000"), "192.0.2.53:53")
}

fn every(millis: impl IntoIterator<Item = u64>) -> Vec<(u64, Packet)> {
    millis.into_iter().map(|millis| (millis, from(1))).collect()
}

#[test]
fn tokens_come_back_at_the_rate() {
    let found = accepted(
        "-m limit --limit 2/sec --limit-burst 3",
        &every([0, 0, 0, 0, 499, 500, 501, 999, 1000]),
    );
    assert_eq!(found, [true, true, true, false, false, true, false, false, true]);
    // No more than the burst, however long nothing came.
    let found =
        accepted("-m limit --limit 2/sec --limit-burst 2", &every([0, 0, 60_000, 60_000, 60_000]));
    assert_eq!(found, [true, true, true, true, false]);
    // Three an hour, five at first.
    let found = accepted("-m limit", &every([0, 0, 0, 0, 0, 0, 1_199_999, 1_200_000]));
    assert_eq!(found, [true, true, true, true, true, false, false, true]);
    let found = accepted("-m limit --limit 1/min --limit-burst 1", &every([0, 59_999, 60_000]));
    assert_eq!(found, [true, false, true]);
    for unit in ["1/d", "1/day", "1/DAY"] {
        let rule = format!("-m limit --limit {unit} --limit-burst 1");
        assert_eq!(accepted(&rule, &every([0, 86_399_999, 86_400_000])), [true, false, true]);
    }
}

/// A clock that goes back gives no tokens and takes none.
#[test]
fn a_clock_that_goes_back() {
    let found =
        accepted("-m limit --limit 1/sec --limit-burst 1", &every([5000, 0, 4000, 5000, 6000]));
    assert_eq!(found, [true, false, false, false, true]);
}

/// Packets that do not come to the match take no token; those that fail a later one do.
#[test]
fn a_token_is_taken_when_the_match_is_asked() {
    let (name, web) = (from(1), syn("10.0.0.1:1", "192.0.2.1:80"));
    let mixed = [(0, web), (0, web), (0, name), (0, name)];
    let limit = "-m limit --limit 1/min --limit-burst 1";
    assert_eq!(accepted(&format!("-p udp {limit}"), &mixed), [false, false, true, false]);
    let found = accepted(&format!("{limit} -m length --length 1"), &[(0, name)]);
    assert_eq!(found, [false]);
    let mut long = name;
    long.length = 100;
    let then_length = format!("{limit} -m length --length 100");
    assert_eq!(accepted(&then_length, &[(0, name), (0, long)]), [false, false]);
    let length_first = format!("-m length --length 100 {limit}");
    assert_eq!(accepted(&length_first, &[(0, name), (0, long)]), [false, true]);
}

#[test]
fn each_rule_has_a_rate_of_its_own() {
    let limit = "-m limit --limit 1/min --limit-burst 1";
    let text = forward(&format!("{limit} -j ACCEPT\n{limit} -j ACCEPT"));
    let mut firewall = untracked(&tables(&text));
    let found = [0, 0, 0].map(|millis| firewall.classify(&from(1), at(millis)).action);
    assert_eq!(found, [Action::Accept, Action::Accept, Action::Drop]);
}

/// A chain that two rules jump to has one rate.
#[test]
fn a_shared_chain_has_one_rate() {
    let text = "\
*filter
:FORWARD DROP [0:0]
:SLOW - [0:0]
-A FORWARD -p udp -j SLOW
-A FORWARD -p tcp -j SLOW
-A SLOW -m limit --limit 1/min --limit-burst 1 -j ACCEPT
COMMIT
";
    let mut firewall = tracked(&tables(text), Hook::Forward);
    assert_eq!(firewall.classify(&from(1), at(0)).action, Action::Accept);
    let other = syn("10.0.0.1:1", "192.0.2.1:80");
    assert_eq!(firewall.classify(&other, at(0)).action, Action::Drop);
}

#[test]
fn rates_by_address() {
    let rule = "-m hashlimit --hashlimit-upto 1/min --hashlimit-burst 2 --hashlimit-mode srcip --hashlimit-name x";
    let packets =
        [(0, from(1)), (0, from(1)), (0, from(1)), (0, from(2)), (0, from(2)), (0, from(2))];
    assert_eq!(accepted(rule, &packets), [true, true, false, true, true, false]);
    // By network: 10.0.0.0/30 is one, 10.0.0.4 another.
    let by_net = format!("{rule} --hashlimit-srcmask 30");
    let packets = [(0, from(1)), (0, from(2)), (0, from(3)), (0, from(4))];
    assert_eq!(accepted(&by_net, &packets), [true, true, false, true]);
    let above = rule.replace("upto", "above");
    let packets = [(0, from(1)), (0, from(1)), (0, from(1)), (60_000, from(1)), (60_000, from(1))];
    assert_eq!(accepted(&above, &packets), [false, false, true, false, true]);
    let by_port = rule.replace("srcip", "dstip,dstport");
    let other = udp("10.0.0.1:5000", "192.0.2.53:54");
    let packets = [(0, from(1)), (0, from(2)), (0, from(3)), (0, other)];
    assert_eq!(accepted(&by_port, &packets), [true, true, false, true]);
}

/// Who has not been seen for a while starts anew, and no more are kept than the rule allows.
#[test]
fn what_is_kept_is_bounded() {
    let rule = "-m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 1 --hashlimit-mode srcip --hashlimit-name x --hashlimit-htable-expire 1000 --hashlimit-htable-max 2";
    let packets = [
        (0, from(1)),
        (0, from(2)),
        (0, from(3)),
        (900, from(1)),
        (1001, from(3)),
        (2002, from(1)),
    ];
    assert_eq!(accepted(rule, &packets), [true, true, false, false, true, true]);
    let text = forward(&format!("{rule} -j ACCEPT"));
    let mut firewall = untracked(&tables(&text));
    let mut passed = 0;
    for number in 0..100_000u32 {
        let packet = udp(&format!("{}:1", std::net::Ipv4Addr::from_bits(number)), "192.0.2.1:1");
        passed += u32::from(firewall.classify(&packet, at(0)).action == Action::Accept);
    }
    assert_eq!(passed, 2);
}

/// A count is kept for the unit of its rate, and whoever asks anew is kept in mind, token or not.
#[test]
fn how_long_counts_are_kept() {
    let rule =
        |options: &str| format!("-m hashlimit --hashlimit-mode srcip --hashlimit-name x {options}");
    let by_unit = rule("--hashlimit-upto 10/min --hashlimit-burst 3");
    // After a minute all three are back; before, one for each six seconds.
    let found =
        accepted(&by_unit, &every([0, 0, 0, 0, 12_000, 12_000, 12_000, 72_001, 72_001, 72_001]));
    assert_eq!(found, [true, true, true, false, true, true, false, true, true, true]);
    let short = rule("--hashlimit-upto 1/hour --hashlimit-burst 1 --hashlimit-htable-expire 1000");
    let found = accepted(&short, &every([0, 900, 1800, 2700, 3600, 4601]));
    assert_eq!(found, [true, false, false, false, false, true]);
}

#[test]
fn more_rates_than_there_are_numbers() {
    let rule = "-m limit --limit 1/s -j ACCEPT";
    let many = |count| vec![rule; count].join("\n");
    assert!(portcullis::import::iptables::Iptables::new().v4(&forward(&many(64))).is_ok());
    let error = portcullis::import::iptables::Iptables::new().v4(&forward(&many(65))).unwrap_err();
    assert_eq!((error.line(), error.message()), (67, "a rule with a 65th rate is not supported"));
    let tables = tables(&forward(&many(40))).v6(&forward(&many(24))).unwrap();
    assert!(tables.v6(&forward(&many(25))).is_err());
}
