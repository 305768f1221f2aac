use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use ipnet::IpNet;

use super::Traffic;
use super::group::text;
use super::sides::{Interfaces, Sides};
use super::traffic::{read_pair, read_prefix, refuse_pages};
use crate::import::JsonError;
use crate::import::json::{Fault, Fields, Json};
use crate::packet::{Family, Packet};
use crate::rule::{Action, BuildError, Decision, Rule, RuleSet};
use crate::{Config, StatelessMatcher};

/// The highest number that an entry can be given; those of the entries `*` lie above it.
const LAST_NUMBER: u16 = 32_766;

/// Network ACLs, as `aws ec2 describe-network-acls` prints them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkAcls {
    /// In the order of the document.
    pub acls: Vec<NetworkAcl>,
}

/// One network ACL.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkAcl {
    /// Such as `acl-5fb85d36`.
    pub id: Box<str>,
    /// The VPC that it belongs to.
    pub vpc: Option<Box<str>>,
    /// Whether it is its VPC's default.
    pub is_default: bool,
    /// The ids of the subnets that it is associated with.
    pub subnets: Vec<Box<str>>,
    /// In the order of their numbers.
    pub inbound: Vec<NetworkAclEntry>,
    /// In the order of their numbers.
    pub outbound: Vec<NetworkAclEntry>,
}

/// One numbered entry of a network ACL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkAclEntry {
    /// 1 to 32766; the entries `*`, which deny the rest, have higher ones.
    pub number: u16,
    /// Whether it allows or denies.
    pub allow: bool,
    /// What it is about.
    pub traffic: Traffic,
    /// Where that comes from (inbound) or goes to (outbound).
    pub prefix: IpNet,
}

impl NetworkAcls {
    /// Reads the document.
    ///
    /// # Errors
    ///
    /// When it is no such document, when it has a field that is not known, and so may mean
    /// something else, or when it is one page of several.
    pub fn from_json(text: &str) -> Result<Self, JsonError> {
        let document = Json::parse(text)?;
        Ok(read_document(&document)?)
    }

    /// The ACL of this id.
    pub fn acl(&self, id: &str) -> Option<&NetworkAcl> {
        self.acls.iter().find(|acl| *acl.id == *id)
    }

    /// The ACL that is associated with this subnet. A subnet has one.
    pub fn of_subnet(&self, id: &str) -> Option<&NetworkAcl> {
        self.acls.iter().find(|acl| acl.subnets.iter().any(|subnet| **subnet == *id))
    }
}

impl NetworkAcl {
    /// The rules: a chain `inbound` for packets that come into the subnet, by the interface `vpc`,
    /// and a chain `outbound` for those that leave it by that. Each comment has the entry's number.
    pub fn rules(&self) -> RuleSet {
        let Sides { mut rules, inbound, outbound } = Sides::new(Action::Drop);
        for entry in &self.inbound {
            rules.push_to(inbound, entry.rule().from(entry.prefix));
        }
        for entry in &self.outbound {
            rules.push_to(outbound, entry.rule().to(entry.prefix));
        }
        rules
    }

    /// The matcher.
    ///
    /// # Errors
    ///
    /// When a limit of `config` is passed.
    pub fn matcher(&self, config: &Config) -> Result<NetworkAclMatcher, BuildError> {
        let rules = self.rules();
        let matcher = StatelessMatcher::compile(&rules, config)?;
        Ok(NetworkAclMatcher { matcher, interfaces: Interfaces::of(&rules) })
    }
}

impl NetworkAclEntry {
    /// Whether it is one of the entries `*`.
    pub const fn is_last(&self) -> bool {
        self.number > LAST_NUMBER
    }

    fn rule(&self) -> Rule {
        let rule = self.traffic.ask(if self.allow { Rule::accept() } else { Rule::drop() });
        match self.is_last() {
            true => rule.comment("*"),
            false => rule.comment(&format!("{}", self.number)),
        }
    }
}

/// Judges packets at the edge of a subnet by its network ACL, each alone.
#[derive(Clone, Debug)]
pub struct NetworkAclMatcher {
    matcher: StatelessMatcher<'static>,
    interfaces: Interfaces,
}

impl NetworkAclMatcher {
    /// The decision on a packet that comes into the subnet.
    pub fn classify_inbound(&self, packet: &Packet) -> Decision<'_> {
        self.matcher.classify(&self.interfaces.inbound(packet))
    }

    /// The decision on a packet that leaves the subnet.
    pub fn classify_outbound(&self, packet: &Packet) -> Decision<'_> {
        self.matcher.classify(&self.interfaces.outbound(packet))
    }
}

fn read_document(document: &Json) -> Result<NetworkAcls, Fault> {
    let fields = document.object()?;
    fields.only(&["NetworkAcls", "NextToken", "ResponseMetadata"])?;
    refuse_pages(&fields)?;
    let acls = fields.read("NetworkAcls", |json| json.each(read_acl))?;
    Ok(NetworkAcls { acls })
}

fn read_acl(json: &Json) -> Result<NetworkAcl, Fault> {
    let fields = json.object()?;
    let known =
        ["Associations", "Entries", "IsDefault", "NetworkAclId", "OwnerId", "Tags", "VpcId"];
    fields.only(&known)?;
    let [inbound, outbound] = fields.read("Entries", read_entries)?;
    Ok(NetworkAcl {
        id: fields.read("NetworkAclId", text)?,
        vpc: fields.find("VpcId", text)?,
        is_default: fields.find("IsDefault", |json| json.bool())?.unwrap_or_default(),
        subnets: fields
            .find("Associations", |json| json.each(read_association))?
            .unwrap_or_default(),
        inbound,
        outbound,
    })
}

fn read_association(json: &Json) -> Result<Box<str>, Fault> {
    let fields = json.object()?;
    fields.only(&["NetworkAclAssociationId", "NetworkAclId", "SubnetId"])?;
    fields.read("SubnetId", text)
}

/// Inbound and outbound entries, each in the order of their numbers.
fn read_entries(json: &Json) -> Result<[Vec<NetworkAclEntry>; 2], Fault> {
    let (mut inbound, mut outbound) = (Vec::new(), Vec::new());
    for (index, json) in json.list()?.iter().enumerate() {
        let (entry, egress) = read_entry(json).map_err(|fault| fault.at(index))?;
        let entries = if egress { &mut outbound } else { &mut inbound };
        entries.push((entry, index));
    }
    Ok([sorted(inbound)?, sorted(outbound)?])
}

fn sorted(mut entries: Vec<(NetworkAclEntry, usize)>) -> Result<Vec<NetworkAclEntry>, Fault> {
    entries.sort_by_key(|(entry, index)| (entry.number, *index));
    for (before, after) in entries.iter().zip(entries.iter().skip(1)) {
        if before.0.number == after.0.number {
            let message = format!("the number {} comes twice in one direction", after.0.number);
            return Err(Fault::wrong(message).under("RuleNumber").at(after.1));
        }
    }
    Ok(entries.into_iter().map(|(entry, _)| entry).collect())
}

/// An entry, and whether it is outbound.
fn read_entry(json: &Json) -> Result<(NetworkAclEntry, bool), Fault> {
    let fields = json.object()?;
    fields.only(&[
        "CidrBlock",
        "Egress",
        "IcmpTypeCode",
        "Ipv6CidrBlock",
        "PortRange",
        "Protocol",
        "RuleAction",
        "RuleNumber",
    ])?;
    let ports = fields.find("PortRange", |json| read_numbers(json, "From", "To"))?.flatten();
    let icmp = fields.find("IcmpTypeCode", |json| read_numbers(json, "Type", "Code"))?.flatten();
    let traffic = Traffic::new(fields.read("Protocol", |json| json.text())?, ports, icmp)?;
    let entry = NetworkAclEntry {
        number: fields.read("RuleNumber", read_number)?,
        allow: fields.read("RuleAction", read_action)?,
        traffic,
        prefix: read_block(&fields)?,
    };
    if entry.is_last() && entry.allow {
        return Err(Fault::wrong("the entry `*` cannot allow").under("RuleAction"));
    }
    Ok((entry, fields.read("Egress", |json| json.bool())?))
}

fn read_numbers(json: &Json, first: &str, second: &str) -> Result<Option<(i32, i32)>, Fault> {
    let fields = json.object()?;
    fields.only(&[first, second])?;
    read_pair(&fields, first, second)
}

fn read_number(json: &Json) -> Result<u16, Fault> {
    let number: Option<u16> = json.integer("").ok();
    let number = number.filter(|number| (1..=LAST_NUMBER + 2).contains(number));
    number.ok_or_else(|| Fault::expected("the number of an entry, 1 to 32768", json))
}

fn read_action(json: &Json) -> Result<bool, Fault> {
    match json.text()? {
        "allow" => Ok(true),
        "deny" => Ok(false),
        _ => Err(Fault::expected("`allow` or `deny`", json)),
    }
}

fn read_block(fields: &Fields<'_>) -> Result<IpNet, Fault> {
    let v4 = fields.find("CidrBlock", |json| read_prefix(json, Family::V4))?;
    let v6 = fields.find("Ipv6CidrBlock", |json| read_prefix(json, Family::V6))?;
    match (v4, v6) {
        (Some(prefix), None) | (None, Some(prefix)) => Ok(prefix),
        (None, None) => Err(Fault::wrong("neither CidrBlock nor Ipv6CidrBlock")),
        (Some(_), Some(_)) => Err(Fault::wrong("both CidrBlock and Ipv6CidrBlock")),
    }
}
