use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use super::flows::{Flow, FlowId, Way};
use crate::packet::{Addrs, FlowKey};

/// A field of a line of AWS VPC Flow Logs.
///
/// # Source
///
/// "Flow log records" in the Amazon VPC user guide. Fields about AWS services and the paths of
/// traffic within AWS (`sublocation-type`, `pkt-src-aws-service`, `traffic-path` and so on) do not
/// apply here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FlowField {
    /// The highest version that a field of the format is of: 2 to 5.
    Version,
    /// The account.
    AccountId,
    /// The network interface.
    InterfaceId,
    /// The source address.
    SrcAddr,
    /// The destination address.
    DstAddr,
    /// The source port, 0 if there is none.
    SrcPort,
    /// The destination port, 0 if there is none.
    DstPort,
    /// The protocol's number.
    Protocol,
    /// How many packets.
    Packets,
    /// Their lengths together, in bytes.
    Bytes,
    /// When the first of them came, in Unix seconds.
    Start,
    /// When the last of them came, in Unix seconds.
    End,
    /// `ACCEPT` or `REJECT`.
    Action,
    /// `OK`, `NODATA` for a window without packets, `SKIPDATA` if flows were left out.
    LogStatus,
    /// The VPC.
    VpcId,
    /// The subnet.
    SubnetId,
    /// The instance.
    InstanceId,
    /// The TCP flags that any of the packets had, of FIN 1, SYN 2, RST 4 and SYN with ACK 18.
    TcpFlags,
    /// `IPv4` or `IPv6`.
    Type,
    /// The packet's own source address: the same here, as addresses are not translated.
    PktSrcAddr,
    /// The packet's own destination address.
    PktDstAddr,
    /// The region.
    Region,
    /// The availability zone.
    AzId,
    /// `ingress` or `egress`.
    FlowDirection,
}

impl FlowField {
    /// The default format: the fields of version 2.
    pub const V2: [Self; 14] = [
        Self::Version,
        Self::AccountId,
        Self::InterfaceId,
        Self::SrcAddr,
        Self::DstAddr,
        Self::SrcPort,
        Self::DstPort,
        Self::Protocol,
        Self::Packets,
        Self::Bytes,
        Self::Start,
        Self::End,
        Self::Action,
        Self::LogStatus,
    ];

    /// Its name in AWS: `tcp-flags`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::AccountId => "account-id",
            Self::InterfaceId => "interface-id",
            Self::SrcAddr => "srcaddr",
            Self::DstAddr => "dstaddr",
            Self::SrcPort => "srcport",
            Self::DstPort => "dstport",
            Self::Protocol => "protocol",
            Self::Packets => "packets",
            Self::Bytes => "bytes",
            Self::Start => "start",
            Self::End => "end",
            Self::Action => "action",
            Self::LogStatus => "log-status",
            Self::VpcId => "vpc-id",
            Self::SubnetId => "subnet-id",
            Self::InstanceId => "instance-id",
            Self::TcpFlags => "tcp-flags",
            Self::Type => "type",
            Self::PktSrcAddr => "pkt-srcaddr",
            Self::PktDstAddr => "pkt-dstaddr",
            Self::Region => "region",
            Self::AzId => "az-id",
            Self::FlowDirection => "flow-direction",
        }
    }

    /// The version of flow logs that it came with.
    pub const fn version(self) -> u8 {
        match self {
            Self::VpcId
            | Self::SubnetId
            | Self::InstanceId
            | Self::TcpFlags
            | Self::Type
            | Self::PktSrcAddr
            | Self::PktDstAddr => 3,
            Self::Region | Self::AzId => 4,
            Self::FlowDirection => 5,
            _ => 2,
        }
    }
}

/// Which fields a line of flow logs has, and what is the same in all lines.
///
/// # Examples
///
/// ```
/// use portcullis::record::{FlowField, FlowFormat};
///
/// let fields = FlowField::V2.into_iter().chain([FlowField::TcpFlags, FlowField::FlowDirection]);
/// let format = FlowFormat::v2("123456789010", "eni-1").fields(fields);
/// assert!(format.header().ends_with("action log-status tcp-flags flow-direction"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowFormat {
    fields: Vec<FlowField>,
    version: u8,
    /// What is the same in all lines.
    same: Vec<(FlowField, Box<str>)>,
}

impl FlowFormat {
    /// The fields of version 2, for an account and a network interface. Spaces in their names become
    /// `_`.
    pub fn v2(account: &str, interface: &str) -> Self {
        let format = Self { fields: FlowField::V2.into(), version: 2, same: Vec::new() };
        format.constant(FlowField::AccountId, account).constant(FlowField::InterfaceId, interface)
    }

    /// Replaces the fields, in the order of the line.
    #[must_use]
    pub fn fields(mut self, fields: impl IntoIterator<Item = FlowField>) -> Self {
        self.fields = fields.into_iter().collect();
        self.version = self.fields.iter().map(|field| field.version()).max().unwrap_or(2);
        self
    }

    /// Sets what a field has in all lines, such as the name of a VPC. Fields that flows themselves
    /// have keep what these have.
    #[must_use]
    pub fn constant(mut self, field: FlowField, value: &str) -> Self {
        let value = value.trim().replace(char::is_whitespace, "_");
        let value = if value.is_empty() { "-".into() } else { value };
        self.same.retain(|known| known.0 != field);
        self.same.push((field, value.into()));
        self
    }

    /// The names of the fields, as the first line of a file has them.
    pub fn header(&self) -> String {
        self.joined(|line, field| line.push_str(field.name()))
    }

    /// The line of a flow; `epoch` is the Unix time in seconds of time zero.
    pub(super) fn line(&self, id: &FlowId, flow: &Flow, epoch: u64) -> String {
        let seconds = |time: crate::Time| epoch.saturating_add(time.as_nanos() / 1_000_000_000);
        self.joined(|line, field| {
            let FlowKey { addrs, src_port, dst_port, protocol } = id.key;
            let _ = match field {
                FlowField::SrcAddr | FlowField::PktSrcAddr => write!(line, "{}", addrs.src()),
                FlowField::DstAddr | FlowField::PktDstAddr => write!(line, "{}", addrs.dst()),
                FlowField::SrcPort => write!(line, "{src_port}"),
                FlowField::DstPort => write!(line, "{dst_port}"),
                FlowField::Protocol => write!(line, "{}", protocol.0),
                FlowField::Packets => write!(line, "{}", flow.packets),
                FlowField::Bytes => write!(line, "{}", flow.bytes),
                FlowField::Start => write!(line, "{}", seconds(flow.first)),
                FlowField::End => write!(line, "{}", seconds(flow.last)),
                FlowField::Action => line.write_str(if id.accepted { "ACCEPT" } else { "REJECT" }),
                FlowField::LogStatus => line.write_str("OK"),
                FlowField::TcpFlags => write!(line, "{}", flow.tcp_flags),
                FlowField::Type => line.write_str(match addrs {
                    Addrs::V4 { .. } => "IPv4",
                    Addrs::V6 { .. } => "IPv6",
                }),
                FlowField::FlowDirection => line.write_str(match id.way {
                    Some(Way::Ingress) => "ingress",
                    Some(Way::Egress) => "egress",
                    None => "-",
                }),
                other => self.write_same(line, other),
            };
        })
    }

    /// The line of a window about which there is nothing else to say.
    pub(super) fn status_line(&self, status: &str, [start, end]: [u64; 2]) -> String {
        self.joined(|line, field| {
            let _ = match field {
                FlowField::LogStatus => line.write_str(status),
                FlowField::Start => write!(line, "{start}"),
                FlowField::End => write!(line, "{end}"),
                other => self.write_same(line, other),
            };
        })
    }

    fn write_same(&self, line: &mut String, field: FlowField) -> core::fmt::Result {
        if field == FlowField::Version {
            return write!(line, "{}", self.version);
        }
        let same = self.same.iter().find(|known| known.0 == field);
        line.write_str(same.map_or("-", |known| &known.1))
    }

    fn joined(&self, mut write: impl FnMut(&mut String, FlowField)) -> String {
        let mut line = String::new();
        for field in &self.fields {
            if !line.is_empty() {
                line.push(' ');
            }
            write(&mut line, *field);
        }
        line
    }
}
