//! The system: what is asked of it and not of OpenSSL.

pub mod clock;
pub(crate) mod errno;
pub mod exit;
pub mod functions;
pub(crate) mod images;
pub mod interrupt;
pub mod kept_file;
pub mod memory;
pub mod poll;
pub mod privileges;
pub mod signals;
pub mod socket;
pub mod words;
