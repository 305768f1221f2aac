/// What a connection tracker needs of a GRE header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GreHeader {
    /// The call id of an enhanced header (version 1, PPTP), host byte order; `None` of a plain one
    /// (version 0) and of a header cut short before it.
    pub call_id: Option<u16>,
}

impl GreHeader {
    /// An enhanced header with this call id.
    ///
    /// # Source
    ///
    /// RFC 2637 section 4.1.
    pub const fn with_call_id(call_id: u16) -> Self {
        Self { call_id: Some(call_id) }
    }
}
