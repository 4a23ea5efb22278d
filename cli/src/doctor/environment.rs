//! Variables of the environment that change what TLS does, in OpenSSL or in programs that use it.

use std::env;

/// A variable that is set.
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Its value, fit to print.
    pub value: String,
    /// What it does.
    pub does: &'static str,
    /// Whether it gives something away that hostlock cannot give back.
    pub is_harmful: bool,
}

/// When a variable harms.
#[derive(Clone, Copy)]
enum Harm {
    Never,
    Always,
    /// With this value only; with others it does nothing.
    With(&'static str),
}

const KNOWN: &[(&str, Harm, &str)] = &[
    ("SSL_CERT_FILE", Harm::Never, "takes the place of the system's roots"),
    ("SSL_CERT_DIR", Harm::Never, "takes the place of the system's roots"),
    ("OPENSSL_CONF", Harm::Never, "configures OpenSSL; what hostlock made or sealed stays as its policy says"),
    ("OPENSSL_MODULES", Harm::Never, "OpenSSL loads its providers from there"),
    ("OPENSSL_ENGINES", Harm::Never, "OpenSSL loads its engines from there"),
    ("LD_PRELOAD", Harm::Never, "is loaded into every program; hostlock run puts its initialiser before it"),
    ("LD_LIBRARY_PATH", Harm::Never, "is where the loader looks first, for libssl too"),
    ("SSLKEYLOGFILE", Harm::Always, "Python, curl and others write the secrets of their connections there"),
    ("PYTHONHTTPSVERIFY", Harm::With("0"), "switches verification off in Python 2.7"),
    ("GIT_SSL_NO_VERIFY", Harm::Always, "switches verification off in git"),
    (
        "NODE_TLS_REJECT_UNAUTHORIZED",
        Harm::With("0"),
        "switches verification off in Node.js, which has its own OpenSSL",
    ),
    ("CURL_CA_BUNDLE", Harm::Never, "names the roots of curl and of Python's requests"),
    ("REQUESTS_CA_BUNDLE", Harm::Never, "names the roots of Python's requests"),
    ("PGSSLMODE", Harm::Never, "says what PostgreSQL's clients demand; hostlock run sets require where it is unset"),
    ("HOSTLOCK_LIBRARY", Harm::Never, "names the library of the Python package"),
    ("HOSTLOCK_PRELOAD", Harm::Never, "names the initialiser of hostlock run"),
    ("HOSTLOCK_SEAL", Harm::Never, "is the mode in which the initialiser seals"),
];

/// Those that are set and do something.
pub fn variables() -> Vec<Variable> {
    let found = KNOWN.iter().filter_map(|&(name, harm, does)| {
        let value = env::var_os(name).filter(|value| !value.is_empty())?;
        let is_harmful = match harm {
            Harm::Never => false,
            Harm::Always => true,
            Harm::With(harmful) if value == harmful => true,
            Harm::With(_) => return None,
        };
        Some(Variable { name, value: printable(&value.to_string_lossy()), does, is_harmful })
    });
    found.collect()
}

/// Text on one line that moves no cursor.
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|letter| if letter.is_control() { letter.escape_default().collect() } else { vec![letter] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_a_cursor_is_shown_and_not_done() {
        assert_eq!(printable("/a\x1b[2J\nb\u{151}"), "/a\\u{1b}[2J\\nb\u{151}");
    }
}
