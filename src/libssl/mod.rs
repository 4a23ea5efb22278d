//! The floor over OpenSSL: what touches it by pointer. [`sys`] declares what `openssl-sys` lacks, [`queue`] is its error
//! queue, [`layout`] what it has no getter for, [`verify_param`] and `tbs_bytes` what is read where it stands,
//! [`method`] for which side a context is, [`ours`] which libssl this is.

pub mod asked;
pub mod certificate;
pub mod certificate_words;
pub mod ex_data;
pub mod layout;
pub(crate) mod library;
pub mod method;
pub mod new_context;
pub mod ours;
pub mod queue;
pub mod sys;
pub(crate) mod tbs_bytes;
pub mod verify_param;
