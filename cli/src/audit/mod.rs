//! Looking at a server: once as hostlock connects, and once as careless clients do. What was seen is data here; how it is
//! shown is the command's to say.

pub mod advice;
pub mod careless;
pub mod chain;
pub mod markup;
pub mod page;
pub mod strict;
pub mod target;
