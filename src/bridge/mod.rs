//! Contexts that someone else made: what they are like, and how they are made safe in place. Nothing here judges a
//! certificate: that is [`verify`](crate::verify)'s.

pub mod hidden;
pub mod libssl;
