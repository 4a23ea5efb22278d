//! What `--host` says: a host for every connection that names none, for those to an address, or for a name that was looked
//! up.

use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;

use crate::names::{Place, ip_of};

/// One rule; its host is in normal form.
#[derive(Debug, PartialEq, Eq)]
pub enum Rule {
    /// `NAME`: of every connection.
    All(String),
    /// `ADDRESS[:PORT]=NAME`: of those to this place; port 0 stands for any.
    Address(Place, String),
    /// `NAME=NAME`: in place of the first, which is in lower case.
    Name(String, String),
}

/// All of them.
#[derive(Debug, Default)]
pub struct Rules(Vec<Rule>);

static RULES: OnceLock<Rules> = OnceLock::new();

/// The rules of this process.
pub fn of_process() -> &'static Rules {
    static NONE: Rules = Rules(Vec::new());
    RULES.get().unwrap_or(&NONE)
}

/// Sets them, once.
pub fn set(rules: Rules) {
    let _ = RULES.set(rules);
}

impl Rules {
    /// Reads rules that commas separate. `normalize` gives the normal form of a host, or says what is wrong with it.
    pub fn parse(text: &str, normalize: impl Fn(&str) -> Result<String, String>) -> Result<Rules, String> {
        let mut rules: Vec<Rule> = Vec::new();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let rule = match word.split_once('=') {
                None => Rule::All(normalize(word)?),
                Some((what, host)) => match place(what) {
                    Some(place) => Rule::Address(place, normalize(host)?),
                    None => Rule::Name(normalize(what)?, normalize(host)?),
                },
            };
            if rules.iter().any(|other| other.contradicts(&rule)) {
                return Err(format!("{word:?} contradicts what was said before it"));
            }
            rules.push(rule);
        }
        Ok(Rules(rules))
    }

    /// The host of every connection.
    pub fn of_all(&self) -> Option<&str> {
        self.0.iter().find_map(|rule| match rule {
            Rule::All(host) => Some(host.as_str()),
            _ => None,
        })
    }

    /// The host of connections to `place`; a rule with its port comes before one without.
    pub fn of_place(&self, place: Place) -> Option<&str> {
        let of = |port: u16| {
            self.0.iter().find_map(move |rule| match rule {
                Rule::Address(at, host) if *at == Place { port, ..place } => Some(host.as_str()),
                _ => None,
            })
        };
        of(place.port).or_else(|| of(0))
    }

    /// The host that stands for the name `name`, which is in lower case.
    pub fn of_name(&self, name: &[u8]) -> Option<&str> {
        let name = name.strip_suffix(b".").unwrap_or(name);
        self.0.iter().find_map(|rule| match rule {
            Rule::Name(from, host) if from.as_bytes() == name => Some(host.as_str()),
            _ => None,
        })
    }
}

impl Rule {
    fn contradicts(&self, other: &Rule) -> bool {
        match (self, other) {
            (Rule::All(one), Rule::All(another)) => one != another,
            (Rule::Address(at, one), Rule::Address(place, another)) => at == place && one != another,
            (Rule::Name(from, one), Rule::Name(name, another)) => from == name && one != another,
            _ => false,
        }
    }
}

/// `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`.
fn place(text: &str) -> Option<Place> {
    if let Ok(both) = text.parse::<SocketAddr>() {
        return Some(Place { ip: ip_of(both.ip()), port: both.port() });
    }
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    inner.parse::<IpAddr>().ok().map(|ip| Place { ip: ip_of(ip), port: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Rules, String> {
        Rules::parse(text, |host| {
            let is_host =
                !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
            if is_host { Ok(host.to_ascii_lowercase()) } else { Err(format!("{host:?} is no host")) }
        })
    }

    fn at(address: &str) -> Place {
        place(address).unwrap()
    }

    #[test]
    fn each_form_is_read() {
        let rules =
            parse("all.example, 192.0.2.7:443=a.example,192.0.2.7=b.example,[2001:db8::7]:25=c.example,Mail=mail.corp.example")
                .unwrap();
        assert_eq!(rules.of_all(), Some("all.example"));
        assert_eq!(rules.of_place(at("192.0.2.7:443")), Some("a.example"));
        assert_eq!(rules.of_place(at("192.0.2.7:25")), Some("b.example"));
        assert_eq!(rules.of_place(at("[::ffff:192.0.2.7]:25")), Some("b.example"));
        assert_eq!(rules.of_place(at("[2001:db8::7]:25")), Some("c.example"));
        assert_eq!(rules.of_place(at("[2001:db8::7]:26")), None);
        assert_eq!(rules.of_name(b"mail"), Some("mail.corp.example"));
        assert_eq!(rules.of_name(b"mail."), Some("mail.corp.example"));
        assert_eq!(rules.of_name(b"mails"), None);
        assert!(parse("").unwrap().0.is_empty());
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for wrong in
            ["a b", "=a", "a=", "192.0.2.7:443=", "192.0.2.7:99999=a", "h:443=a", "a,b", "192.0.2.7=a,192.0.2.7=b"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse("a,a,192.0.2.7=a,192.0.2.7:1=b").is_ok());
    }
}
