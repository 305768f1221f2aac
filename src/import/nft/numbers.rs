use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::statement::Limit;
use crate::import::json::Fault;
use crate::import::rate::Rate;

/// The most rates of all rules: packets have as many predicates.
const MOST_RATES: usize = 64;

/// The rates that rules ask about; the place of each is its number.
#[derive(Default)]
pub(super) struct RateNumbers<'l> {
    pub(super) rates: Vec<Rate>,
    /// Which limit of which rule each of them is, or the limit's name and table.
    known: BTreeMap<RateName<'l>, u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RateName<'l> {
    Named(&'l str, &'l str, &'l str),
    /// The rule, and the place in it.
    Own(usize, usize),
}

impl<'l> RateNumbers<'l> {
    pub(super) fn number(&mut self, name: RateName<'l>, limit: &Limit) -> Result<u8, Fault> {
        let Limit { interval, burst, by, .. } = limit;
        let rate = Rate { interval: *interval, burst: *burst, by: by.clone() };
        if let Some(number) = self.known.get(&name) {
            let known = self.rates.get(usize::from(*number));
            return match known == Some(&rate) {
                true => Ok(*number),
                false => Err(Fault::unsupported("another rate for elements of the same set")),
            };
        }
        if self.rates.len() >= MOST_RATES {
            return Err(Fault::unsupported("a 65th rate"));
        }
        let number = self.rates.len() as u8;
        self.rates.push(rate);
        self.known.insert(name, number);
        Ok(number)
    }
}
