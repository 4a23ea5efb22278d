//! What the command does, one file a verb.

pub mod audit;
pub mod audit_program;
pub mod diff;
pub mod doctor;
pub mod expiring;
pub mod from_certdata;
pub mod list;
pub mod papers;
pub mod run;

/// How a command ended that could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is well.
    Fine,
    /// It found what it looks for.
    Found,
    /// It could not come to its end, and has said so.
    Unfinished,
}
