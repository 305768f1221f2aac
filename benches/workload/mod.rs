//! The rule sets that are measured.

use portcullis::packet::Family;
use portcullis::{Config, FlowKey, Packet, RuleSet, StatelessMatcher};

use super::classbench;
use super::generator::{Pattern, Shape, headers, patterns, rule_set};

const SEED: u64 = 2007;
/// How many headers each rule set is asked about.
pub(crate) const HEADERS: usize = 20_000;

/// A rule set that is made when a benchmark needs it.
pub(crate) struct Source {
    pub(crate) name: String,
    make: Box<dyn Fn() -> Vec<Pattern>>,
}

/// A rule set and headers to look up in it.
pub(crate) struct Workload {
    pub(crate) rules: RuleSet,
    pub(crate) keys: Vec<FlowKey>,
}

/// Generated ones of 1,000 and 10,000 rules, for IPv6 also 100,000, and every ClassBench file there is.
pub(crate) fn sources() -> Vec<Source> {
    let shapes = [
        (Shape::ACL, Family::V4),
        (Shape::FW, Family::V4),
        (Shape::IPC, Family::V4),
        (Shape::ACL, Family::V6),
        (Shape::FW, Family::V6),
        (Shape::IPC, Family::V6),
    ];
    const SIZES: [(&str, usize); 3] = [("1k", 1000), ("10k", 10_000), ("100k", 100_000)];
    let generated = shapes.into_iter().flat_map(|(shape, family)| {
        // Files have IPv4 rule sets of that size.
        let sizes = SIZES.iter().filter(move |(_, count)| family == Family::V6 || *count < 100_000);
        sizes.map(move |(size, count)| Source {
            name: format!("{}-{family}-{size}", shape.name),
            make: Box::new(move || patterns(&shape, family, *count, SEED)),
        })
    });
    let files = classbench::files().into_iter().map(|path| Source {
        name: classbench::name(&path).unwrap_or_default().to_owned(),
        make: Box::new(move || classbench::read(&path)),
    });
    generated.chain(files).collect()
}

impl Source {
    /// Makes the rule set alone.
    #[allow(dead_code, reason = "not every benchmark looks nothing up")]
    pub(crate) fn rules(&self) -> RuleSet {
        rule_set(&(self.make)())
    }

    /// Makes the rule set, and makes sure that what will be measured answers correctly.
    pub(crate) fn workload(&self) -> Workload {
        let patterns = (self.make)();
        let keys = headers(&patterns, HEADERS, SEED);
        let workload = Workload { rules: rule_set(&patterns), keys };
        workload.check();
        workload
    }
}

impl Workload {
    pub(crate) fn compile(&self) -> StatelessMatcher<'static> {
        StatelessMatcher::compile(&self.rules, &Config::new()).expect("a rule set without jumps")
    }

    fn check(&self) {
        let matcher = self.compile();
        for key in self.keys.iter().step_by(HEADERS / 100) {
            let packet = Packet::from(*key);
            assert_eq!(matcher.classify(&packet), self.rules.first_match(&packet, None), "{key}");
        }
    }
}
