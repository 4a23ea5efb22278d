//! What a context is set up to be, in JSON.

use openssl::x509::X509Ref;

use crate::credential;
use crate::guard::Guard;
use crate::handshake::alpn;
use crate::json::Object;
use crate::libssl::certificate_words::subject_text;
use crate::os::clock;
use crate::revocation::ocsp;
use crate::role::Role;

/// One JSON object: the role, the policy, the certificates of this side, the protocols, and what is amiss.
pub fn json(guard: &Guard) -> String {
    let settings = guard.settings();
    let mut object = Object::new();
    object.text("role", match (guard.either_side, guard.role) {
        (true, _) => "either",
        (false, Role::Client) => "client",
        (false, Role::Server) => "server",
    });
    object.text("policy", guard.policy.name);
    let mut warnings = Vec::new();
    let now = clock::now();
    let certificates: Vec<String> =
        settings.own.iter().map(|own| credential::json(&own.shown, (guard.policy, guard.role), now, &mut warnings)).collect();
    object.raw("certificates", &format!("[{}]", certificates.join(",")));
    let names: Vec<String> = settings
        .names
        .iter()
        .map(|(name, credentials)| {
            let mut object = Object::new();
            let of_name: Vec<String> = credentials
                .iter()
                .map(|one| credential::json(&one.shown, (guard.policy, guard.role), now, &mut warnings))
                .collect();
            object.text("host", name).raw("certificates", &format!("[{}]", of_name.join(",")));
            object.finish()
        })
        .collect();
    object.raw("names", &format!("[{}]", names.join(",")));
    let staples: Vec<String> = settings.staples.iter().map(|staple| staple.json(now, &mut warnings)).collect();
    object.raw("staples", &format!("[{}]", staples.join(",")));
    if guard.role == Role::Server {
        let shown = settings.own.iter().chain(settings.names.iter().flat_map(|(_, credentials)| credentials));
        let lacks = |leaf: &X509Ref| {
            ocsp::is_demanded_by(leaf) && !settings.staples.iter().any(|staple| staple.serves(leaf, now))
        };
        for credential in shown.filter(|credential| lacks(&credential.shown.leaf)) {
            let who = subject_text(&credential.shown.leaf);
            warnings.push(format!("the certificate of {who} demands a stapled OCSP answer (RFC 7633), and there is none in force"));
        }
    }
    let protocols: Vec<_> = alpn::names(&settings.alpn).map(|(_, name)| String::from_utf8_lossy(name)).collect();
    object.texts("alpn", &protocols);
    if let Some(keys) = &settings.ticket_keys {
        let mut tickets = Object::new();
        tickets.text("source", &format!("{:?}", keys.path())).number("keys", keys.count() as i64);
        object.raw("ticket_keys", &tickets.finish());
        if let Some(path) = &keys.open_file {
            warnings.push(format!("the ticket keys in {path} can be read by every user of this machine"));
        }
    }
    if let Some(life) = settings.session_life {
        object.number("session_life", life.into());
    }
    object.number("timeout_ms", settings.timeout_ms.into());
    object.texts("warnings", &warnings);
    object.finish()
}
