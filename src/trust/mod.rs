//! Trust anchors: where they come from ([`source`]), and which of them are in force on a context ([`anchors`]).

pub mod anchors;
pub mod source;

pub use anchors::Anchors;
