//! What each protocol says before TLS.

use crate::connection::starttls::line::Line;
use crate::error::{Error, Result, Status};

/// A protocol that goes over to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 3207.
    Smtp,
    /// RFC 9051 6.2.1.
    Imap,
    /// RFC 2595 section 4.
    Pop3,
    /// RFC 4217.
    Ftp,
    /// RFC 4642.
    Nntp,
    /// PostgreSQL's SSLRequest (its manual, "Frontend/Backend Protocol").
    Postgres,
}

const NAMES: [(&str, Protocol); 6] = [
    ("smtp", Protocol::Smtp),
    ("imap", Protocol::Imap),
    ("pop3", Protocol::Pop3),
    ("ftp", Protocol::Ftp),
    ("nntp", Protocol::Nntp),
    ("postgres", Protocol::Postgres),
];

impl Protocol {
    /// The protocol of a name.
    pub fn parse(word: &str) -> Result<Protocol> {
        let found = NAMES.iter().find(|(name, _)| *name == word).map(|(_, protocol)| *protocol);
        let known = NAMES.map(|(name, _)| format!("\"{name}\""));
        found.ok_or_else(|| {
            Error::new(Status::EArg, format!("{word:?} is no protocol that is known to begin TLS later"))
                .with_hint(format!("known are {}", known.join(", ")))
        })
    }

    /// Its name in the API.
    pub fn word(self) -> &'static str {
        NAMES.iter().find(|(_, protocol)| *protocol == self).map_or("", |(word, _)| word)
    }

    /// The port that IANA gives it.
    pub fn default_port(self) -> u16 {
        match self {
            Protocol::Smtp => 25,
            Protocol::Imap => 143,
            Protocol::Pop3 => 110,
            Protocol::Ftp => 21,
            Protocol::Nntp => 119,
            Protocol::Postgres => 5432,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Protocol::Smtp => "SMTP",
            Protocol::Imap => "IMAP",
            Protocol::Pop3 => "POP3",
            Protocol::Ftp => "FTP",
            Protocol::Nntp => "NNTP",
            Protocol::Postgres => "PostgreSQL",
        }
    }

    /// Asks the server to begin TLS. Once it has agreed the next byte on the socket is TLS's.
    pub fn ask(self, line: &mut Line) -> Result<()> {
        match self {
            Protocol::Smtp => self.smtp(line),
            Protocol::Imap => self.imap(line),
            Protocol::Pop3 => self.pop3(line),
            Protocol::Ftp => self.ftp(line),
            Protocol::Nntp => self.nntp(line),
            Protocol::Postgres => self.postgres(line),
        }?;
        line.check_nothing_follows()
    }

    fn smtp(self, line: &mut Line) -> Result<()> {
        self.demand(line, b"220")?;
        let greeting = format!("EHLO {}\r\n", line.own_address());
        line.say(greeting.as_bytes())?;
        let offers = self.demand(line, b"250")?;
        if !offers.iter().any(|offer| offer.eq_ignore_ascii_case(b"STARTTLS")) {
            return Err(self.not_offered(line, "STARTTLS"));
        }
        line.say(b"STARTTLS\r\n")?;
        self.agreed(line, b"220")
    }

    fn ftp(self, line: &mut Line) -> Result<()> {
        self.demand(line, b"220")?;
        line.say(b"AUTH TLS\r\n")?;
        self.agreed(line, b"234")
    }

    /// A reply of SMTP or FTP, which must have `code`: what stands in its lines behind the code.
    fn demand(self, line: &mut Line, code: &[u8]) -> Result<Vec<Vec<u8>>> {
        let (found, lines) = self.reply(line)?;
        match lines.first() {
            Some(first) if found != code => Err(self.refused(line, &[&found, &b" "[..], first].concat())),
            _ => Ok(lines),
        }
    }

    fn agreed(self, line: &mut Line, code: &[u8]) -> Result<()> {
        self.demand(line, code).map(drop)
    }

    /// A reply of SMTP (RFC 5321 4.2) or FTP (RFC 959 4.2): its code, and the text of each line.
    fn reply(self, line: &mut Line) -> Result<([u8; 3], Vec<Vec<u8>>)> {
        let mut lines = Vec::new();
        let mut code = None;
        loop {
            let text = line.read()?;
            let (number, rest) = match text.split_first_chunk::<3>() {
                Some((number, rest)) if number.iter().all(u8::is_ascii_digit) => (Some(*number), rest),
                // In FTP only the first and the last line must bear the code.
                _ if self == Protocol::Ftp && code.is_some() => (None, &[][..]),
                _ => return Err(self.not_spoken(line, &text)),
            };
            let is_last = matches!(rest.first(), None | Some(b' '));
            let begun = *code.get_or_insert(number.unwrap_or_default());
            let is_of_reply = number == Some(begun);
            let is_well_formed = is_last || rest.first() == Some(&b'-');
            let is_strict = self == Protocol::Smtp || lines.is_empty();
            if is_strict && !(is_of_reply && is_well_formed) {
                return Err(self.not_spoken(line, &text));
            }
            lines.push(rest.get(1..).unwrap_or_default().to_vec());
            if is_of_reply && is_last && number.is_some() {
                return Ok((begun, lines));
            }
        }
    }

    fn imap(self, line: &mut Line) -> Result<()> {
        let greeting = line.read()?;
        let word = greeting.strip_prefix(b"* ").unwrap_or_default();
        if word.len() < 2 || !(word.starts_with(b"OK") || word.starts_with(b"PREAUTH") || word.starts_with(b"BYE")) {
            return Err(self.not_spoken(line, &greeting));
        }
        if !word.starts_with(b"OK") {
            // After PREAUTH no STARTTLS is allowed (RFC 9051 6.2.1): whoever says so keeps the connection in the clear.
            return Err(self.refused(line, &greeting));
        }
        line.say(b"a1 CAPABILITY\r\n")?;
        let untagged = self.tagged(line, b"a1")?;
        let offers = untagged.iter().filter_map(|text| text.strip_prefix(b"* CAPABILITY "));
        let mut words = offers.flat_map(|offers| offers.split(|byte| *byte == b' '));
        if !words.any(|word| word.eq_ignore_ascii_case(b"STARTTLS")) {
            return Err(self.not_offered(line, "STARTTLS"));
        }
        line.say(b"a2 STARTTLS\r\n")?;
        self.tagged(line, b"a2").map(drop)
    }

    /// The lines before the one that answers the command `tag`, which must say "OK".
    fn tagged(self, line: &mut Line, tag: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut untagged = Vec::new();
        loop {
            let text = line.read()?;
            if let Some(rest) = text.strip_prefix(tag).and_then(|rest| rest.strip_prefix(b" ")) {
                let is_ok = rest.get(..2).is_some_and(|word| word.eq_ignore_ascii_case(b"OK"));
                return if is_ok { Ok(untagged) } else { Err(self.refused(line, &text)) };
            }
            if text.starts_with(b"* BYE") {
                return Err(self.refused(line, &text));
            }
            if !text.starts_with(b"* ") {
                return Err(self.not_spoken(line, &text));
            }
            untagged.push(text);
        }
    }

    fn pop3(self, line: &mut Line) -> Result<()> {
        self.ok(line)?;
        line.say(b"CAPA\r\n")?;
        if self.ok(line).is_err_and(|error| error.status() == Status::EPlaintext) {
            return Err(self.not_offered(line, "STLS"));
        }
        let mut is_offered = false;
        loop {
            let text = line.read()?;
            if text == b"." {
                break;
            }
            is_offered |= text.eq_ignore_ascii_case(b"STLS");
        }
        if !is_offered {
            return Err(self.not_offered(line, "STLS"));
        }
        line.say(b"STLS\r\n")?;
        self.ok(line)
    }

    fn ok(self, line: &mut Line) -> Result<()> {
        let text = line.read()?;
        match &text[..] {
            [b'+', b'O', b'K', ..] => Ok(()),
            [b'-', b'E', b'R', b'R', ..] => Err(self.refused(line, &text)),
            _ => Err(self.not_spoken(line, &text)),
        }
    }

    fn nntp(self, line: &mut Line) -> Result<()> {
        self.welcome(line)?;
        let mut offers = self.capabilities(line)?;
        // A server of servers: its readers' side may have it (RFC 3977 5.3).
        if !has(&offers, b"STARTTLS") && has(&offers, b"MODE-READER") {
            line.say(b"MODE READER\r\n")?;
            self.welcome(line)?;
            offers = self.capabilities(line)?;
        }
        if !has(&offers, b"STARTTLS") {
            return Err(self.not_offered(line, "STARTTLS"));
        }
        line.say(b"STARTTLS\r\n")?;
        let (code, text) = self.status(line)?;
        if code == *b"382" { Ok(()) } else { Err(self.refused(line, &text)) }
    }

    fn welcome(self, line: &mut Line) -> Result<()> {
        let (code, text) = self.status(line)?;
        if matches!(&code, b"200" | b"201") { Ok(()) } else { Err(self.refused(line, &text)) }
    }

    /// What the server says it can do (RFC 3977 5.2); nothing where it does not know the question.
    fn capabilities(self, line: &mut Line) -> Result<Vec<Vec<u8>>> {
        line.say(b"CAPABILITIES\r\n")?;
        let (code, text) = self.status(line)?;
        match &code {
            b"101" => {}
            b"500" | b"502" => return Ok(Vec::new()),
            _ => return Err(self.refused(line, &text)),
        }
        let mut offers = Vec::new();
        loop {
            match line.read()? {
                end if end == b"." => return Ok(offers),
                offer => offers.push(offer),
            }
        }
    }

    /// A status line of NNTP (RFC 3977 3.2): its code, and the whole.
    fn status(self, line: &mut Line) -> Result<([u8; 3], Vec<u8>)> {
        let text = line.read()?;
        match text.split_first_chunk::<3>() {
            Some((code, [] | [b' ', ..])) if code.iter().all(u8::is_ascii_digit) => Ok((*code, text.clone())),
            _ => Err(self.not_spoken(line, &text)),
        }
    }

    fn postgres(self, line: &mut Line) -> Result<()> {
        // Its length, and the number of the request.
        line.say(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])?;
        match line.byte()? {
            b'S' => Ok(()),
            b'N' => Err(self.not_offered(line, "TLS")),
            // An old server's error, or another's: nothing of it is shown, as nobody has proved who says it.
            other => Err(self.not_spoken(line, &[other])),
        }
    }

    fn not_offered(self, line: &Line, what: &str) -> Error {
        Error::new(Status::EPlaintext, format!("the {} server at {} does not offer {what}", self.name(), line.peer())).with_hint(
            "nothing was sent in the clear. The server must be configured for it; or somebody on the way takes the offer out",
        )
    }

    fn refused(self, line: &Line, words: &[u8]) -> Error {
        let what = format!("the {} server at {} does not begin TLS: it said \"{}\"", self.name(), line.peer(), shown(words));
        Error::new(Status::EPlaintext, what).with_hint("nothing was sent in the clear")
    }

    fn not_spoken(self, line: &Line, words: &[u8]) -> Error {
        let what = format!("{} does not speak {}: it said \"{}\"", line.peer(), self.name(), shown(words));
        Error::new(Status::EProtocol, what).with_hint("is it the right port?")
    }
}

/// Whether one of the capabilities begins with this word.
fn has(offers: &[Vec<u8>], word: &[u8]) -> bool {
    offers.iter().any(|offer| offer.split(|byte| *byte == b' ').next().is_some_and(|first| first.eq_ignore_ascii_case(word)))
}

fn shown(words: &[u8]) -> String {
    words.get(..words.len().min(80)).unwrap_or_default().escape_ascii().to_string()
}
