//! Clients that a server refuses for their certificate: it is theirs, and the words say so.

use openssl::ssl::SslVersion;
use openssl::x509::X509;

use crate::c::{Ctx, Failure};
use crate::served::{client_of, server, visited};
use crate::support::crl;
use crate::support::pki::{DAY, Identity, Recipe};
use crate::table::Row;

const V1_2: SslVersion = SslVersion::TLS1_2;
const V1_3: SslVersion = SslVersion::TLS1_3;

fn device() -> Recipe {
    Recipe { server_auth: false, client_auth: true, ..Recipe::server("device", &["device.example"]) }
}

struct World {
    ca: Identity,
    own: Identity,
}

impl World {
    fn demanding(&self) -> Ctx {
        server(Some(&self.own), Some(&self.ca.certificate))
    }

    /// A client comes with `shown`, and the rest of its chain.
    fn met(&self, ctx: &Ctx, version: SslVersion, shown: Option<&Identity>, rest: &[&X509]) -> Failure {
        let (shown, rest) = (shown.cloned(), rest.iter().map(|one| (*one).clone()).collect::<Vec<_>>());
        visited(
            ctx,
            client_of(version, move |context| {
                if let Some(identity) = shown {
                    context.set_certificate(&identity.certificate).unwrap();
                    context.set_private_key(&identity.key).unwrap();
                }
                for certificate in rest {
                    context.add_extra_chain_cert(certificate).unwrap();
                }
            }),
        )
    }
}

pub fn rows() -> Vec<Row> {
    let (ca, other) = (Recipe::ca("Client CA").self_signed(), Recipe::ca("Other CA").self_signed());
    let own = Recipe::server("server.example", &["server.example"]).self_signed();
    let world = World { ca, own };
    let (ca, demanding) = (&world.ca, world.demanding());
    let row = |situation: &str, shown: &Identity, rest: &[&X509]| {
        Row::new(situation, world.met(&demanding, V1_3, Some(shown), rest))
    };
    let good = device().issued_by(ca);
    let stale = Recipe::ca("Stale Intermediate");
    let stale = Recipe { not_before: -9 * DAY, not_after: -DAY, ..stale }.issued_by(ca);
    let below = Recipe::ca("Client Intermediate").issued_by(ca);
    let revoking = world.demanding();
    let list = crl::of(ca, &[&good.certificate]).to_pem().unwrap();
    // SAFETY: the context is live, the bytes are there.
    unsafe {
        use hostlock::ffi::revocation::*;
        assert_eq!(hostlock_ctx_add_crl_mem(revoking.0, list.as_ptr(), list.len()), 0);
        assert_eq!(hostlock_ctx_set_crl_mode(revoking.0, c"leaf".as_ptr()), 0);
    }
    let naming = world.demanding();
    // SAFETY: the context is live.
    assert_eq!(unsafe { hostlock::ffi::host::hostlock_ctx_set_host(naming.0, c"other.example".as_ptr()) }, 0);
    let aged = |from: i64, until: i64| Recipe { not_before: from, not_after: until, ..device() }.issued_by(ca);
    vec![
        Row::new("no certificate, on TLS 1.2", world.met(&demanding, V1_2, None, &[])),
        Row::new("no certificate, on TLS 1.3", world.met(&demanding, V1_3, None, &[])),
        row("a CA that is not trusted", &device().issued_by(&other), &[]),
        Row::new("the same, on TLS 1.2", world.met(&demanding, V1_2, Some(&device().issued_by(&other)), &[])),
        row("the same, and the CA was sent", &device().issued_by(&other), &[&other.certificate]),
        row("an intermediate of ours was not sent", &device().issued_by(&below), &[]),
        row("self-signed", &device().self_signed(), &[]),
        row(
            "a CA of an anchor's name, and another key",
            &device().issued_by(&Recipe::ca("Client CA").self_signed()),
            &[],
        ),
        row("expired", &aged(-9 * DAY, -DAY), &[]),
        row("not valid yet", &aged(DAY, 9 * DAY), &[]),
        row("an intermediate expired", &device().issued_by(&stale), &[&stale.certificate]),
        row("a server's certificate", &Recipe::server("device", &["device.example"]).issued_by(ca), &[]),
        Row::new("revoked", world.met(&revoking, V1_3, Some(&good), &[])),
        Row::new("another name than the one demanded", world.met(&naming, V1_3, Some(&good), &[])),
    ]
}
