use alloc::boxed::Box;
use core::time::Duration;

use ::serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::super::IcmpQuery;
use super::super::entry::Track;
use super::super::sctp::SctpTrack;
use super::super::tcp::TcpTrack;
use super::{Help, SavedConnection};
use crate::packet::{ConnStatus, FlowKey};

/// Times are in nanoseconds.
#[derive(Deserialize, Serialize)]
#[serde(rename = "SavedConnection", deny_unknown_fields)]
struct Fields {
    original: FlowKey,
    zone: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    query: Option<IcmpQuery>,
    age: u64,
    remaining: u64,
    status: ConnStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tcp: Option<TcpTrack>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sctp: Option<SctpTrack>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    help: Option<Box<Help>>,
}

impl Serialize for SavedConnection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let (tcp, sctp) = match self.track {
            Track::Stateless => (None, None),
            Track::Tcp(track) => (Some(track), None),
            Track::Sctp(track) => (None, Some(track)),
        };
        let Self { original, zone, query, status, .. } = *self;
        let (age, remaining) = (nanos(self.age), nanos(self.remaining));
        let help = self.help.clone();
        Fields { original, zone, query, age, remaining, status, tcp, sctp, help }
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SavedConnection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Fields::deserialize(deserializer)?;
        let track = match (fields.tcp, fields.sctp) {
            (None, None) => Track::Stateless,
            (Some(track), None) => Track::Tcp(track),
            (None, Some(track)) => Track::Sctp(track),
            (Some(_), Some(_)) => return Err(error(super::Unsound::Track)),
        };
        let connection = Self {
            original: fields.original,
            zone: fields.zone,
            query: fields.query,
            age: Duration::from_nanos(fields.age),
            remaining: Duration::from_nanos(fields.remaining),
            status: fields.status,
            track,
            help: fields.help,
        };
        connection.flow().and_then(|_| connection.check()).map_err(error)?;
        Ok(connection)
    }
}

fn error<E: ::serde::de::Error>(unsound: super::Unsound) -> E {
    E::custom(unsound)
}
