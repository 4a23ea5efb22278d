//! What TLS rests on in this place: [`roots`], [`environment`], [`pythons`], and the files of an installation. What was found
//! is data here; how it is shown is the command's to say.

pub mod environment;
pub mod files;
pub mod pythons;
pub mod roots;
