//! What runs inside libssl's callbacks during one handshake, and what is known of one connection.
//!
//! [`install`] puts the hooks on a context. [`cert_verify`] judges the certificate inside the handshake, [`security`] keeps
//! versions, suites and keys from being lowered, [`ocsp_status`] judges the stapled answer, [`progress`] refuses what no
//! certificate callback sees, and [`client_hello`] brings them back where a program replaced them. [`start`] says what must
//! hold before the first byte, [`expected_host`] which host a connection is meant for, [`session`] what may be resumed.
//! [`connection_state`] is what a connection knows. [`events`] tells the program. [`reasons`] says what libssl's reasons mean, and [`alert`] the peer's alerts.
#![forbid(unsafe_code)]

mod acceptable_cas;
pub mod alert;
pub mod alpn;
pub mod cert_verify;
pub mod client_auth;
pub mod client_certificate;
pub mod client_hello;
pub mod connection_state;
pub mod ech;
pub mod events;
pub mod expected_host;
pub mod hooks;
pub mod id_context;
pub mod install;
pub mod key_log;
pub mod learned;
pub mod learned_sni;
pub mod libssl_error;
pub mod ocsp_status;
pub mod open_connections;
pub mod place;
pub(crate) mod outcome;
pub mod progress;
pub mod reasons;
pub mod refusals;
pub mod reloaded;
pub(crate) mod report_only;
pub mod resumption;
pub mod security;
pub mod server_names;
pub mod session;
pub(crate) mod session_end;
pub mod set_host;
pub mod stapling;
pub mod start;
pub mod tickets;
pub mod tripwire;
