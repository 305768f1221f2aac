//! The same traffic against a security group and two network ACLs, side by side: what the group
//! remembers, what the ACL has to be told, and what telling it costs.

use std::error::Error;

use portcullis::import::aws::{
    self, Addresses, NetworkAclMatcher, NetworkAcls, SecurityGroupMatcher, SecurityGroups,
};
use portcullis::packet::{IcmpMessage, Quote, TcpFlags};
use portcullis::{Action, Config, ConnTable, Decision, Packet, Protocol, RuleSet, Time};

const GROUPS: &str = include_str!("data/cloud/security-groups.json");
const ACLS: &str = include_str!("data/cloud/network-acls.json");

const STORY: &str = "
Why they differ
  A security group is stateful. It remembers the request in line 1, so the answer in line 2 passes
  although no outbound rule is about it; so do the error in line 6 and the answer in line 5.
  A network ACL judges each packet alone. Line 2 goes from port 443 to whatever port the client
  chose, 51515, and the first ACL has no rule for that: the request gets in, its answer does not
  get out, and the client waits. That is the classic mistake.
  The usual fix is an allow rule for the ephemeral ports in both directions, as the second ACL has
  it (140). Its price is line 7: anybody may now reach ports 32768 and up, request or not. And it
  is a guess: the client in line 9 uses port 1025, which some systems and NAT gateways do.";

fn main() -> Result<(), Box<dyn Error>> {
    let mut case = Case::read()?;
    println!("A server, 10.0.0.5, judged by its security group and by two network ACLs.\n");
    println!("The security group:\n{}", indented(&case.group_rules));
    println!(
        "The second network ACL; the first one lacks the entries 140:\n{}",
        indented(&case.acls[1].1)
    );
    let titles = ["packet", "security group", "first ACL", "second ACL"];
    println!("       {:54}{:21}{:13}{}", titles[0], titles[1], titles[2], titles[3]);
    for (number, Shown(inbound, packet, note)) in traffic()?.into_iter().enumerate() {
        let [group, first, second] = case.judge(inbound, &packet, number as u64);
        let (number, way) = (number + 1, if inbound { "in " } else { "out" });
        let shown = format!("{packet}");
        println!("{number:2} {way} {shown:45}{note:9}{group:21}{first:13}{second}");
    }
    println!("{STORY}");
    Ok(())
}

/// A packet, whether it comes to the server, and what it is.
struct Shown(bool, Packet, &'static str);

/// What comes to the server and what it sends, in this order.
fn traffic() -> Result<Vec<Shown>, Box<dyn Error>> {
    let (server, client) = ("10.0.0.5:443".parse()?, "203.0.113.9:51515".parse()?);
    let (own, mirror) = ("10.0.0.5:41000".parse()?, "198.51.100.7:443".parse()?);
    let (scanner, far) = ("192.0.2.66:443".parse()?, "203.0.113.80:1025".parse()?);
    let answer = TcpFlags::SYN | TcpFlags::ACK;
    let update = Packet::tcp(own, mirror, TcpFlags::SYN)?;
    let mut error = IcmpMessage::new(3, 4);
    let mut quote = Quote::new(update.addrs, Protocol::TCP);
    quote.ports = update.ports;
    error.quote = Some(quote);
    let router: std::net::Ipv4Addr = "198.51.100.1".parse()?;
    let to_server: std::net::Ipv4Addr = "10.0.0.5".parse()?;
    Ok(vec![
        Shown(true, Packet::tcp(client, server, TcpFlags::SYN)?, "request"),
        Shown(false, answered(Packet::tcp(server, client, answer)?), "answer"),
        Shown(true, Packet::tcp(scanner, own, answer)?, "unasked"),
        Shown(false, update, "update"),
        Shown(true, answered(Packet::tcp(mirror, own, answer)?), "answer"),
        Shown(true, Packet::icmp((router, to_server), error), "too big"),
        Shown(true, Packet::tcp(scanner, "10.0.0.5:50000".parse()?, TcpFlags::SYN)?, "scan"),
        Shown(true, Packet::tcp(far, server, TcpFlags::SYN)?, "request"),
        Shown(false, answered(Packet::tcp(server, far, answer)?), "answer"),
    ])
}

/// Acknowledges the request, whose number is 0.
fn answered(mut packet: Packet) -> Packet {
    if let portcullis::packet::Transport::Tcp(segment) = &mut packet.transport {
        segment.ack = 1;
    }
    packet
}

struct Case {
    group: SecurityGroupMatcher,
    group_rules: RuleSet,
    acls: Vec<(NetworkAclMatcher, RuleSet)>,
}

impl Case {
    fn read() -> Result<Self, Box<dyn Error>> {
        let groups = SecurityGroups::from_json(GROUPS)?;
        let ids = groups.groups.iter().map(|group| &*group.id);
        let attached = groups.attach(ids, &Addresses::new())?;
        let table = ConnTable::with_random_secret(&aws::limits(1000));
        let described = NetworkAcls::from_json(ACLS)?.acls;
        let compiled = described.iter().map(|acl| Ok((acl.matcher(&Config::new())?, acl.rules())));
        let acls = compiled.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
        let group = attached.matcher(table, &Config::new())?;
        Ok(Self { group, group_rules: attached.rules().clone(), acls })
    }

    fn judge(&mut self, inbound: bool, packet: &Packet, second: u64) -> [String; 3] {
        let now = Time::from_secs(second);
        let decision = match inbound {
            true => self.group.classify_inbound(packet, now),
            false => self.group.classify_outbound(packet, now),
        };
        let state = decision.tracked.map_or("", |tracked| tracked.state.name());
        let group = format!("{:7}{state}", word(&decision));
        let [first, second] = [0, 1].map(|acl| {
            let (matcher, rules) = &self.acls[acl];
            let decision = match inbound {
                true => matcher.classify_inbound(packet),
                false => matcher.classify_outbound(packet),
            };
            format!("{:7}{}", word(&decision), number(&decision, rules))
        });
        [group, first, second]
    }
}

fn word(decision: &Decision<'_>) -> &'static str {
    if *decision.action == Action::Accept { "allow" } else { "DENY" }
}

/// The number of the entry that decided.
fn number(decision: &Decision<'_>, rules: &RuleSet) -> String {
    let rule = decision.rule.and_then(|id| rules.rule(id));
    rule.and_then(|rule| rule.comment.as_deref()).unwrap_or("*").to_string()
}

fn indented(rules: &RuleSet) -> String {
    let text = rules.to_string();
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.map(|line| format!("    {line}\n")).collect()
}
