//! Who may write to the logs, as a value.

/// The one who may append has this. There is one for each hub, and it can't be copied.
///
/// Logs and channels are many, and what each of them has for its writer stays with it; so the right to write to them is
/// a value of no size. A log's own check (`Segment::append`) is there all the same.
#[derive(Debug)]
pub(crate) struct WriterToken(());

impl WriterToken {
    /// For a new hub, and for tests of the parts.
    pub(crate) fn new() -> Self {
        Self(())
    }
}
