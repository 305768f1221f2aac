//! The formats that rules are read in.

use clap::ValueEnum;
use portcullis::import::aws::{Addresses, NetworkAcls, SecurityGroups};
use portcullis::import::classbench::{self, HeaderBits};
use portcullis::import::iptables::{Hook, Iptables};
use portcullis::import::nft::Nftables;
use portcullis::{Action, RuleSet};

/// What a file is.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    /// The text form of this crate.
    Text,
    /// What iptables-save writes.
    Iptables,
    /// What ip6tables-save writes.
    Ip6tables,
    /// What `nft -j list ruleset` prints.
    Nft,
    /// What `aws ec2 describe-security-groups` prints: all groups together.
    AwsGroups,
    /// What `aws ec2 describe-network-acls` prints: the first ACL.
    AwsAcl,
    /// A ClassBench filter file, whose rules accept and drop in turns of three.
    Classbench,
}

/// Which packets a host has rules for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Way {
    /// To it.
    Input,
    /// Through it.
    Forward,
    /// From it.
    Output,
}

impl Format {
    pub(crate) fn read(self, text: &str, way: Way) -> Result<RuleSet, String> {
        match self {
            Self::Text => text.parse().map_err(said),
            Self::Iptables => Iptables::new().v4(text).map(|read| hook(&read, way)).map_err(said),
            Self::Ip6tables => Iptables::new().v6(text).map(|read| hook(&read, way)).map_err(said),
            Self::Nft => {
                let tables = Nftables::new().read(text).map_err(said)?;
                Ok(tables.hook(way.hook()).rules)
            }
            Self::AwsGroups => groups(text),
            Self::AwsAcl => {
                let acls = NetworkAcls::from_json(text).map_err(said)?.acls;
                acls.first().map(|acl| acl.rules()).ok_or_else(|| "no network ACL in it".into())
            }
            Self::Classbench => {
                let action =
                    |at: usize| if at.is_multiple_of(3) { Action::Drop } else { Action::Accept };
                classbench::parse_with(text, HeaderBits::FiveTuple, Action::Drop, action)
                    .map_err(said)
            }
        }
    }
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Way {
    const fn hook(self) -> Hook {
        match self {
            Self::Input => Hook::Input,
            Self::Forward => Hook::Forward,
            Self::Output => Hook::Output,
        }
    }
}

fn hook(tables: &Iptables, way: Way) -> RuleSet {
    tables.hook(way.hook()).rules
}

fn groups(text: &str) -> Result<RuleSet, String> {
    let groups = SecurityGroups::from_json(text).map_err(said)?;
    let ids = groups.groups.iter().map(|group| &*group.id);
    let attached = groups.attach(ids, &Addresses::new()).map_err(said)?;
    Ok(attached.rules().clone())
}
