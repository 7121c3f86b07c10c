//! What readers at one place have in common.

use proptest::prelude::*;
use sse_core::{ChunkStart, Ready, Subscription};

/// Readers at one place read the same, byte for byte, as far as each of them goes.
pub(crate) fn check_starts<'a>(subscriptions: impl Iterator<Item = &'a mut Subscription>) -> Result<(), TestCaseError> {
    let mut starts: Vec<(ChunkStart, Vec<u8>)> = Vec::new();
    for subscription in subscriptions {
        let Ready::Bytes(chunk) = subscription.ready() else { continue };
        let bytes = chunk.pieces.concat();
        for (start, others) in &starts {
            if chunk.is_at(start) {
                let common = bytes.len().min(others.len());
                prop_assert_eq!(&bytes[..common], &others[..common]);
            }
        }
        if let Some(start) = chunk.start() {
            prop_assert!(chunk.is_at(&start));
            starts.push((start, bytes));
        }
    }
    Ok(())
}
