//! The libssl that hostlock uses.

use std::path::PathBuf;

use openssl::ssl::SslRef;

use crate::libssl::Conn;
use crate::os::images;

/// The file of the libssl that hostlock uses in this process; `None` where it is inside of the program, or of hostlock.
///
/// ```
/// if let Some(path) = hostlock::libssl_path() {
///     assert!(path.to_str().unwrap().contains("libssl"));
/// }
/// ```
pub fn libssl_path() -> Option<PathBuf> {
    let holder = PathBuf::from(images::ours()?);
    let name = holder.file_name()?.to_string_lossy().into_owned();
    name.starts_with("libssl").then(|| holder.canonicalize().unwrap_or(holder))
}

/// Whether the server of a client's connection, whoever made it, has asked for a certificate of the client. It is known from
/// that message of the handshake on, and stays so where the handshake fails.
///
/// ```
/// use openssl::ssl::{Ssl, SslContext, SslMethod};
///
/// let context = SslContext::builder(SslMethod::tls_client())?.build();
/// assert!(!hostlock::asked_for_certificate(&*Ssl::new(&context)?));
/// # Ok::<(), openssl::error::ErrorStack>(())
/// ```
pub fn asked_for_certificate(connection: &SslRef) -> bool {
    Conn::from(connection).was_asked_for_certificate()
}
