//! Trust anchors: where they come from ([`source`] and the rooms behind it), what has been done to an `X509_STORE`
//! ([`store`], [`store_functions`]), which anchors are in force on a context ([`anchors`]), and what their source says against certificates
//! ([`distrust`]).

#![forbid(unsafe_code)]

pub mod anchor_set;
pub mod anchors;
pub mod bundled;
pub mod certdata;
pub mod decode;
pub mod describe;
pub mod distrust;
pub mod files;
pub mod index;
pub mod list;
pub mod named;
pub mod one_file;
pub mod pem;
pub mod replace;
pub mod source;
pub mod store;
pub mod store_functions;
pub mod system;

pub use anchors::Anchors;
pub use index::Index;
