//! Connections that other connections announce: the FTP helper on recorded sessions and on text,
//! and helpers of a caller's own.

pub(super) mod announced;
mod ftp;
mod recorded;
