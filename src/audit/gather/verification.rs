//! How the peers of a context or connection are verified, read from its parameters, its store and its callbacks.

use crate::audit::facts::{Replaced, Verification};
use crate::audit::gather::Place;
use crate::error::Error;
use crate::handshake::{cert_verify, tripwire};
use crate::libssl::layout::Found;
use crate::libssl::{Ctx, Param, store};
use crate::trust::store_functions;

impl Place<'_> {
    pub(super) fn verification(self, replaced: Replaced) -> Verification {
        let (mode, callback, param, sni) = match self {
            Place::Context(ctx) => (ctx.verify_mode(), ctx.verify_callback(), ctx.param(), None),
            Place::Connection(conn) => (conn.verify_mode(), conn.verify_callback(), conn.param(), conn.server_name()),
        };
        let store = self.store();
        let names = Names::of(param);
        let (depth, auth_level) = (param.depth(), param.auth_level());
        Verification {
            mode,
            own_callback: callback.is_some_and(|callback| !tripwire::is_ours(callback)),
            own_store_callback: store.is_some_and(|store| store::verify_callback(store).is_some()),
            own_store_functions: store.map(store_functions::replaced).unwrap_or_default(),
            replaced,
            hosts: names.hosts,
            other_names: names.others,
            sni: sni.map(|name| String::from_utf8_lossy(name).into_owned()),
            host_flags: param.host_flags(),
            flags: param.flags() | store.map_or(0, |store| store::param(store).flags()),
            depth: (depth >= 0).then_some(depth),
            auth_level: (auth_level >= 0).then_some(auth_level),
            purpose: param.asked().map(|asked| asked.purpose),
        }
    }
}

pub(super) fn replaced(ctx: Ctx<'_>) -> Replaced {
    match ctx.cert_verify_callback(cert_verify::VERIFY) {
        Found::None => Replaced::No,
        Found::Ours => Replaced::ByHostlock,
        Found::Program(..) => Replaced::ByProgram,
        Found::Unknown => Replaced::Unknown,
    }
}

/// The names that a certificate is compared with.
struct Names {
    hosts: Vec<String>,
    others: Vec<String>,
}

impl Names {
    fn of(param: Param<'_>) -> Names {
        let lossy = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let unknown = |error: Error| vec![error.message().to_owned()];
        let hosts = param.hosts();
        let hosts = hosts.map_or_else(unknown, |hosts| hosts.into_iter().map(lossy).collect());
        let addresses = param.addresses();
        let mut others =
            addresses.map_or_else(unknown, |addresses| addresses.iter().map(|address| address.to_string()).collect());
        let emails = param.emails();
        others.extend(emails.map_or_else(unknown, |emails| emails.into_iter().map(lossy).collect()));
        Names { hosts, others }
    }
}
