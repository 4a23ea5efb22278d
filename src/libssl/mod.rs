//! The floor over OpenSSL: what touches it by pointer. To make a view ([`Conn`], [`Ctx`], [`StoreCtx`], [`Param`],
//! [`Session`]) is to promise that the object lives; what the view does is safe. A type becomes a callback by [`callback`],
//! and data hangs on objects by [`ex_data`]. [`sys`] declares what `openssl-sys` lacks, [`queue`] is the error queue,
//! [`layout`] what there is no getter for, [`method`] for which side a context is, [`ours`] which libssl this is.

mod all_shown;
pub mod bio;
pub mod callback;
pub mod certificate;
pub mod certificate_words;
pub mod client_hello;
mod conn;
pub mod crl;
mod ctx;
pub mod d2i;
pub mod ech;
pub mod ex_data;
pub mod find;
#[cfg(ossl400)]
mod input_validation;
pub mod issuing;
pub mod layout;
mod library_span;
pub mod listener;
pub mod key_log;
pub(crate) mod library;
pub mod method;
pub mod new_context;
pub mod ours;
mod own_certificate;
mod own_param;
pub mod own_side;
mod param;
pub mod parsed;
pub mod queue;
mod running;
mod scratch;
pub mod secret;
pub mod security;
pub mod session;
pub mod store;
mod store_ctx;
pub mod store_search;
mod suite;
pub mod sys;
mod ticket_ciphers;
pub mod tickets;
pub mod transfer;
pub mod trial;
pub mod verification;

pub use all_shown::AllShown;
pub use conn::Conn;
pub use ctx::Ctx;
pub use own_certificate::OwnCertificate;
pub use own_param::OwnParam;
pub use param::Param;
pub use session::Session;
pub use store_ctx::StoreCtx;
pub use suite::Suite;
