//! hostlock hands out an `SSL_CTX` that is already safe: a client connection is let through only when the certificate
//! chain is valid *and belongs to the host that the program asked for*.
pub mod error;
pub mod identity;
