//! What `--host` says of connections that name no host: whether it can be meant. The initialiser reads it again.

use std::net::{IpAddr, SocketAddr};

use hostlock::{Error, Host, Result, Status};

/// Refuses what is neither NAME nor ADDRESS[:PORT]=NAME nor NAME=NAME.
pub fn check(text: &str) -> Result<()> {
    let (what, host) = match text.split_once('=') {
        Some((what, host)) => (Some(what), host),
        None => (None, text),
    };
    let hosts = what.filter(|what| !is_place(what)).into_iter().chain([host]);
    hosts.map(Host::parse).try_for_each(|host| host.map(|_| ())).map_err(|error| {
        Error::new(Status::EArg, format!("--host {text:?}: {}", error.message()))
            .with_hint("say NAME, ADDRESS=NAME, ADDRESS:PORT=NAME, or NAME=NAME for a name that was looked up")
    })
}

fn is_place(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    text.parse::<SocketAddr>().is_ok() || inner.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_taken_and_nothing_else() {
        let good = [
            "a.example",
            "192.0.2.7=a.example",
            "192.0.2.7:443=a.example",
            "2001:db8::7=a.example",
            "mail=mail.example",
        ];
        for text in good.into_iter().chain(["[2001:db8::7]=a.example", "[2001:db8::7]:443=a.example", "192.0.2.7"]) {
            assert!(check(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "=",
            "a=",
            "=a",
            "https://a.example/",
            "a.example:443",
            "192.0.2.7:443=",
            "a.example:443=b.example",
            "a,b",
        ] {
            let error = check(text).unwrap_err();
            assert!(error.status() == Status::EArg && error.hint().contains("ADDRESS"), "{text}");
        }
    }
}
