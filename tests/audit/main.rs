//! Audits contexts and connections: every kind of finding is brought about with plain OpenSSL calls on a context that is
//! otherwise clean, and is the only one that this adds. A libssl of hostlock's own has no contexts that others made.
#![cfg(not(feature = "private-libssl"))]

#[path = "../support/mod.rs"]
mod support;

mod connections;
mod contexts;
mod docs;
mod effects;
mod ours;
mod plain;
