/// A way of packets through a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// To the host itself.
    Input,
    /// Through it.
    Forward,
    /// From the host itself.
    Output,
}
