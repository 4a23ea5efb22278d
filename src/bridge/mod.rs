//! Contexts that someone else made: what they are like, and how they are made safe in place. Nothing here judges a
//! certificate: that is [`verify`](crate::verify)'s. [`audit`] looks at a context, [`report`] is what is said about it,
//! [`method`] which side it is for; [`harden`] makes it safe, [`intact`] says whether it stayed so, with the policy's [`values`], [`seal`] all of a process; [`libssl`] says whose it is.

pub mod audit;
pub mod harden;
pub mod intact;
pub mod libssl;
pub mod method;
pub mod report;
pub mod seal;
pub mod values;
