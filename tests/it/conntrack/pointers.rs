//! Trackers behind pointers do what the trackers themselves do.

use std::cell::RefCell;
use std::rc::Rc;

use portcullis::Packet;
use portcullis::conntrack::{Conntrack, Lookup, Time};
use portcullis::packet::Refused;

use super::{at, udp};

/// Notes which of its methods were called.
#[derive(Default)]
struct Witness(Vec<&'static str>);

impl Conntrack for Witness {
    fn look_up(&mut self, _: &Packet, _: Time) -> Lookup {
        self.0.push("look_up");
        Lookup::tentative()
    }

    fn look_up_batch(&mut self, _: &[Packet], _: Time, _: &mut [Lookup]) -> usize {
        self.0.push("look_up_batch");
        7
    }

    fn confirm(&mut self, _: &Packet, _: Time) -> Result<(), Refused> {
        self.0.push("confirm");
        Err(Refused::TableFull)
    }

    fn read_payload(&mut self, _: &Packet, _: &[u8], _: Time) -> Result<(), Refused> {
        self.0.push("read_payload");
        Err(Refused::TableFull)
    }

    fn reset(&mut self, _: &Packet, _: Time) {
        self.0.push("reset");
    }
}

const ALL: [&str; 5] = ["look_up", "look_up_batch", "confirm", "read_payload", "reset"];

fn call_all(mut tracker: impl Conntrack) {
    let packet = udp("10.0.0.1:5000", "192.0.2.53:53");
    assert_eq!(tracker.look_up(&packet, at(0)), Lookup::tentative());
    assert_eq!(tracker.look_up_batch(&[packet], at(0), &mut [Lookup::invalid()]), 7);
    assert_eq!(tracker.confirm(&packet, at(0)), Err(Refused::TableFull));
    assert_eq!(tracker.read_payload(&packet, b"PORT", at(0)), Err(Refused::TableFull));
    tracker.reset(&packet, at(0));
}

#[test]
fn every_call_reaches_the_tracker() {
    let mut witness = Witness::default();
    call_all(&mut witness);
    assert_eq!(witness.0, ALL, "by reference");

    let mut witness = Box::new(Witness::default());
    let boxed: Box<dyn Conntrack + '_> = Box::new(&mut *witness);
    call_all(boxed);
    assert_eq!(witness.0, ALL, "in a box");

    let witness = Rc::new(RefCell::new(Witness::default()));
    call_all(Rc::clone(&witness));
    assert_eq!(witness.borrow().0, ALL, "shared");
}

#[test]
fn a_shared_tracker_in_use_tracks_nothing() {
    let witness = Rc::new(RefCell::new(Witness::default()));
    let mut shared = Rc::clone(&witness);
    let in_use = witness.borrow_mut();
    let packet = udp("10.0.0.1:5000", "192.0.2.53:53");
    assert_eq!(shared.look_up(&packet, at(0)), Lookup::invalid());
    assert_eq!(shared.confirm(&packet, at(0)), Err(Refused::TableFull));
    shared.reset(&packet, at(0));
    assert_eq!(in_use.0, [""; 0]);
}
