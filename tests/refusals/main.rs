//! What hostlock says when it refuses: situations are brought about with real peers, and what comes of them is the
//! committed table `docs/refusals.md`, which a reader can check at a glance. `HOSTLOCK_BLESS=1` writes it anew.

#[path = "../connection/c.rs"]
#[allow(dead_code, reason = "these tests use a part of it")]
mod c;
mod calls;
mod client_chains;
mod client_names;
mod client_peers;
mod files;
#[path = "../connection/peer.rs"]
#[allow(dead_code, reason = "these tests use a part of it")]
mod peer;
mod served;
mod server_chains;
mod server_peers;
#[path = "../support/mod.rs"]
mod support;
mod table;

use std::path::Path;

use table::Section;

#[test]
fn what_is_refused_is_said_as_the_committed_table_says() {
    let sections = [
        Section::new("Clients: the host", client_names::rows()),
        Section::new("Clients: the chain", client_chains::rows()),
        Section::new("Clients: the peer and its TLS", client_peers::rows()),
        Section::new("Clients that call SSL_connect: the peer and its TLS", client_peers::rows_of_old_code()),
        Section::new("Servers: the client's certificate", server_chains::rows()),
        Section::new("Servers: the client and its TLS", server_peers::rows()),
        Section::new("Files of trust anchors", files::rows()),
        Section::new("Calls on this side", calls::rows()),
    ];
    let said = table::render(&sections);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/refusals.md");
    if std::env::var_os("HOSTLOCK_BLESS").is_some() {
        std::fs::write(&path, &said).unwrap();
    }
    let committed = std::fs::read_to_string(&path).expect("docs/refusals.md is there");
    let differences = table::differences(&said, &committed);
    // What libssl itself finds, and in which words, changes with its version.
    const OPENSSL_3_0: i64 = 0x300;
    if openssl::version::number() >> 20 != OPENSSL_3_0 {
        return println!("skipped: the table is that of OpenSSL 3.0; this one differs in\n{differences}");
    }
    assert!(differences.is_empty(), "the table changed; if that is meant, HOSTLOCK_BLESS=1 writes it\n{differences}");
}
