//! The smallest firewall: rules built by code, packets built by hand, judged with connections.

use portcullis::packet::TcpFlags;
use portcullis::{
    Action, Config, ConnState, ConnTable, Limits, Packet, Rule, RuleSet, StatefulMatcher, Time,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let office: ipnet::IpNet = "10.0.0.0/8".parse()?;
    let mut rules = RuleSet::new(Action::Drop);
    rules.push(Rule::accept().state([ConnState::Established, ConnState::Related]));
    rules.push(Rule::accept().tcp().from(office).to_ports([80, 443]).state(ConnState::New));
    let table = ConnTable::with_random_secret(&Limits::new(10_000));
    let mut firewall = StatefulMatcher::compile(&rules, table, &Config::new())?;

    let (client, server) = ("10.0.0.1:40000".parse()?, "192.0.2.1:443".parse()?);
    let reply = Packet::tcp(server, client, TcpFlags::SYN | TcpFlags::ACK)?;
    let request = Packet::tcp(client, server, TcpFlags::SYN)?;
    for (milliseconds, packet) in [(0, reply), (10, request), (20, reply)] {
        let decision = firewall.classify(&packet, Time::from_millis(milliseconds));
        let state = decision.tracked.map_or(ConnState::Untracked, |tracked| tracked.state);
        let rule = decision.rule.map_or("default".to_string(), |rule| rule.to_string());
        println!("{packet}  {state:11}  {:6}  by {rule}", decision.action);
    }
    Ok(())
}
