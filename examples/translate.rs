//! Rules of another system as rules in text.
//!
//! `cargo run --release --all-features --example translate -- FROM TO FILE` reads a file of the form
//! `FROM` (`iptables`, `ip6tables`, `nft`, `aws-sg`, `aws-nacl`, `classbench` or `text`) and prints it in
//! the form `TO` (`text`), or the error with its place. What a `--lenient` run leaves out is listed on
//! standard error. Without arguments it shows what it does with a small rule set.

use std::error::Error;
use std::io::{ErrorKind, Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::{fmt, fs};

use clap::{Parser, ValueEnum};
use ipnet::IpNet;
use portcullis::RuleSet;
use portcullis::import::aws::{Addresses, NetworkAcls, SecurityGroups};
use portcullis::import::classbench::{self, HeaderBits};
use portcullis::import::iptables::{Hook, Iptables};
use portcullis::import::nft::Nftables;

/// Rules of another system as rules in text.
#[derive(Parser)]
struct Args {
    /// The form of the file.
    #[arg(requires = "to")]
    from: Option<From>,
    /// The form to print.
    #[arg(requires = "file")]
    to: Option<To>,
    /// The rules.
    file: Option<PathBuf>,
    /// Leave out what is not supported, and list it.
    #[arg(long)]
    lenient: bool,
    /// Of iptables and nft: the way of the packets.
    #[arg(long, value_enum, default_value_t = Way::Forward)]
    hook: Way,
    /// Of iptables and nft: the rules asked before packets are tracked.
    #[arg(long)]
    raw: bool,
    /// Of iptables and nft: addresses are translated elsewhere.
    #[arg(long)]
    translated: bool,
    /// Of iptables: sets, as `ipset save` writes them.
    #[arg(long)]
    sets: Option<PathBuf>,
    /// Of iptables: an address of the host, with its network's prefix length.
    #[arg(long)]
    local: Vec<IpNet>,
    /// Of AWS: the groups on the interface or the ACL, if not all of the file.
    #[arg(long)]
    id: Vec<String>,
    /// Of AWS: an address of a group's members or of a prefix list, as `sg-1=10.0.0.0/24`.
    #[arg(long, value_parser = member)]
    member: Vec<(String, IpNet)>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum From {
    Iptables,
    Ip6tables,
    Nft,
    AwsSg,
    AwsNacl,
    Classbench,
    Text,
}

#[derive(Clone, Copy, ValueEnum)]
enum To {
    Text,
}

#[derive(Clone, Copy, ValueEnum)]
enum Way {
    Input,
    Forward,
    Output,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let result = match (args.from, args.to, &args.file) {
        (Some(from), Some(To::Text), Some(file)) => {
            let text = fs::read_to_string(file);
            let read =
                text.map_err(Into::into).and_then(|text| Translated::read(from, &text, &args));
            read.map_err(|error| format!("{}: {error}", file.display()))
        }
        _ => shown(&args).map_err(|error| error.to_string()),
    };
    match result {
        Ok(translated) => {
            translated.left_out.iter().for_each(|error| eprintln!("left out: {error}"));
            printed(&translated)
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whoever reads may stop before the end.
fn printed(translated: &Translated) -> ExitCode {
    let partial = match translated.left_out.len() {
        0 => String::new(),
        count => format!("# partial: {count} left out\n"),
    };
    match write!(stdout(), "{partial}{}", translated.rules) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

const IPTABLES: &str = "\
*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i lan0 -p tcp -m multiport --dports 80,443 -m comment --comment web -j ACCEPT
COMMIT
";

/// A small example.
fn shown(args: &Args) -> Result<Translated, Box<dyn Error>> {
    println!("# Of iptables:\n#");
    IPTABLES.lines().for_each(|line| println!("#   {line}"));
    println!("#\n# As text:\n");
    Translated::read(From::Iptables, IPTABLES, args)
}

struct Translated {
    rules: RuleSet,
    left_out: Vec<String>,
}

impl Translated {
    fn read(from: From, text: &str, args: &Args) -> Result<Self, Box<dyn Error>> {
        let all = |rules| Ok(Self { rules, left_out: Vec::new() });
        match from {
            From::Iptables | From::Ip6tables => Self::iptables(from, text, args),
            From::Nft => Self::nft(text, args),
            From::AwsSg => all(security_groups(text, args)?),
            From::AwsNacl => all(network_acl(text, args)?),
            From::Classbench => all(classbench::parse(text, HeaderBits::Match)?),
            From::Text => all(text.parse()?),
        }
    }

    fn iptables(from: From, text: &str, args: &Args) -> Result<Self, Box<dyn Error>> {
        let mut tables = Iptables::new().lenient(args.lenient);
        if args.translated {
            tables = tables.translated();
        }
        if !args.local.is_empty() {
            tables = tables.local(args.local.iter().copied());
        }
        if let Some(sets) = &args.sets {
            tables = tables.ipset_save(&fs::read_to_string(sets)?)?;
        }
        let tables = if from == From::Iptables { tables.v4(text)? } else { tables.v6(text)? };
        let hook = tables.hook(args.hook.hook());
        let rules = one_of(hook.raw, hook.rules, args.raw)?;
        Ok(Self { rules, left_out: strings(tables.left_out()) })
    }

    fn nft(text: &str, args: &Args) -> Result<Self, Box<dyn Error>> {
        let tables = Nftables::new().lenient(args.lenient);
        let tables = if args.translated { tables.translated() } else { tables };
        let tables = tables.read(text)?;
        let hook = tables.hook(args.hook.hook());
        let rules = one_of(hook.raw, hook.rules, args.raw)?;
        Ok(Self { rules, left_out: strings(tables.left_out()) })
    }
}

/// The rules before tracking, or those after it.
fn one_of(
    raw: Option<RuleSet>,
    rules: RuleSet,
    wants_raw: bool,
) -> Result<RuleSet, Box<dyn Error>> {
    match (raw, wants_raw) {
        (Some(raw), true) => Ok(raw),
        (None, true) => Err("no rules are asked before packets are tracked".into()),
        (raw, false) => {
            if raw.is_some() {
                eprintln!("note: other rules are asked before packets are tracked: see --raw");
            }
            Ok(rules)
        }
    }
}

fn security_groups(text: &str, args: &Args) -> Result<RuleSet, Box<dyn Error>> {
    let groups = SecurityGroups::from_json(text)?;
    let ids: Vec<&str> = match args.id.is_empty() {
        true => groups.groups.iter().map(|group| &*group.id).collect(),
        false => args.id.iter().map(String::as_str).collect(),
    };
    let addresses = args.member.iter().fold(Addresses::new(), |known, (id, address)| {
        match id.starts_with("pl-") {
            true => known.prefix_list(id, [*address]),
            false => known.group(id, [*address]),
        }
    });
    Ok(groups.attach(ids, &addresses)?.rules().clone())
}

fn network_acl(text: &str, args: &Args) -> Result<RuleSet, Box<dyn Error>> {
    let acls = NetworkAcls::from_json(text)?;
    let acl = match (&args.id[..], &acls.acls[..]) {
        ([], [acl]) => Some(acl),
        ([id], _) => acls.acl(id),
        _ => return Err("the file has several network ACLs: say which with --id".into()),
    };
    Ok(acl.ok_or("there is no network ACL of this id")?.rules())
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

fn strings<E: fmt::Display>(errors: impl IntoIterator<Item = E>) -> Vec<String> {
    errors.into_iter().map(|error| error.to_string()).collect()
}

fn member(text: &str) -> Result<(String, IpNet), String> {
    let (id, address) = text.split_once('=').ok_or("expected `ID=ADDRESS/LENGTH`")?;
    let address = address.parse().map_err(|error| format!("{error}: `{address}`"))?;
    Ok((id.to_string(), address))
}
