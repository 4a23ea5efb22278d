//! What OpenSSL keeps and has no getter for. Each is read at a place that scratch objects have proved in this process, and
//! never written. Where the proof fails the answer is the strictest safe one.
//!
//! | what | why | the proof | where it fails |
//! | --- | --- | --- | --- |
//! | certificate verify callback of an `SSL_CTX` ([`CertVerify`]) | a program's own is called after ours, and an audit tells it from ours | appears when set and is gone when taken away, at one place on two contexts | "unknown": hardening refuses, unless the program says "+replace" |
//! | session id context of an `SSL` and of an `SSL_CTX` | the program's is folded into ours on servers | two probes appear at one place on each | the program's stays as it is |

mod cert_verify;
mod id_context;

pub use cert_verify::{CertVerify, Found, cert_verify_callback};
