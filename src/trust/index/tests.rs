use super::*;

fn bundle() -> Vec<u8> {
    let mut text = Vec::new();
    for der in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        text.extend(X509::from_der(der).unwrap().to_pem().unwrap());
    }
    text
}

fn eager(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let set = decode::parse(text, "the text").ok()?;
    Some(set.certificates.iter().map(|certificate| certificate.to_der().unwrap()).collect())
}

fn indexed(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let index = Index::read(text, "the text").ok()?;
    // Every certificate must be readable, or a handshake would fail where an eager reader had refused the file.
    (0..index.roots.len() as u32).map(|at| index.parse(at).unwrap().to_der().ok()).collect()
}

#[test]
fn a_whole_bundle_is_indexed_in_order_and_each_root_is_found_by_its_name() {
    let index = Index::of_common_pem(&bundle(), "the bundle").unwrap();
    assert!(index.certificates().eq(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|der| der.as_ref())));
    for (position, der) in webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().enumerate() {
        let name = X509::from_der(der).unwrap().subject_name().to_der().unwrap();
        let found: Vec<u32> = index.named(name::key(&name).unwrap()).collect();
        assert!(found.contains(&(position as u32)));
        assert!(found.len() <= 2, "keys tell the roots apart");
    }
}

#[test]
fn the_table_that_the_build_made_is_what_an_index_of_the_bundled_roots_finds_out() {
    let (built, found) = (crate::trust::bundled::roots(), Index::of_common_pem(&bundle(), "the bundle").unwrap());
    assert_eq!(built.roots.len(), webpki_root_certs::TLS_SERVER_ROOT_CERTS.len());
    assert!(built.certificates().eq(found.certificates()));
    assert!(built.roots.iter().map(|root| root.key).eq(found.roots.iter().map(|root| root.key)));
    assert_eq!(built.by_key, found.by_key);
    assert_eq!(built.lacks_key, found.lacks_key);
}

#[test]
fn of_several_texts_those_that_only_repeat_a_block_add_nothing_and_all_others_are_read() {
    let bundle = bundle();
    let text = std::str::from_utf8(&bundle).unwrap();
    let blocks: Vec<&str> = text.split_inclusive("-----END CERTIFICATE-----\n").take(4).collect();
    let [a, b, c, d] = blocks[..] else { panic!("there are four") };
    let first = format!("{a}{b}");
    // The same characters in the middle, where the texts are told apart, and another certificate.
    let changed = b.replacen("MII", "MIJ", 1);
    let commented = format!("# twice\n{c}{c}");
    let texts = [&first, a, c, b, &commented, d, c];
    let index = Index::of_common_pems(texts.iter().map(|text| text.as_bytes()), "them").unwrap();
    let expected: Vec<Vec<u8>> = [a, b, c, d].iter().flat_map(|text| eager(text.as_bytes()).unwrap()).collect();
    assert!(index.certificates().eq(expected.iter().map(Vec::as_slice)));
    for broken in [&changed, "", "no block"] {
        assert!(Index::of_common_pems([&first, broken].iter().map(|text| text.as_bytes()), "them").is_none());
    }
}

#[test]
fn whatever_happens_to_a_bundle_the_index_holds_what_the_eager_reader_reads() {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut below = move |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % bound.max(1) as u64) as usize
    };
    let bundle = bundle();
    let piece = &bundle[..bundle.len().min(6000)];
    let end = piece.windows(25).rposition(|window| window == b"-----END CERTIFICATE-----").unwrap() + 26;
    let piece = &piece[..end];
    let (mut read, mut refused) = (0, 0);
    let rounds = if std::env::var_os("HOSTLOCK_LONG").is_some() { 20_000 } else { 1_000 };
    for _ in 0..rounds {
        let mut text = piece.to_vec();
        for _ in 0..=below(2) {
            let at = below(text.len());
            match below(7) {
                0 => text[at] = below(256) as u8,
                1 => drop(text.remove(at)),
                2 => text.insert(at, [b'\n', b'\r', b' ', b'=', b'-', 0, b':', 0xef][below(8)]),
                3 => text.truncate(at),
                4 => drop(text.splice(at..at, *b"\n-----BEGIN CERTIFICATE-----\n")),
                5 => drop(text.splice(at..(at + below(3000)).min(piece.len()).min(text.len()), [])),
                _ => drop(text.splice(0..0, *b"\xef\xbb\xbf# caf\xe9\r\n")),
            }
            if text.is_empty() {
                text.push(b'\n');
            }
        }
        let expected = eager(&text);
        *if expected.is_some() { &mut read } else { &mut refused } += 1;
        assert_eq!(indexed(&text), expected, "{}", String::from_utf8_lossy(&text));
    }
    assert!(read > rounds / 10 && refused > rounds / 10, "{read} were read, {refused} were refused");
}

#[test]
fn bytes_that_are_no_text_are_refused_and_nothing_panics() {
    for text in [
        &[][..],
        &[0; 5000],
        &[0xff; 5000],
        b"-----BEGIN ",
        b"-----BEGIN CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\n",
    ] {
        assert!(Index::read(text, "the text").is_err());
    }
}
