//! The formats that rules are read in.

use std::path::PathBuf;
use std::{fmt, fs};

use clap::{Args, ValueEnum};
use ipnet::IpNet;
use portcullis::import::aws::{Addresses, NetworkAcls, SecurityGroups};
use portcullis::import::classbench::{self, HeaderBits};
use portcullis::import::iptables::{Hook, Iptables};
use portcullis::import::nft::Nftables;
use portcullis::{Action, RuleSet};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
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
    AwsSg,
    /// What `aws ec2 describe-network-acls` prints: the first ACL.
    AwsNacl,
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

/// What is known besides a file.
#[derive(Debug, Args)]
pub(crate) struct Known {
    /// Which packets, of those that a host or a network interface has rules for.
    #[arg(long, value_enum, default_value_t = Way::Forward)]
    way: Way,
    /// Leave out what is not supported, and say so: the answers are then about the rest.
    #[arg(long)]
    lenient: bool,
    /// Of iptables: an address of the host, with its network's prefix length.
    #[arg(long, value_name = "ADDRESS/LENGTH")]
    local: Vec<IpNet>,
    /// Of iptables: sets, as `ipset save` writes them.
    #[arg(long, value_name = "FILE")]
    sets: Option<PathBuf>,
    /// Of iptables and nft: addresses are translated elsewhere.
    #[arg(long)]
    translated: bool,
    /// Of AWS: an address of a group's members or of a prefix list.
    #[arg(long, value_parser = member, value_name = "ID=ADDRESS/LENGTH")]
    member: Vec<(String, IpNet)>,
}

/// The rules of a file.
pub(crate) struct Source {
    pub(crate) rules: RuleSet,
    /// What a lenient reader has left out.
    pub(crate) left_out: Vec<String>,
}

impl Source {
    fn whole(rules: RuleSet) -> Self {
        Self { rules, left_out: Vec::new() }
    }
}

impl Format {
    pub(crate) fn read(self, text: &str, known: &Known) -> Result<Source, String> {
        match self {
            Self::Text => text.parse().map(Source::whole).map_err(said),
            Self::Iptables | Self::Ip6tables => self.iptables(text, known),
            Self::Nft => nft(text, known),
            Self::AwsSg => groups(text, known).map(Source::whole),
            Self::AwsNacl => {
                let acls = NetworkAcls::from_json(text).map_err(said)?.acls;
                let acl = acls.first().ok_or("no network ACL in it")?;
                Ok(Source::whole(acl.rules()))
            }
            Self::Classbench => {
                let action =
                    |at: usize| if at.is_multiple_of(3) { Action::Drop } else { Action::Accept };
                classbench::parse_with(text, HeaderBits::FiveTuple, Action::Drop, action)
                    .map(Source::whole)
                    .map_err(said)
            }
        }
    }

    fn iptables(self, text: &str, known: &Known) -> Result<Source, String> {
        let mut tables = Iptables::new().lenient(known.lenient);
        if known.translated {
            tables = tables.translated();
        }
        if !known.local.is_empty() {
            tables = tables.local(known.local.iter().copied());
        }
        if let Some(sets) = &known.sets {
            let in_sets = |error: String| format!("{}: {error}", sets.display());
            let text = fs::read_to_string(sets).map_err(|error| in_sets(said(error)))?;
            tables = tables.ipset_save(&text).map_err(|error| in_sets(said(error)))?;
        }
        let read = if self == Self::Iptables { tables.v4(text) } else { tables.v6(text) };
        let tables = read.map_err(said)?;
        let left_out = tables.left_out().iter().map(said).collect();
        Ok(Source { rules: tables.hook(known.way.hook()).rules, left_out })
    }
}

fn nft(text: &str, known: &Known) -> Result<Source, String> {
    let tables = Nftables::new().lenient(known.lenient);
    let tables = if known.translated { tables.translated() } else { tables };
    let tables = tables.read(text).map_err(said)?;
    let left_out = tables.left_out().iter().map(said).collect();
    Ok(Source { rules: tables.hook(known.way.hook()).rules, left_out })
}

fn groups(text: &str, known: &Known) -> Result<RuleSet, String> {
    let groups = SecurityGroups::from_json(text).map_err(said)?;
    let ids = groups.groups.iter().map(|group| &*group.id);
    let addresses = known.member.iter().fold(Addresses::new(), |known, (id, address)| {
        match id.starts_with("pl-") {
            true => known.prefix_list(id, [*address]),
            false => known.group(id, [*address]),
        }
    });
    let attached = groups.attach(ids, &addresses).map_err(said)?;
    Ok(attached.rules().clone())
}

fn said(error: impl fmt::Display) -> String {
    error.to_string()
}

fn member(text: &str) -> Result<(String, IpNet), String> {
    let (id, address) = text.split_once('=').ok_or("expected `ID=ADDRESS/LENGTH`")?;
    let address = address.parse().map_err(|error| format!("{error}: `{address}`"))?;
    Ok((id.to_string(), address))
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
