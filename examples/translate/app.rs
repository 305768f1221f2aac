//! Arguments, and what is done with them.

use std::error::Error;
use std::path::PathBuf;
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
#[derive(Debug, Parser)]
pub(crate) struct Args {
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
    /// Of iptables and nft: an address of the host, with its network's prefix length.
    #[arg(long)]
    local: Vec<IpNet>,
    /// Of AWS: the groups on the interface or the ACL, if not all of the file.
    #[arg(long)]
    id: Vec<String>,
    /// Of AWS: an address of a group's members or of a prefix list, as `sg-1=10.0.0.0/24`.
    #[arg(long, value_parser = member)]
    member: Vec<(String, IpNet)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum From {
    Iptables,
    Ip6tables,
    Nft,
    AwsSg,
    AwsNacl,
    Classbench,
    Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum To {
    Text,
    Iptables,
    Ip6tables,
    Nft,
    AwsSg,
    AwsNacl,
    Classbench,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Way {
    Input,
    Forward,
    Output,
}

/// What is printed, and what is said of it besides.
pub(crate) struct Output {
    pub(crate) text: String,
    pub(crate) notes: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<Output, String> {
    match (args.from, args.to, &args.file) {
        (Some(from), Some(to), Some(file)) => {
            let text = fs::read_to_string(file).map_err(Into::into);
            let read = text.and_then(|text| Translated::read(from, &text, args));
            let output = read.and_then(|read| read.output(to, args));
            output.map_err(|error| format!("{}: {error}", file.display()))
        }
        _ => shown(args).map_err(|error| error.to_string()),
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
fn shown(args: &Args) -> Result<Output, Box<dyn Error>> {
    let read = Translated::read(From::Iptables, IPTABLES, args)?;
    let mut text = String::from("# Of iptables:\n\n");
    text += IPTABLES;
    for (name, to) in [("text", To::Text), ("iptables again", To::Iptables), ("nft", To::Nft)] {
        text += &format!("\n# As {name}:\n\n{}", read.written(to, args)?);
    }
    Ok(Output { text, notes: Vec::new() })
}

struct Translated {
    rules: RuleSet,
    /// The rules asked before packets are tracked.
    raw: Option<RuleSet>,
    left_out: Vec<String>,
}

impl Translated {
    fn output(&self, to: To, args: &Args) -> Result<Output, Box<dyn Error>> {
        let mut text = self.written(to, args)?;
        let mut notes = Vec::new();
        if to == To::Text && !args.raw && self.raw.is_some() {
            notes.push("note: other rules are asked before packets are tracked: see --raw".into());
        }
        notes.extend(self.left_out.iter().map(|error| format!("left out: {error}")));
        // JSON has no remarks.
        if !self.left_out.is_empty() && to != To::Nft {
            text.insert_str(0, &format!("# partial: {} left out\n", self.left_out.len()));
        }
        Ok(Output { text, notes })
    }

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
            (_, false) => Ok(self.rules.to_string()),
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
        let tables = match args.local.is_empty() {
            true => tables,
            false => tables.local(args.local.iter().copied()),
        };
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
