//! CRLs at work in real handshakes, through the C ABI.

mod deltas;
mod issuers;
mod loading;
mod modes;
mod reload;
mod scopes;
#[path = "../support/mod.rs"]
mod support;

use hostlock::ffi::revocation::{hostlock_ctx_add_crl_mem, hostlock_ctx_set_crl_mode};
use support::crl::{CrlRecipe, delta_since};
use support::peer::{Client, Server, serve};
use support::pki::{DAY, Identity, Recipe};
use support::scratch::Scratch;

const HOST: &str = "site.example";

/// A root, an intermediate, and a server that sends both its own certificate and the intermediate's.
struct Site {
    root: Identity,
    middle: Identity,
    leaf: Identity,
    server: Server,
}

fn site() -> Site {
    let root = Recipe::ca("Root CA").self_signed();
    let middle = Recipe::ca("Middle CA").issued_by(&root);
    let leaf = Recipe::server(HOST, &[HOST]).issued_by(&middle);
    let server = serve(&leaf, &[&middle]);
    Site { root, middle, leaf, server }
}

impl Site {
    fn client(&self) -> Client {
        Client::trusting(&[&self.root])
    }

    /// The outcome with these CRLs, in this mode.
    fn with(&self, mode: Option<&str>, crls: Vec<CrlRecipe>) -> Result<String, hostlock::error::Error> {
        let client = self.client();
        for crl in crls {
            client.set_bytes(hostlock_ctx_add_crl_mem, &crl.pem()).unwrap();
        }
        if let Some(mode) = mode {
            client.set_text(hostlock_ctx_set_crl_mode, mode).unwrap();
        }
        client.connect(Some(HOST), self.server.port)
    }

    fn good_root(&self) -> CrlRecipe {
        CrlRecipe::of(&self.root)
    }

    fn good_middle(&self) -> CrlRecipe {
        CrlRecipe::of(&self.middle)
    }
}

const OLD: i64 = -2 * DAY;

fn expired(crl: CrlRecipe) -> CrlRecipe {
    CrlRecipe { this_update: -9 * DAY, next_update: OLD, ..crl }
}

/// The CRL names no key, so that OpenSSL itself cannot tell whose it is.
fn keyless(crl: CrlRecipe) -> CrlRecipe {
    CrlRecipe { key_id: None, ..crl }
}

fn delta(base: CrlRecipe) -> CrlRecipe {
    CrlRecipe { number: Some(2), extensions: vec![delta_since(1)], ..base }
}

/// Puts a file there at one blow, as those who publish CRLs should.
fn put(dir: &Scratch, name: &str, contents: &[u8]) -> String {
    let (path, aside) = (dir.join(name), dir.join(&format!("{name}.new")));
    std::fs::write(&aside, contents).unwrap();
    std::fs::rename(&aside, &path).unwrap();
    path.to_str().unwrap().to_owned()
}
