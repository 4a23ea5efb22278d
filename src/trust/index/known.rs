//! The texts of certificates that were read. A hashed directory holds each certificate of the bundle beside it in a file
//! of its own, so most of its files need not be decoded. Only a text that is the same to the last byte is passed over.

use std::collections::HashMap;

use crate::trust::pem::scan::{Block, Kind};

/// See the module's text.
#[derive(Default)]
pub struct Known<'a>(HashMap<u64, &'a [u8]>);

impl<'a> Known<'a> {
    /// Adds the certificates among `blocks`.
    pub fn extend(&mut self, blocks: Vec<Block<'a>>) {
        let certificates = blocks.into_iter().filter(|block| block.kind == Kind::Certificate);
        self.0.extend(certificates.filter_map(|block| Some((key(block.text)?, block.text))));
    }

    /// Whether `text` is one certificate that was added, and nothing else.
    pub fn holds(&self, text: &[u8]) -> bool {
        key(text).and_then(|key| self.0.get(&key)).is_some_and(|known| *known == text)
    }
}

/// Eight characters from the middle, which differ where certificates do.
fn key(text: &[u8]) -> Option<u64> {
    text.get(text.len() / 2..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}
