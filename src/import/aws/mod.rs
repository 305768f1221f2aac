//! Security groups and network ACLs of Amazon VPC, from what `aws ec2 describe-security-groups` and
//! `aws ec2 describe-network-acls` print.
//!
//! | | security group | network ACL |
//! |---|---|---|
//! | where | a network interface; the union of all groups on it | the edge of a subnet |
//! | rules | allow only, in no order | allow and deny; the lowest number that matches decides |
//! | replies | pass, whatever the rules of their direction | need a rule of their own |
//! | matcher | [`SecurityGroupMatcher`]: stateful, replies first | [`NetworkAclMatcher`]: stateless |
//!
//! Traffic that AWS never judges by either (its own DNS, DHCP, time and metadata services, and the
//! router's reserved addresses) is not exempt here: do not hand it to a matcher.
//!
//! # Examples
//!
//! ```
//! use portcullis::import::aws::{self, Addresses, SecurityGroups};
//! use portcullis::packet::TcpFlags;
//! use portcullis::{Action, Config, ConnTable, Packet, Time};
//!
//! let described = r#"{ "SecurityGroups": [ {
//!     "GroupId": "sg-0123456789abcdef0", "GroupName": "web", "IpPermissionsEgress": [],
//!     "IpPermissions": [ { "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
//!                          "IpRanges": [ { "CidrIp": "203.0.113.0/24" } ] } ]
//! } ] }"#;
//! let groups = SecurityGroups::from_json(described)?;
//! let attached = groups.attach(["sg-0123456789abcdef0"], &Addresses::new())?;
//! let table = ConnTable::new(&aws::limits(1000), [7; 16]);
//! let mut matcher = attached.matcher(table, &Config::new())?;
//!
//! let (client, server) = ("203.0.113.9:40000".parse()?, "10.0.0.5:443".parse()?);
//! let request = Packet::tcp(client, server, TcpFlags::SYN)?;
//! let reply = Packet::tcp(server, client, TcpFlags::SYN | TcpFlags::ACK)?;
//! let now = Time::from_secs(1);
//! assert_eq!(*matcher.classify_outbound(&reply, now).action, Action::Drop);
//! assert_eq!(*matcher.classify_inbound(&request, now).action, Action::Accept);
//! assert_eq!(*matcher.classify_outbound(&reply, now).action, Action::Accept);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Source
//!
//! Amazon EC2 User Guide, "Security groups" and "Security group connection tracking"; Amazon VPC User
//! Guide, "Network ACLs"; Amazon EC2 API Reference, `IpPermission` and `NetworkAclEntry`.

mod acl;
mod addresses;
mod attached;
mod group;
mod matcher;
mod sides;
mod traffic;
mod untracked;

pub use acl::{NetworkAcl, NetworkAclEntry, NetworkAclMatcher, NetworkAcls};
pub use addresses::{Addresses, UnknownReference};
pub use attached::{AttachError, AttachedGroups};
pub use group::{AllowedPeer, Peer, Permission, SecurityGroup, SecurityGroups};
pub use matcher::{SecurityGroupMatcher, limits};
pub use traffic::Traffic;
