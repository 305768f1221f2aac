//! The formats that rules are read in, for the examples that take files of any of them.

use std::path::PathBuf;
use std::{fmt, fs};

use clap::{Args, ValueEnum};
use ipnet::IpNet;
use portcullis::import::aws::{Addresses, NetworkAcls, SecurityGroups};
use portcullis::import::iptables::{Hook, Iptables};
use portcullis::import::nft::Nftables;
use portcullis::{ImportError, RuleSet};

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
    /// What `aws ec2 describe-security-groups` prints.
    AwsSg,
    /// What `aws ec2 describe-network-acls` prints.
    AwsNacl,
    /// A ClassBench filter file.
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
    /// Of iptables and nft: the way of the packets.
    #[arg(long, alias = "way", value_enum, default_value_t = Way::Forward)]
    pub(crate) hook: Way,
    /// Leave out what is not supported, and list it.
    #[arg(long)]
    pub(crate) lenient: bool,
    /// Of iptables and nft: addresses are translated elsewhere.
    #[arg(long)]
    pub(crate) translated: bool,
    /// Of iptables: sets, as `ipset save` writes them.
    #[arg(long, value_name = "FILE")]
    pub(crate) sets: Option<PathBuf>,
    /// Of iptables and nft: an address of the host, with its network's prefix length.
    #[arg(long, value_name = "ADDRESS/LENGTH")]
    pub(crate) local: Vec<IpNet>,
    /// Of AWS: the groups on the interface or the ACL, if not all of the file.
    #[arg(long)]
    pub(crate) id: Vec<String>,
    /// Of AWS: an address of a group's members or of a prefix list.
    #[arg(long, value_parser = member, value_name = "ID=ADDRESS/LENGTH")]
    pub(crate) member: Vec<(String, IpNet)>,
}

/// The rules of a file.
pub(crate) struct Source {
    pub(crate) rules: RuleSet,
    /// The rules asked before packets are tracked.
    pub(crate) raw: Option<RuleSet>,
    /// What a lenient reader has left out.
    pub(crate) left_out: Vec<String>,
}

impl Source {
    fn whole(rules: RuleSet) -> Self {
        Self { rules, raw: None, left_out: Vec::new() }
    }
}

impl Format {
    /// Reads a file. What a ClassBench file's rules do, which it does not say, `classbench` knows.
    pub(crate) fn read(
        self,
        text: &str,
        known: &Known,
        classbench: impl Fn(&str) -> Result<RuleSet, ImportError>,
    ) -> Result<Source, String> {
        match self {
            Self::Text => text.parse().map(Source::whole).map_err(said),
            Self::Iptables | Self::Ip6tables => self.iptables(text, known),
            Self::Nft => nft(text, known),
            Self::AwsSg => security_groups(text, known).map(Source::whole),
            Self::AwsNacl => network_acl(text, known).map(Source::whole),
            Self::Classbench => classbench(text).map(Source::whole).map_err(said),
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
        let hook = tables.hook(known.hook.hook());
        Ok(Source { rules: hook.rules, raw: hook.raw, left_out })
    }
}

fn nft(text: &str, known: &Known) -> Result<Source, String> {
    let mut tables = Nftables::new().lenient(known.lenient);
    if known.translated {
        tables = tables.translated();
    }
    if !known.local.is_empty() {
        tables = tables.local(known.local.iter().copied());
    }
    let tables = tables.read(text).map_err(said)?;
    let left_out = tables.left_out().iter().map(said).collect();
    let hook = tables.hook(known.hook.hook());
    Ok(Source { rules: hook.rules, raw: hook.raw, left_out })
}

fn security_groups(text: &str, known: &Known) -> Result<RuleSet, String> {
    let groups = SecurityGroups::from_json(text).map_err(said)?;
    let ids: Vec<&str> = match known.id.is_empty() {
        true => groups.groups.iter().map(|group| &*group.id).collect(),
        false => known.id.iter().map(String::as_str).collect(),
    };
    let addresses = known.member.iter().fold(Addresses::new(), |known, (id, address)| {
        match id.starts_with("pl-") {
            true => known.prefix_list(id, [*address]),
            false => known.group(id, [*address]),
        }
    });
    Ok(groups.attach(ids, &addresses).map_err(said)?.rules().clone())
}

fn network_acl(text: &str, known: &Known) -> Result<RuleSet, String> {
    let acls = NetworkAcls::from_json(text).map_err(said)?;
    let acl = match (&known.id[..], &acls.acls[..]) {
        ([], [acl]) => Some(acl),
        ([id], _) => acls.acl(id),
        _ => return Err("the file has several network ACLs: say which with --id".into()),
    };
    Ok(acl.ok_or("there is no network ACL of this id")?.rules())
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
    pub(crate) const fn hook(self) -> Hook {
        match self {
            Self::Input => Hook::Input,
            Self::Forward => Hook::Forward,
            Self::Output => Hook::Output,
        }
    }
}
