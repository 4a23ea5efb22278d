//! What a context is set up to be, in JSON.

use crate::credential;
use crate::guard::Guard;
use crate::handshake::alpn;
use crate::json::Object;
use crate::os::clock;
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
    let protocols: Vec<_> = alpn::names(&settings.alpn).map(|(_, name)| String::from_utf8_lossy(name)).collect();
    object.texts("alpn", &protocols);
    object.number("timeout_ms", settings.timeout_ms.into());
    object.texts("warnings", &warnings);
    object.finish()
}
