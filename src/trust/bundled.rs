//! Mozilla's roots, as bundled with hostlock: their DER, and the table that the build has made of it, so that nothing is
//! read or parsed when a program starts.

use std::sync::{Arc, OnceLock};

use crate::trust::Index;

/// Written by build.rs: `ROOTS`, where each certificate ends in `DER` and the key of its name; `BY_KEY`, keys and positions
/// in the order in which an index searches them.
mod table {
    include!(concat!(env!("OUT_DIR"), "/bundled.rs"));
}

static DER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/bundled.der"));

/// See the module's text.
pub fn roots() -> Arc<Index> {
    static BUNDLED: OnceLock<Arc<Index>> = OnceLock::new();
    Arc::clone(BUNDLED.get_or_init(|| {
        let mut start = 0;
        let certificates = table::ROOTS.iter().map(|&(end, key)| {
            let der = DER.get(start..end).unwrap_or_default();
            start = end;
            (der, key)
        });
        Arc::new(Index::of_table(certificates, table::BY_KEY.to_vec(), "the bundled roots"))
    }))
}
