//! A line for each frame.

use std::io::{self, Write};

use portcullis::packet::{Fragment, IcmpMessage, TcpFlags, Transport};
use portcullis::{Action, Addrs, Direction, Packet, RuleSet, Tracked};

use super::capture::Frame;
use super::judge::{Column, Judged};
use super::paint::Paint;
use super::policy::Decider;

/// Writes the lines, in columns that hold whatever was written so far.
pub(crate) struct Rows<'r> {
    rules: &'r RuleSet,
    paint: Paint,
    /// When the first frame was captured, in nanoseconds.
    start: Option<u64>,
    flow_width: usize,
    cell_widths: [usize; 3],
}

impl<'r> Rows<'r> {
    pub(crate) fn new(rules: &'r RuleSet, paint: Paint) -> Self {
        let cell_widths = Column::ALL.map(|column| column.title().len());
        Self { rules, paint, start: None, flow_width: 38, cell_widths }
    }

    pub(crate) fn write_header(&self, out: &mut impl Write) -> io::Result<()> {
        let flow = self.flow_width;
        let titles = Column::ALL.map(Column::title).join("  ");
        let line = format!(
            "{:>5} {:>10}  {:flow$}  {:12} {:13}  {titles}",
            "frame", "seconds", "packet", "flags, type", "state"
        );
        writeln!(out, "{}", self.paint.bold(line.trim_end()))
    }

    /// A packet and what the matchers say of it.
    pub(crate) fn write_packet(
        &mut self,
        out: &mut impl Write,
        frame: &Frame<'_>,
        packet: &Packet,
        judged: &Judged,
    ) -> io::Result<()> {
        let flow = packet.to_string();
        self.flow_width = self.flow_width.max(flow.len());
        let cells = Column::ALL.map(|column| self.cell(column, judged)).join("  ");
        let (time, width) = (self.seconds(frame.nanos), self.flow_width);
        let (what, state) = (what(packet), state(judged.tracked));
        let line =
            format!("{:>5} {time:>10}  {flow:width$}  {what:12} {state:13}  {cells}", frame.number);
        match judged.differs() {
            true => writeln!(out, "{line} ≠"),
            false => writeln!(out, "{}", line.trim_end()),
        }
    }

    /// A frame that no matcher was asked about.
    pub(crate) fn write_other(
        &mut self,
        out: &mut impl Write,
        frame: &Frame<'_>,
        text: &str,
    ) -> io::Result<()> {
        let line = format!("{:>5} {:>10}  {text}", frame.number, self.seconds(frame.nanos));
        writeln!(out, "{}", self.paint.dim(&line))
    }

    /// `accept 3`: what is done, and by which rule.
    fn cell(&mut self, column: Column, judged: &Judged) -> String {
        let verdict = judged.by(column);
        let text = format!("{} {}", action(verdict.action), short(self.rules, verdict.by));
        let width = &mut self.cell_widths[column as usize];
        *width = text.len().max(*width);
        let padding = " ".repeat(*width - text.len());
        self.paint.action(verdict.action, &text) + &padding
    }

    /// Seconds since the first frame. Frames from before it are at a negative time.
    fn seconds(&mut self, nanos: u64) -> String {
        let start = i128::from(*self.start.get_or_insert(nanos));
        let micros = (i128::from(nanos) - start) / 1_000;
        let sign = if micros < 0 { "-" } else { "" };
        let micros = micros.unsigned_abs();
        format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
    }
}

/// The action in one word.
pub(crate) fn action(action: Action) -> &'static str {
    match action {
        Action::Accept => "accept",
        Action::Drop => "drop",
        _ => "reject",
    }
}

/// What decided, in a few characters.
pub(crate) fn short(rules: &RuleSet, by: Decider) -> String {
    match by {
        Decider::Rule(id) if id.chain.index() == 0 => (id.index + 1).to_string(),
        Decider::Rule(id) => {
            let name = rules.chain(id.chain).map_or("", |chain| chain.name());
            format!("{name}:{}", id.index + 1)
        }
        Decider::Added => "+".into(),
        Decider::Default => "*".into(),
        Decider::Connection => "=".into(),
    }
}

/// What kind of packet it is, in a few characters: TCP flags, ICMP type, fragment.
pub(crate) fn what(packet: &Packet) -> String {
    if packet.malformed.is_some() {
        return "malformed".into();
    }
    match (packet.fragment, &packet.transport) {
        (Fragment::First, _) => "first frag".into(),
        (Fragment::Later, _) => "later frag".into(),
        (_, Transport::Tcp(segment)) => flags(segment.flags),
        (_, Transport::Icmp(message)) => icmp(packet.addrs, message),
        _ => String::new(),
    }
}

fn flags(flags: TcpFlags) -> String {
    match flags {
        TcpFlags(0) => "no flags".into(),
        _ => flags.to_string().to_uppercase().replace(',', " "),
    }
}

fn icmp(addrs: Addrs, message: &IcmpMessage) -> String {
    let is_ipv4 = matches!(addrs, Addrs::V4 { .. });
    let name = match (is_ipv4, message.icmp_type, message.code) {
        (true, 0, _) | (false, 129, _) => "echo reply",
        (true, 8, _) | (false, 128, _) => "echo request",
        (true, 3, 0) | (false, 1, 0) => "net unreach",
        (true, 3, 1) | (false, 1, 3) => "host unreach",
        (true, 3, 2) => "prot unreach",
        (true, 3, 3) | (false, 1, 4) => "port unreach",
        (true, 3, 4) | (false, 2, _) => "too big",
        (true, 3, 9 | 10 | 13) | (false, 1, 1) => "prohibited",
        (true, 11, _) | (false, 3, _) => "ttl exceeded",
        (false, 133, _) => "router sol",
        (false, 134, _) => "router adv",
        (false, 135, _) => "neighb sol",
        (false, 136, _) => "neighb adv",
        (_, icmp_type, code) => return format!("type {icmp_type}/{code}"),
    };
    name.into()
}

/// `established ←`: the state, and whether the packet goes the way of the first one or back.
fn state(tracked: Option<Tracked>) -> String {
    let Some(tracked) = tracked else { return "-".into() };
    let arrow = match tracked.direction {
        Some(Direction::Original) => " →",
        Some(Direction::Reply) => " ←",
        None => "",
    };
    format!("{}{arrow}", tracked.state)
}
