//! Assertions for the tests of a firewall.

/// Asserts that a rule set accepts every packet of a scope, with a failure that says which ones it
/// does not and explains one of them.
///
/// The first argument is a reference to a [`RuleSet`](crate::RuleSet), or an
/// [`Analysis`](crate::analysis::Analysis) of it. The second is criteria as text (`"tcp from
/// 10.0.0.0/8 to any port 22"`), [`Criteria`](crate::Criteria), or a [`Packet`](crate::Packet): all
/// that turns into a [`Scope`](crate::analysis::Scope). What follows is a message as for `assert!`.
///
/// # Panics
///
/// When a packet is not accepted, the text or the rules cannot be read, or no packet is in the scope.
///
/// # Examples
///
/// ```
/// use portcullis::{RuleSet, assert_accepted, assert_decided_by, assert_denied};
///
/// let rules: RuleSet = "
///     drop   tcp from 10.0.0.13 to any port 22
///     accept tcp from 10.0.0.0/8 to any port 22, 443
/// ".parse().unwrap();
/// assert_accepted!(&rules, "tcp from 10.1.0.0/16 to any port 443");
/// assert_denied!(&rules, "tcp from not 10.0.0.0/8", "from outside, {}", "whatever the port");
/// assert_denied!(&rules, "udp");
/// assert_decided_by!(&rules, "tcp from 192.0.2.1", None);
/// ```
///
/// ```should_panic
/// # let rules: portcullis::RuleSet = "
/// #     drop   tcp from 10.0.0.13 to any port 22
/// #     accept tcp from 10.0.0.0/8 to any port 22, 443
/// # ".parse().unwrap();
/// // not true that every packet of `tcp from 10.0.0.0/24 to any port 22` is accepted
/// //   rule 1, drop tcp from 10.0.0.13 to any port 22
/// //     decides tcp from 10.0.0.13 to any port 22
/// // such as
/// //   tcp 10.0.0.13:40000 > 198.51.100.1:22
/// //     rule 1, drop tcp from 10.0.0.13 to any port 22
/// //       yes: decides
/// //   decision: drop, by rule 1
/// portcullis::assert_accepted!(&rules, "tcp from 10.0.0.0/24 to any port 22");
/// ```
#[macro_export]
macro_rules! assert_accepted {
    ($rules:expr, $packets:expr $(,)?) => {
        if let ::core::result::Result::Err(refuted) =
            $crate::analysis::Analysis::from($rules).all_accepted($packets)
        {
            ::core::panic!("{}", refuted)
        }
    };
    ($rules:expr, $packets:expr, $($message:tt)+) => {
        if let ::core::result::Result::Err(refuted) =
            $crate::analysis::Analysis::from($rules).all_accepted($packets)
        {
            ::core::panic!("{}: {}", ::core::format_args!($($message)+), refuted)
        }
    };
}

/// Asserts that a rule set accepts no packet of a scope: see
/// [`assert_accepted!`](crate::assert_accepted).
///
/// # Panics
///
/// When a packet is accepted, the text or the rules cannot be read, or no packet is in the scope.
#[macro_export]
macro_rules! assert_denied {
    ($rules:expr, $packets:expr $(,)?) => {
        if let ::core::result::Result::Err(refuted) =
            $crate::analysis::Analysis::from($rules).all_denied($packets)
        {
            ::core::panic!("{}", refuted)
        }
    };
    ($rules:expr, $packets:expr, $($message:tt)+) => {
        if let ::core::result::Result::Err(refuted) =
            $crate::analysis::Analysis::from($rules).all_denied($packets)
        {
            ::core::panic!("{}: {}", ::core::format_args!($($message)+), refuted)
        }
    };
}

/// Asserts that every packet of a scope gets an action, given by reference: see
/// [`assert_accepted!`](crate::assert_accepted).
///
/// # Panics
///
/// When a packet gets another one, the text or the rules cannot be read, or no packet is in the
/// scope.
///
/// # Examples
///
/// ```
/// use portcullis::{Action, Reject, RuleSet, assert_action};
///
/// let rules: RuleSet = "reject with tcp-reset tcp to any port 113".parse().unwrap();
/// assert_action!(&rules, "tcp to any port 113", &Action::Reject(Reject::TcpReset));
/// ```
#[macro_export]
macro_rules! assert_action {
    ($rules:expr, $packets:expr, $action:expr $(,)?) => {
        if let ::core::result::Result::Err(refuted) =
            $crate::analysis::Analysis::from($rules).all_get($packets, $action)
        {
            ::core::panic!("{}", refuted)
        }
    };
    ($rules:expr, $packets:expr, $action:expr, $($message:tt)+) => {
        if let ::core::result::Result::Err(refuted) =
            $crate::analysis::Analysis::from($rules).all_get($packets, $action)
        {
            ::core::panic!("{}: {}", ::core::format_args!($($message)+), refuted)
        }
    };
}

/// Asserts that a rule, or the default (`None`), decides every packet of a scope: see
/// [`assert_accepted!`](crate::assert_accepted).
///
/// # Panics
///
/// When another rule decides one, the text or the rules cannot be read, or no packet is in the scope.
///
/// # Examples
///
/// ```
/// use portcullis::{ChainId, RuleId, RuleSet, assert_decided_by};
///
/// let rules: RuleSet = "accept udp to any port 53".parse().unwrap();
/// let dns = RuleId::new(ChainId::BASE, 0);
/// assert_decided_by!(&rules, "udp from 10.0.0.0/8 to any port 53", dns);
/// ```
#[macro_export]
macro_rules! assert_decided_by {
    ($rules:expr, $packets:expr, $rule:expr $(,)?) => {
        if let ::core::result::Result::Err(refuted) =
            $crate::analysis::Analysis::from($rules).all_decided_by($packets, $rule)
        {
            ::core::panic!("{}", refuted)
        }
    };
    ($rules:expr, $packets:expr, $rule:expr, $($message:tt)+) => {
        if let ::core::result::Result::Err(refuted) =
            $crate::analysis::Analysis::from($rules).all_decided_by($packets, $rule)
        {
            ::core::panic!("{}: {}", ::core::format_args!($($message)+), refuted)
        }
    };
}

/// Asserts that two rule sets decide every packet alike; the failure says which packets they do not,
/// and by which rules: see [`assert_accepted!`](crate::assert_accepted).
///
/// # Panics
///
/// When a packet is decided differently, or rules cannot be analysed.
///
/// # Examples
///
/// ```
/// use portcullis::{RuleSet, assert_equivalent};
///
/// let two: RuleSet = "accept to 10.0.0.0/9\naccept to 10.128.0.0/9".parse().unwrap();
/// let one: RuleSet = "accept to 10.0.0.0/8".parse().unwrap();
/// assert_equivalent!(&two, &one);
/// ```
#[macro_export]
macro_rules! assert_equivalent {
    ($rules:expr, $other:expr $(,)?) => {
        if let ::core::result::Result::Err(refuted) =
            $crate::analysis::Analysis::from($rules).all_alike($other)
        {
            ::core::panic!("{}", refuted)
        }
    };
    ($rules:expr, $other:expr, $($message:tt)+) => {
        if let ::core::result::Result::Err(refuted) =
            $crate::analysis::Analysis::from($rules).all_alike($other)
        {
            ::core::panic!("{}: {}", ::core::format_args!($($message)+), refuted)
        }
    };
}
