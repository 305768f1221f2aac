//! Connections: the `Conntrack` trait that callers may supply, and the built-in table.
