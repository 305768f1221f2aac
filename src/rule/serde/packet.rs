//! What decisions say of packets.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use ::serde::de::Error;
use ::serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::packet::{ConnFlag, ConnStatus, Family, FlowKey, Protocol};

/// `ipv4` or `ipv6`.
impl Serialize for Family {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Family {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "ipv4" => Ok(Self::V4),
            "ipv6" => Ok(Self::V6),
            other => Err(D::Error::unknown_variant(other, &["ipv4", "ipv6"])),
        }
    }
}

/// The list of flags that are set.
impl Serialize for ConnStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(ConnFlag::ALL.into_iter().filter(|flag| self.has(*flag)))
    }
}

impl<'de> Deserialize<'de> for ConnStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let flags = Vec::<ConnFlag>::deserialize(deserializer)?;
        Ok(flags.into_iter().fold(Self::new(), |status, flag| status.with(flag, true)))
    }
}

/// `protocol`, and `src` and `dst` as strings such as `192.0.2.1:443`.
impl Serialize for FlowKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let src = SocketAddr::new(self.addrs.src(), self.src_port);
        let dst = SocketAddr::new(self.addrs.dst(), self.dst_port);
        Fields { protocol: self.protocol, src, dst }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FlowKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Fields { protocol, src, dst } = Fields::deserialize(deserializer)?;
        Self::new(protocol, src, dst).map_err(D::Error::custom)
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename = "FlowKey", deny_unknown_fields)]
struct Fields {
    protocol: Protocol,
    src: SocketAddr,
    dst: SocketAddr,
}
