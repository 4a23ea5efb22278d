//! The library's hints, in the words of the command.

use hostlock::{Error, Status};

/// A hint that names a function, for those who give options.
pub fn of_command(hint: &str) -> String {
    hint.replace(
        "load its certificate with hostlock_ctx_trust_file, or where a program takes its roots from (often SSL_CERT_FILE)",
        "name its certificate with --ca (SSL_CERT_FILE does it for programs)",
    )
}

/// The same for a failure that ends the audit, where the command has a better word than the library.
pub fn instead(error: &Error) -> Error {
    match error.status() {
        Status::EPlaintext if error.hint().ends_with("STARTTLS first") || error.hint().ends_with("STLS first") => {
            error.clone().with_hint("--starttls smtp (or imap, pop3, ftp) asks such a server to begin TLS")
        }
        Status::ETimeout if error.hint().starts_with("it said nothing at all") => error
            .clone()
            .with_hint("it said nothing at all: perhaps TLS begins at once on this port; then leave --starttls out"),
        Status::EAlert if error.hint().contains("hostlock_ctx_add_cert_file") => {
            error.clone().with_hint("perhaps the server wants a client certificate, which an audit has none of")
        }
        Status::EWrongFileType if error.hint().starts_with("hostlock_ctx_trust_dir") => {
            error.clone().with_hint("--ca takes a file of certificates")
        }
        Status::ETimeout => {
            // An audit shows how programs fare with the hello that they send, so it has no option for a smaller one.
            let smaller =
                "; SSL_CTX_set1_groups_list(ctx, \"X25519:P-256\") makes it fit one, without the key share of ML-KEM";
            let hint = error.hint().replace(smaller, "").replace("hostlock_ctx_set_timeout", "--timeout");
            error.clone().with_hint(hint)
        }
        _ => error.clone(),
    }
}
