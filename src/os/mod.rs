//! The system: what is asked of it and not of OpenSSL.

pub(crate) mod errno;
pub(crate) mod images;
