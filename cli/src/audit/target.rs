//! The server on the command line: HOST, HOST:PORT, an address, or [IPv6]:PORT; and how TLS begins there.

use std::fmt;
use std::str::FromStr;

use hostlock::{Error, Host, Starttls};

const HTTPS: u16 = 443;

/// A host to be verified, and its port.
#[derive(Clone, Debug)]
pub struct Target {
    /// The reference identity.
    pub host: Host,
    /// The port, 443 where none was given.
    pub port: u16,
    is_port_given: bool,
    /// How TLS begins; `None` where it does at once.
    pub starttls: Option<Starttls>,
}

impl Target {
    /// The same server, met by `starttls`, on its port where none was given.
    pub fn by(mut self, starttls: Option<Starttls>) -> Target {
        if let Some(protocol) = starttls.filter(|_| !self.is_port_given) {
            self.port = protocol.default_port();
        }
        Target { starttls, ..self }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Target, String> {
        if text.contains("//") {
            // The host's own words, in place of a complaint of what would be its port.
            Host::parse(text).map_err(words)?;
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, rest) = rest.split_once(']').ok_or("the bracket is not closed")?;
                (
                    address,
                    if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or("a port follows a colon")?) },
                )
            }
            None if text.matches(':').count() > 1 => (text, None),
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let is_port_given = port.is_some();
        let port = match port {
            None => HTTPS,
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or("a port is a number from 1 to 65535")?,
        };
        let host = Host::parse(host).map_err(words)?;
        Ok(Target { host, port, is_port_given, starttls: None })
    }
}

fn words(error: Error) -> String {
    match error.hint() {
        "" => error.message().to_owned(),
        hint => format!("{}; {hint}", error.message()),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.to_string() {
            host if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            host => write!(f, "{host}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_told_apart() {
        for (text, wanted) in [
            ("example.com", "example.com:443"),
            ("Example.COM.:8443", "example.com:8443"),
            ("192.0.2.1", "192.0.2.1:443"),
            ("192.0.2.1:1", "192.0.2.1:1"),
            ("2001:db8::1", "[2001:db8::1]:443"),
            ("[2001:db8::1]", "[2001:db8::1]:443"),
            ("[2001:db8::1]:8443", "[2001:db8::1]:8443"),
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), wanted, "{text}");
        }
        for (text, wanted) in [("example.com", "example.com:25"), ("example.com:443", "example.com:443")] {
            assert_eq!(text.parse::<Target>().unwrap().by("smtp".parse().ok()).to_string(), wanted, "{text}");
        }
        for wrong in
            ["", ":443", "host:", "host:0", "host:65536", "host:https", "[::1", "[::1]443", "https://host/", "a..b"]
        {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
        for url in ["https://host/", "https://host:8443/path"] {
            let words = url.parse::<Target>().unwrap_err();
            assert!(words.contains("is a URL") && words.contains(r#"pass only "host""#), "{words}");
        }
    }
}
