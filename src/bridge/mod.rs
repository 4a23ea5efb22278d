//! Contexts and connections that someone else made: what may be done with them, and what is wrong with them.

pub mod libssl;
