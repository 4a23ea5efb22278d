//! What a context remembers from its last connection, as programs connect to the same host again and again. Each holds one
//! entry, and where another thread looks just now nobody waits: it is computed anew.

use std::sync::Mutex;

use crate::error::Result;
use crate::host::Reference;

/// The mark that a context gave last, with all that it stands for: programs connect to the same host again and again.
#[derive(Default)]
pub struct LastMark(pub(crate) Mutex<Option<(Vec<u8>, [u8; 32])>>);

/// The name that a context's connections asked for last, as it was written and as it was understood: programs connect to
/// the same host again and again.
#[derive(Default)]
pub struct LastName(Mutex<Option<(Vec<u8>, Reference)>>);

impl LastName {
    pub(crate) fn parse(&self, name: &[u8]) -> Result<Reference> {
        // Where another thread looks just now, nobody waits.
        let mut last = self.0.try_lock().ok();
        if let Some(Some((written, understood))) = last.as_deref()
            && written == name
        {
            return Ok(understood.clone());
        }
        let reference = Reference::parse_bytes(name)?;
        if let Some(last) = last.as_deref_mut() {
            *last = Some((name.to_vec(), reference.clone()));
        }
        Ok(reference)
    }
}
