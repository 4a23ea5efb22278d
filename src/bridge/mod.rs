//! The bridge: contexts that someone else made. [`report`] is what is said about one.

pub mod report;
