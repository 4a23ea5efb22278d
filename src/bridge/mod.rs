//! Contexts that someone else made: what they are like, and how they are made safe in place.

pub mod hidden;
