//! The front door in Rust. It holds what the rooms below give, without a pointer, and decides nothing.
#![forbid(unsafe_code)]

mod connection;
mod context;
mod host;
mod libssl;
mod policy;
mod report;
pub mod roots;
mod starttls;
pub mod words;

pub use connection::Connection;
pub use context::{Context, ContextBuilder};
pub use host::Host;
pub use libssl::{asked_for_certificate, libssl_path};
pub use policy::Policy;
pub use report::Report;
pub use starttls::Starttls;
