use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use super::columns::{Columns, decimal, lines};
use crate::import::ImportError;
use crate::packet::{Addrs, FlowKey, Protocol};

/// Reads a trace: a header a line, its source and destination address, source and destination
/// port and protocol in decimal. Addresses are 32-bit numbers, as ClassBench writes them, or in the
/// usual form of either family. What stands behind the five columns is not read: trace generators
/// put the number of a rule there.
///
/// # Errors
///
/// Names the first line that is not a header, and the place in it.
///
/// # Complexity
///
/// Linear in the length of the text.
pub fn parse_trace(text: &str) -> Result<Vec<FlowKey>, ImportError> {
    lines(text).map(header).collect()
}

fn header(mut columns: Columns<'_>) -> Result<FlowKey, ImportError> {
    let start = columns;
    let src = columns.number(&[], address, "an address: a 32-bit number, or as usual")?;
    let dst = columns.number(&[], address, "an address: a 32-bit number, or as usual")?;
    let Ok(addrs) = Addrs::new(src, dst) else {
        let first = { start }.until(&[]);
        return Err(columns.error_from(&first, "addresses of different families"));
    };
    let mut port = || columns.number(&[], decimal, "a port, 0 to 65535");
    let (src_port, dst_port) = (port()?, port()?);
    let protocol = columns.number(&[], decimal, "a protocol, 0 to 255")?;
    Ok(FlowKey { addrs, src_port, dst_port, protocol: Protocol(protocol) })
}

fn address(text: &str) -> Option<IpAddr> {
    let number = decimal(text).map(|number| Ipv4Addr::from_bits(number).into());
    number.or_else(|| text.parse().ok())
}
