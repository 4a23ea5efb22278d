//! Contexts that someone else made: what they are like, and how they are made safe in place. Nothing here judges a
//! certificate: that is [`verify`](crate::verify)'s. [`report`] is what is said about one.

pub mod audit;
pub mod hidden;
pub mod libssl;
pub mod report;
