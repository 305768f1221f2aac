use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use ipnet::IpNet;

use super::Traffic;
use super::traffic::{read_pair, read_prefix, refuse_pages};
use crate::import::JsonError;
use crate::import::json::{Fault, Fields, Json};
use crate::packet::Family;

/// Security groups, as `aws ec2 describe-security-groups` prints them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecurityGroups {
    /// In the order of the document.
    pub groups: Vec<SecurityGroup>,
}

/// One security group. It allows what one of its permissions is about, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecurityGroup {
    /// Such as `sg-0123456789abcdef0`.
    pub id: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// The VPC that it belongs to.
    pub vpc: Option<Box<str>>,
    /// What may come in.
    pub inbound: Vec<Permission>,
    /// What may go out.
    pub outbound: Vec<Permission>,
}

/// Some traffic with some peers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Permission {
    /// What it is about.
    pub traffic: Traffic,
    /// Where it may come from or go to. If there are none it allows nothing.
    pub peers: Vec<AllowedPeer>,
}

/// A peer, with what was noted about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AllowedPeer {
    /// Who.
    pub peer: Peer,
    /// What people noted, if anything.
    pub description: Option<Box<str>>,
}

/// One end of allowed traffic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Peer {
    /// The addresses of a prefix.
    Prefix(IpNet),
    /// The private addresses of all network interfaces that a security group is attached to.
    Group(Box<str>),
    /// The prefixes of a prefix list.
    PrefixList(Box<str>),
}

impl SecurityGroups {
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

    /// The group of this id.
    pub fn group(&self, id: &str) -> Option<&SecurityGroup> {
        self.groups.iter().find(|group| *group.id == *id)
    }
}

fn read_document(document: &Json) -> Result<SecurityGroups, Fault> {
    let fields = document.object()?;
    fields.only(&["SecurityGroups", "NextToken", "ResponseMetadata"])?;
    refuse_pages(&fields)?;
    let groups = fields.read("SecurityGroups", |json| json.each(read_group))?;
    Ok(SecurityGroups { groups })
}

fn read_group(json: &Json) -> Result<SecurityGroup, Fault> {
    let fields = json.object()?;
    fields.only(&[
        "Description",
        "GroupId",
        "GroupName",
        "IpPermissions",
        "IpPermissionsEgress",
        "OwnerId",
        "SecurityGroupArn",
        "Tags",
        "VpcId",
    ])?;
    Ok(SecurityGroup {
        id: fields.read("GroupId", text)?,
        name: fields.find("GroupName", text)?.unwrap_or_default(),
        vpc: fields.find("VpcId", text)?,
        inbound: fields.read("IpPermissions", |json| json.each(read_permission))?,
        outbound: fields.read("IpPermissionsEgress", |json| json.each(read_permission))?,
    })
}

fn read_permission(json: &Json) -> Result<Permission, Fault> {
    let fields = json.object()?;
    fields.only(&[
        "FromPort",
        "IpProtocol",
        "IpRanges",
        "Ipv6Ranges",
        "PrefixListIds",
        "ToPort",
        "UserIdGroupPairs",
    ])?;
    let numbers = read_pair(&fields, "FromPort", "ToPort")?;
    let name = fields.read("IpProtocol", |json| json.text())?;
    if matches!(name, "tcp" | "udp" | "icmp" | "6" | "17" | "1") && numbers.is_none() {
        return Err(Fault::wrong(format!("`{name}` needs FromPort and ToPort")));
    }
    let traffic = Traffic::new(name, numbers, numbers)?;
    Ok(Permission { traffic, peers: read_peers(&fields)? })
}

fn read_peers(fields: &Fields<'_>) -> Result<Vec<AllowedPeer>, Fault> {
    let mut peers = Vec::new();
    let mut add = |key, read: &dyn Fn(&Json) -> Result<AllowedPeer, Fault>| {
        let found = fields.find(key, |json| json.each(read))?;
        peers.extend(found.unwrap_or_default());
        Ok::<_, Fault>(())
    };
    add("IpRanges", &|json| read_range(json, "CidrIp", Family::V4))?;
    add("Ipv6Ranges", &|json| read_range(json, "CidrIpv6", Family::V6))?;
    add("PrefixListIds", &read_prefix_list)?;
    add("UserIdGroupPairs", &read_group_pair)?;
    Ok(peers)
}

fn read_range(json: &Json, key: &str, family: Family) -> Result<AllowedPeer, Fault> {
    let fields = json.object()?;
    fields.only(&[key, "Description"])?;
    let prefix = fields.read(key, |json| read_prefix(json, family))?;
    Ok(AllowedPeer { peer: Peer::Prefix(prefix), description: fields.find("Description", text)? })
}

fn read_prefix_list(json: &Json) -> Result<AllowedPeer, Fault> {
    let fields = json.object()?;
    fields.only(&["PrefixListId", "Description"])?;
    let id = fields.read("PrefixListId", text)?;
    Ok(AllowedPeer { peer: Peer::PrefixList(id), description: fields.find("Description", text)? })
}

fn read_group_pair(json: &Json) -> Result<AllowedPeer, Fault> {
    let fields = json.object()?;
    fields.only(&[
        "Description",
        "GroupId",
        "GroupName",
        "PeeringStatus",
        "UserId",
        "VpcId",
        "VpcPeeringConnectionId",
    ])?;
    let id = fields.read("GroupId", text)?;
    Ok(AllowedPeer { peer: Peer::Group(id), description: fields.find("Description", text)? })
}

pub(super) fn text(json: &Json) -> Result<Box<str>, Fault> {
    json.text().map(Into::into)
}
