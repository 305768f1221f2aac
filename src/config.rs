/// How a rule set is compiled.
///
/// # Examples
///
/// ```
/// use portcullis::Config;
///
/// let config = Config::new().memory_budget(256 * 1024);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    pub(crate) memory_budget: usize,
    pub(crate) size_limit: usize,
    pub(crate) backend: Option<crate::Backend>,
    /// Whether rules stay in the compiled form that others before them hide.
    pub(crate) keep_hidden: bool,
}

impl Config {
    /// The defaults: a budget that fits a second-level cache, a limit of 1 GiB, the best
    /// instructions that the processor has.
    pub const fn new() -> Self {
        Self { memory_budget: 1 << 20, size_limit: 1 << 30, backend: None, keep_hidden: false }
    }

    /// How many bytes the compiled form may take before rules stop being copied for speed
    /// (default 1 MiB). A goal: rule sets that need more take more.
    #[must_use]
    pub const fn memory_budget(mut self, bytes: usize) -> Self {
        self.memory_budget = bytes;
        self
    }

    /// How many bytes the compiled form may take at most (default 1 GiB); compiling a rule set
    /// that needs more is an error.
    #[must_use]
    pub const fn size_limit(mut self, bytes: usize) -> Self {
        self.size_limit = bytes;
        self
    }

    /// The instructions to use instead of the best ones: for tests and comparisons. One that the
    /// processor does not have falls back to the best that it has.
    #[must_use]
    pub const fn backend(mut self, backend: crate::Backend) -> Self {
        self.backend = Some(backend);
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
