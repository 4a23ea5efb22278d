//! Connections for programs that never link libssl, and the same reading and writing for those that do.
//!
//! [`open`] makes one: [`resolve`] finds the addresses, [`race`] connects to the first that answers, [`transport`] carries
//! the bytes. [`drive`] goes on where a call of libssl did not succeed at once, for [`exchange`]'s reads and writes as for
//! handshakes, and [`lend`] puts our transport in the place of a program's own socket BIO meanwhile. [`gate`] says which
//! connections may be used at all. [`gather`] collects the facts of a failure and [`failure`] puts them into words ([`head`] the peer's first bytes). [`facts`] tells what was agreed.
#![forbid(unsafe_code)]

pub mod accept;
pub mod deadline;
pub mod drive;
pub mod elsewhere;
pub mod exchange;
pub mod facts;
pub mod exporter;
pub mod failure;
pub mod functions;
pub mod gate;
pub mod gather;
pub mod head;
pub mod key_update;
pub mod late_certificate;
pub mod lend;
pub mod memory;
pub mod open;
pub mod owned;
pub mod race;
pub mod resolve;
pub mod session_from;
pub mod silence;
pub mod starttls;
pub mod transport;
