//! Mozilla's roots, as bundled with hostlock. They are indexed when they are first asked for.

use std::sync::{Arc, OnceLock};

use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

use crate::trust::Index;

/// See the module's text.
pub fn roots() -> Arc<Index> {
    static BUNDLED: OnceLock<Arc<Index>> = OnceLock::new();
    Arc::clone(BUNDLED.get_or_init(|| {
        let certificates = TLS_SERVER_ROOT_CERTS.iter().map(|certificate| certificate.as_ref());
        Arc::new(Index::of_static(certificates, "the bundled roots"))
    }))
}
