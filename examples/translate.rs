//! Rules of one system in the form of another.
//!
//! `cargo run --release --all-features --example translate -- FROM TO FILE` reads a file of the form
//! `FROM` (`iptables`, `ip6tables`, `nft`, `aws-sg`, `aws-nacl`, `classbench` or `text`) and prints it in
//! the form `TO` (`text`, `iptables`, `ip6tables` or `nft`), or the error with its place. What a `--lenient` run
//! leaves out is listed on standard error. Without arguments it shows what it does with a small rule set.

use std::error::Error;
use std::io::{ErrorKind, Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::{fmt, fs};

use clap::{Parser, ValueEnum};
use ipnet::IpNet;
use portcullis::RuleSet;
use portcullis::export::{self, Host};
use portcullis::import::aws::{Addresses, NetworkAcls, SecurityGroups};
use portcullis::import::classbench::{self, HeaderBits};
use portcullis::import::iptables::{Hook, Iptables};
use portcullis::import::nft::Nftables;

/// Rules of one system in the form of another.
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
    /// Of iptables and nft, to text: the rules asked before packets are tracked.
    #[arg(long)]
    raw: bool,
    /// To iptables: drop packets whose headers are cut short where a rule looks at them, whatever the rules
    /// say of them.
    #[arg(long)]
    drop_unreadable: bool,
    /// To iptables: where to put the sets, as `ipset save` writes them.
    #[arg(long)]
    write_sets: Option<PathBuf>,
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

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum To {
    Text,
    Iptables,
    Ip6tables,
    Nft,
    AwsSg,
    AwsNacl,
    Classbench,
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
        (Some(from), Some(to), Some(file)) => {
            let text = fs::read_to_string(file);
            let read =
                text.map_err(Into::into).and_then(|text| Translated::read(from, &text, &args));
            let read = read.and_then(|read| Ok((read.written(to, &args)?, read.left_out)));
            read.map_err(|error| format!("{}: {error}", file.display()))
        }
        _ => shown(&args).map_err(|error| error.to_string()),
    };
    match result {
        Ok((text, left_out)) => {
            left_out.iter().for_each(|error| eprintln!("left out: {error}"));
            printed(&text, left_out.len())
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whoever reads may stop before the end.
fn printed(text: &str, left_out: usize) -> ExitCode {
    let partial = match left_out {
        // JSON has no remarks.
        count if count > 0 && !text.starts_with('{') => format!("# partial: {count} left out\n"),
        _ => String::new(),
    };
    match write!(stdout(), "{partial}{text}") {
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
fn shown(args: &Args) -> Result<(String, Vec<String>), Box<dyn Error>> {
    let read = Translated::read(From::Iptables, IPTABLES, args)?;
    let mut text = String::from("# Of iptables:\n\n");
    text += IPTABLES;
    for (name, to) in [("text", To::Text), ("iptables again", To::Iptables), ("nft", To::Nft)] {
        text += &format!("\n# As {name}:\n\n{}", read.written(to, args)?);
    }
    Ok((text, read.left_out))
}

struct Translated {
    rules: RuleSet,
    /// The rules asked before packets are tracked.
    raw: Option<RuleSet>,
    left_out: Vec<String>,
}

impl Translated {
    /// The rules in another form.
    fn written(&self, to: To, args: &Args) -> Result<String, Box<dyn Error>> {
        let hook = args.hook.hook();
        let host = Host::new().rules(hook, &self.rules).drop_unreadable(args.drop_unreadable);
        let host = self.raw.iter().fold(host, |host, raw| host.before_tracking(hook, raw));
        match to {
            To::Text => self.text(args.raw),
            To::Iptables | To::Ip6tables => {
                let saved = export::iptables::to_text(&host)?;
                match &args.write_sets {
                    Some(path) => fs::write(path, &saved.sets)?,
                    None if saved.sets.is_empty() => {}
                    None => return Err("the rules name sets: say where with --write-sets".into()),
                }
                Ok(if to == To::Iptables { saved.v4 } else { saved.v6 })
            }
            To::Nft => Ok(export::nft::to_json(&host)?),
            To::AwsSg => Err("a security group has no order of rules and none that deny; \
                              keep the rules in `text`"
                .into()),
            To::AwsNacl => {
                Err("a network ACL has no chains, states or interfaces, and 20 rules unless \
                                AWS is asked for more; keep the rules in `text`"
                    .into())
            }
            To::Classbench => {
                Err("a ClassBench file has no actions; keep the rules in `text`".into())
            }
        }
    }

    fn text(&self, raw: bool) -> Result<String, Box<dyn Error>> {
        match (&self.raw, raw) {
            (Some(rules), true) => Ok(rules.to_string()),
            (None, true) => Err("no rules are asked before packets are tracked".into()),
            (before, false) => {
                if before.is_some() {
                    eprintln!("note: other rules are asked before packets are tracked: see --raw");
                }
                Ok(self.rules.to_string())
            }
        }
    }
}

impl Translated {
    fn read(from: From, text: &str, args: &Args) -> Result<Self, Box<dyn Error>> {
        let all = |rules| Ok(Self { rules, raw: None, left_out: Vec::new() });
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
        Ok(Self { rules: hook.rules, raw: hook.raw, left_out: strings(tables.left_out()) })
    }

    fn nft(text: &str, args: &Args) -> Result<Self, Box<dyn Error>> {
        let tables = Nftables::new().lenient(args.lenient);
        let tables = if args.translated { tables.translated() } else { tables };
        let tables = tables.read(text)?;
        let hook = tables.hook(args.hook.hook());
        Ok(Self { rules: hook.rules, raw: hook.raw, left_out: strings(tables.left_out()) })
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
