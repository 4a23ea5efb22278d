//! Audits contexts and connections: every kind of finding is brought about with plain OpenSSL calls on a context that is
//! otherwise clean, and is the only one that this adds.

#[path = "../support/mod.rs"]
mod support;

mod connections;
mod contexts;
mod docs;
mod effects;
mod ours;
mod plain;
