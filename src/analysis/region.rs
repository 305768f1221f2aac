use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::GaveUp;
use super::space::{Axis, Budget, Cube, Piece, Set, Shared, number};
use super::walk::{Walker, has_packets};
use super::words::{MAX_SHOWN, Words};
use crate::packet::{Packet, Tracked};

/// Packets that have an answer in common: what a rule could ask for and, if that takes fewer words,
/// what is excepted from it.
///
/// Prints in the words of rules: `tcp from not 10.0.0.0/8 to any port 22`. Of long lists only the
/// first alternatives are printed, and how many there are besides. A wildcard for interfaces stands
/// for those that the rules have no other name for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Region {
    cube: Cube,
    except: Vec<Shared<Cube>>,
    /// The names of interfaces, by number.
    names: Shared<Vec<String>>,
}

/// The most cubes that a piece with holes is taken apart into.
const MAX_CUBES: usize = 12;

impl Region {
    /// Whether a packet, whose place in its connection is `tracked`, is in it.
    ///
    /// The packet's interfaces are numbered by the rule set that was asked about; in an answer about
    /// two, by the first, which may not know names of the second.
    pub fn contains(&self, packet: &Packet, tracked: Option<Tracked>) -> bool {
        let is_in = |cube: &Cube| {
            let number = |axis| number(packet, tracked, axis);
            cube.parts().iter().all(|(axis, set)| set.contains(number(*axis)))
        };
        is_in(&self.cube) && !self.except.iter().any(|cube| is_in(cube))
    }

    /// What is excepted, each part as text; none that is within another one.
    pub fn exceptions(&self) -> impl Iterator<Item = String> {
        let common = self.cube.parts();
        let names = &self.names;
        widest(self.except.iter().filter_map(|cube| self.cube.intersect(cube)).collect())
            .into_iter()
            .map(move |cube| Words { cube: &without(cube, common), names }.to_string())
    }

    /// The packets of a piece, which may overlap others of the same answer.
    pub(super) fn of<A>(
        piece: &Piece,
        walker: &Walker<'_, A>,
        budget: &mut Budget,
    ) -> Result<Vec<Self>, GaveUp> {
        let holes = piece.holes.iter().filter(|hole| hole.why.rule().is_some());
        let mut except: Vec<(f64, &Shared<Cube>)> =
            holes.map(|hole| (hole.cube.share(), &hole.cube)).collect();
        budget.spend(except.len())?;
        except.sort_by(|a, b| b.0.total_cmp(&a.0));
        let Some(cubes) = taken_apart(&piece.cube, except.iter().map(|hole| &**hole.1)) else {
            let except = except.into_iter().map(|hole| Shared::clone(hole.1)).collect();
            return Ok(Vec::from([Self::new(&piece.cube, except, walker)]));
        };
        let mut regions = Vec::new();
        for cube in cubes {
            let all = Piece { cube: Cube::any(), holes: walker.holes.clone() };
            if all.clip(&cube).map_or(Ok(false), |piece| has_packets(&piece, budget))? {
                regions.push(Self::new(&cube, Vec::new(), walker));
            }
        }
        Self::merge(&mut regions);
        Ok(regions)
    }

    /// Joins regions that together are one.
    pub(super) fn merge(regions: &mut Vec<Self>) {
        let mut at = 0;
        while at < regions.len() && regions.len() < 1000 {
            let joined = (at + 1..regions.len())
                .find_map(|other| Some((other, regions[at].join(&regions[other])?)));
            match joined {
                Some((other, both)) => {
                    regions.swap_remove(other);
                    regions[at] = both;
                    at = 0;
                }
                None => at += 1,
            }
        }
        regions.sort();
    }

    fn join(&self, other: &Self) -> Option<Self> {
        if self == other {
            return Some(self.clone());
        }
        if !self.except.is_empty() || !other.except.is_empty() {
            return None;
        }
        let cube = self.cube.join(&other.cube)?;
        Some(Self { cube, except: Vec::new(), names: Shared::clone(&self.names) })
    }

    /// What all packets that are asked about have in common goes without saying.
    fn new<A>(cube: &Cube, except: Vec<Shared<Cube>>, walker: &Walker<'_, A>) -> Self {
        let cube = without(cube.clone(), walker.region.parts());
        Self { cube, except, names: Shared::clone(&walker.names) }
    }
}

/// A cube without those of its parts that are among `common`.
fn without(cube: Cube, common: &[(Axis, Set)]) -> Cube {
    let same = |cube: &Cube, (axis, set): &(Axis, Set)| cube.part(*axis) == Some(set);
    common.iter().fold(cube, |cube, part| match same(&cube, part) {
        true => cube.without(part.0),
        false => cube,
    })
}

/// Those cubes that are in no other.
fn widest(mut cubes: Vec<Cube>) -> Vec<Cube> {
    cubes.sort_by(|a, b| b.share().total_cmp(&a.share()));
    let mut kept: Vec<Cube> = Vec::new();
    for cube in cubes {
        if !kept.iter().any(|wider| cube.is_subset(wider)) {
            kept.push(cube);
        }
    }
    kept
}

/// A cube without others as a few cubes, if that is possible.
fn taken_apart<'c>(cube: &Cube, without: impl Iterator<Item = &'c Cube>) -> Option<Vec<Cube>> {
    let mut cubes = Vec::from([cube.clone()]);
    for hole in without {
        cubes = cubes.iter().flat_map(|cube| cube.minus(hole)).collect();
        if cubes.len() > MAX_CUBES {
            return None;
        }
    }
    Some(cubes)
}

/// Prints it in the words of rules, then `, except` and what is excepted.
impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Words { cube: &self.cube, names: &self.names }.fmt(f)?;
        let mut before = ", except ";
        for (shown, exception) in self.exceptions().enumerate() {
            if shown == MAX_SHOWN {
                return write!(f, " and {} more", self.exceptions().count() - shown);
            }
            write!(f, "{before}({exception})")?;
            before = ", ";
        }
        Ok(())
    }
}
