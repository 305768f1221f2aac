//! What the capture shows of the difference between the matchers, counted and put into words.

use std::collections::HashMap;
use std::io::{self, Write};

use portcullis::packet::{Fragment, TcpFlags};
use portcullis::{ConnState, Direction, FlowKey, Packet};

use super::judge::{Column, Judged};
use super::paint::Paint;
use super::policy::Decider;
use super::rows::what;
use super::words::{count, paragraph};

/// How many requests are remembered until the first reply is met.
const REQUESTS: usize = 4_096;

#[derive(Default)]
pub(crate) struct Story {
    /// Packets that go back to the end that opened an accepted connection.
    replies: u64,
    /// Those that the stateful rules let through.
    kept: u64,
    /// Those that the stateful rules let through and the stateless ones do not.
    lost: Few,
    /// Those of the lost ones that the added rule lets through.
    regained: u64,
    /// Those that it does not, and how many of these have no ports.
    still_lost: Few,
    without_ports: u64,
    /// Other packets, that the added rule lets through and the stateful rules do not.
    intruders: Few,
    /// Those of them that open a connection.
    openers: Few,
    /// Later fragments that none of the three lets through.
    fragments: Few,
    /// Requests that all three accepted, until the first lost reply.
    requests: HashMap<FlowKey, u64>,
}

/// How many packets, and the first of them.
#[derive(Default)]
struct Few {
    count: u64,
    first: Option<Example>,
}

struct Example {
    frame: u64,
    packet: String,
    /// The frame of the request that it answers.
    request: Option<u64>,
}

impl Story {
    pub(crate) fn note(&mut self, frame: u64, packet: &Packet, judged: &Judged) {
        let direction = judged.tracked.and_then(|tracked| tracked.direction);
        let accepted = Column::ALL.map(|column| judged.by(column).accepts());
        match direction {
            Some(Direction::Reply) => self.note_reply(frame, packet, accepted),
            _ => self.note_other(frame, packet, judged),
        }
        if packet.fragment == Fragment::Later && accepted == [false; 3] {
            self.fragments.add(frame, packet, None);
        }
        let is_request = direction == Some(Direction::Original) && accepted == [true; 3];
        if is_request && self.lost.count == 0 && self.requests.len() < REQUESTS {
            self.requests.insert(packet.flow_key(), frame);
        }
    }

    fn note_reply(&mut self, frame: u64, packet: &Packet, [alone, helped, stateful]: [bool; 3]) {
        self.replies += 1;
        self.kept += u64::from(stateful);
        if stateful && !alone {
            self.note_lost(frame, packet, helped);
        }
    }

    fn note_other(&mut self, frame: u64, packet: &Packet, judged: &Judged) {
        let helped = judged.by(Column::Ephemeral);
        let helped = helped.by == Decider::Added && helped.accepts();
        if !helped || judged.by(Column::Stateful).accepts() {
            return;
        }
        self.intruders.add(frame, packet, None);
        if opens(packet, judged) {
            self.openers.add(frame, packet, None);
        }
    }

    fn note_lost(&mut self, frame: u64, packet: &Packet, regained: bool) {
        let request = self.requests.get(&packet.flow_key().reversed()).copied();
        self.lost.add(frame, packet, request);
        if regained {
            self.regained += 1;
        } else {
            self.still_lost.add(frame, packet, None);
            self.without_ports += u64::from(packet.ports.is_none());
        }
    }

    /// Writes it; `added` is the text of the rule that lets replies in.
    pub(crate) fn write(&self, out: &mut impl Write, added: &str, paint: Paint) -> io::Result<()> {
        writeln!(out, "{}", paint.bold("What this capture shows"))?;
        paragraph(out, paint, "replies", &self.replies())?;
        if self.lost.count > 0 {
            paragraph(out, paint, "usual fix", &self.usual_fix(added))?;
        }
        paragraph(out, paint, "its price", &self.price(added))?;
        if self.fragments.count > 0 {
            paragraph(out, paint, "fragments", &self.fragments())?;
        }
        Ok(())
    }

    fn replies(&self) -> String {
        if self.replies == 0 {
            return "No packet here answers a request that the rules allow.".into();
        }
        let replies = count(self.replies, "packet answers", "packets answer");
        let kept = share(self.kept, self.replies);
        let Some(first) = &self.lost.first else {
            let kept = match self.kept {
                0 => {
                    "let none of them through: they lack a rule such as `accept state established, related`"
                }
                _ => &format!("let {kept} through, and so do the stateless ones"),
            };
            return format!("{replies} requests that the rules allow. The stateful rules {kept}.");
        };
        let answered = first.request.map_or(String::new(), |request| {
            format!(", the answer to frame {request}, which all three accept")
        });
        format!(
            "{replies} requests that the rules allow. The stateless rules stop {}, because no rule is about \
             the way back; the stateful ones remember the requests and let {kept} through. The first is frame {} \
             ({}){answered}.",
            share(self.lost.count, self.replies),
            first.frame,
            first.packet
        )
    }

    fn usual_fix(&self, added: &str) -> String {
        let regained = share(self.regained, self.lost.count);
        let mut text =
            format!("The rule that is usually added, `{added}`, lets {regained} through.");
        if let Some(first) = &self.still_lost.first {
            let others = match self.still_lost.count {
                1 if self.without_ports == 1 => "The other one has".into(),
                others if others == self.without_ports => format!("The other {others} have"),
                others => format!("Of the other {others}, {} have", self.without_ports),
            };
            text += &format!(
                " {others} no ports that it could ask for. The first is frame {} ({}).",
                first.frame, first.packet
            );
        }
        text
    }

    fn price(&self, added: &str) -> String {
        if self.intruders.count == 0 {
            return format!("None here. `{added}` lets nothing in that the stateful rules stop.");
        }
        let packets = count(self.intruders.count, "packet", "packets");
        let rule = if self.lost.count > 0 { "That rule" } else { &format!("The rule `{added}`") };
        let mut text = format!(
            "{rule} also lets {packets} through that no allowed request led to. The stateful rules stop all of them."
        );
        if let Some(first) = self.openers.first.as_ref() {
            text += &format!(
                " Frame {} ({}) opens a connection that the rules do not allow.",
                first.frame, first.packet
            );
        } else if let Some(first) = &self.intruders.first {
            text += &format!(" The first is frame {} ({}).", first.frame, first.packet);
        }
        text
    }

    fn fragments(&self) -> String {
        format!(
            "{} no ports, and none are guessed, so no rule about ports and no connection fits. Put \
             datagrams together before asking, as Linux does.",
            count(self.fragments.count, "later fragment has", "later fragments have")
        )
    }
}

/// Whether a packet is the first of a connection: for TCP a SYN, not just any segment that the
/// tracker could pick a connection up from.
fn opens(packet: &Packet, judged: &Judged) -> bool {
    let is_new = judged.tracked.is_some_and(|tracked| tracked.state == ConnState::New);
    is_new && packet.tcp_segment().is_none_or(|segment| segment.flags.contains(TcpFlags::SYN))
}

/// `all 5`, `none of 5`, `3 of 5`.
fn share(part: u64, whole: u64) -> String {
    match part {
        0 => format!("none of {whole}"),
        _ if part == whole && whole > 1 => format!("all {whole}"),
        _ => format!("{part} of {whole}"),
    }
}

impl Few {
    fn add(&mut self, frame: u64, packet: &Packet, request: Option<u64>) {
        self.count += 1;
        if self.first.is_none() {
            let packet = format!("{packet} {}", what(packet)).trim_end().into();
            self.first = Some(Example { frame, packet, request });
        }
    }
}
