//! Reads a ClientHello as a context sends it: the only public way to know its groups and signature algorithms on
//! OpenSSL 3.0.
#![allow(dead_code, reason = "each test uses its part")]

use std::io::{self, Read, Write};

use openssl::ssl::{Ssl, SslContext, SslStream};

/// What a ClientHello offers, as the numbers of the IANA registries.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Hello {
    pub suites: Vec<u16>,
    pub compressions: Vec<u8>,
    pub extensions: Vec<u16>,
    pub versions: Vec<u16>,
    pub groups: Vec<u16>,
    pub key_shares: Vec<u16>,
    pub signatures: Vec<u16>,
}

/// The ClientHello of a new connection on `context`.
pub fn of(context: &SslContext) -> Hello {
    let mut stream = SslStream::new(Ssl::new(context).unwrap(), Wire(Vec::new())).unwrap();
    let _ = stream.connect();
    parse(&stream.get_ref().0)
}

struct Wire(Vec<u8>);

impl Read for Wire {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (head, tail) = self.0.split_at(count);
        self.0 = tail;
        head
    }
    fn number(&mut self, bytes: usize) -> usize {
        self.take(bytes).iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }
    fn vector(&mut self, length_bytes: usize) -> Cursor<'a> {
        let length = self.number(length_bytes);
        Cursor(self.take(length))
    }
    fn all_u16(mut self) -> Vec<u16> {
        let mut numbers = Vec::new();
        while !self.0.is_empty() {
            numbers.push(self.number(2) as u16);
        }
        numbers
    }
}

/// RFC 8446 section 4.1.2, behind a record header of five and a handshake header of four bytes.
pub fn parse(wire: &[u8]) -> Hello {
    assert!(wire.len() > 9, "no ClientHello was sent");
    assert_eq!(wire[0], 22, "the first record is a handshake record");
    let mut body = Cursor(&wire[9..]);
    body.take(2 + 32);
    body.vector(1);
    let mut hello = Hello { suites: body.vector(2).all_u16(), ..Hello::default() };
    hello.compressions = body.vector(1).0.to_vec();
    let mut extensions = body.vector(2);
    while !extensions.0.is_empty() {
        let kind = extensions.number(2) as u16;
        let mut data = extensions.vector(2);
        hello.extensions.push(kind);
        match kind {
            10 => hello.groups = data.vector(2).all_u16(),
            13 => hello.signatures = data.vector(2).all_u16(),
            43 => hello.versions = data.vector(1).all_u16(),
            51 => {
                let mut shares = data.vector(2);
                while !shares.0.is_empty() {
                    hello.key_shares.push(shares.number(2) as u16);
                    shares.vector(2);
                }
            }
            _ => {}
        }
    }
    hello
}
