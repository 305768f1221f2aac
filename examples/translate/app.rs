//! Arguments, and what is done with them.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap::Parser;
use portcullis::export::{self, Host};
use portcullis::import::classbench::{self, HeaderBits};

use super::formats::{Format, Known, Source};

/// Rules of one system in the form of another.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// The form of the file.
    #[arg(requires = "to")]
    from: Option<Format>,
    /// The form to print.
    #[arg(requires = "file")]
    to: Option<Format>,
    /// The rules.
    file: Option<PathBuf>,
    #[command(flatten)]
    known: Known,
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
    let read = Translated::read(Format::Iptables, IPTABLES, args)?;
    let mut text = String::from("# Of iptables:\n\n");
    text += IPTABLES;
    for (name, to) in
        [("text", Format::Text), ("iptables again", Format::Iptables), ("nft", Format::Nft)]
    {
        text += &format!("\n# As {name}:\n\n{}", read.written(to, args)?);
    }
    Ok(Output { text, notes: Vec::new() })
}

struct Translated(Source);

impl Translated {
    fn read(from: Format, text: &str, args: &Args) -> Result<Self, Box<dyn Error>> {
        let matched = |text: &str| classbench::parse(text, HeaderBits::Match);
        Ok(Self(from.read(text, &args.known, matched)?))
    }

    fn output(&self, to: Format, args: &Args) -> Result<Output, Box<dyn Error>> {
        let mut text = self.written(to, args)?;
        let mut notes = Vec::new();
        if to == Format::Text && !args.raw && self.0.raw.is_some() {
            notes.push("note: other rules are asked before packets are tracked: see --raw".into());
        }
        notes.extend(self.0.left_out.iter().map(|error| format!("left out: {error}")));
        // JSON has no remarks.
        if !self.0.left_out.is_empty() && to != Format::Nft {
            text.insert_str(0, &format!("# partial: {} left out\n", self.0.left_out.len()));
        }
        Ok(Output { text, notes })
    }

    /// The rules in another form.
    fn written(&self, to: Format, args: &Args) -> Result<String, Box<dyn Error>> {
        let hook = args.known.hook.hook();
        let host = Host::new().rules(hook, &self.0.rules).drop_unreadable(args.drop_unreadable);
        let host = self.0.raw.iter().fold(host, |host, raw| host.before_tracking(hook, raw));
        match to {
            Format::Text => self.text(args.raw),
            Format::Iptables | Format::Ip6tables => {
                let saved = export::iptables::to_text(&host)?;
                match &args.write_sets {
                    Some(path) => fs::write(path, &saved.sets)?,
                    None if saved.sets.is_empty() => {}
                    None => return Err("the rules name sets: say where with --write-sets".into()),
                }
                Ok(if to == Format::Iptables { saved.v4 } else { saved.v6 })
            }
            Format::Nft => Ok(export::nft::to_json(&host)?),
            Format::AwsSg => Err("a security group has no order of rules and none that deny; \
                              keep the rules in `text`"
                .into()),
            Format::AwsNacl => {
                Err("a network ACL has no chains, states or interfaces, and 20 rules unless \
                                AWS is asked for more; keep the rules in `text`"
                    .into())
            }
            Format::Classbench => {
                Err("a ClassBench file has no actions; keep the rules in `text`".into())
            }
        }
    }

    fn text(&self, raw: bool) -> Result<String, Box<dyn Error>> {
        match (&self.0.raw, raw) {
            (Some(rules), true) => Ok(rules.to_string()),
            (None, true) => Err("no rules are asked before packets are tracked".into()),
            (_, false) => Ok(self.0.rules.to_string()),
        }
    }
}
