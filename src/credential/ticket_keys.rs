//! The keys of a server's session tickets: those in a file, which a fleet shares, and those that a server makes for itself.
//!
//! The latter come from each other: the key of a period, and the secret of the next, are derived from its secret, which is
//! then forgotten. So processes that were forked after the first secret was made have the same keys without a word, and
//! who reads the memory of one opens no ticket of long before.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openssl::md::Md;
use openssl::pkey::Id;
use openssl::pkey_ctx::{HkdfMode, PkeyCtx};

use crate::credential::read::open_to_all;
use crate::error::{Error, Result, Status};
use crate::libssl::secret::Secret;
use crate::libssl::tickets::{TicketKey, WHOLE};
use crate::trust::{named, one_file};

/// A file with one key takes 109 bytes.
const LARGEST: usize = 64 << 10;

/// What a shell does for a key, without the line's end.
const WRITES_ONE: &str = "openssl rand 80 | base64 -w0";

/// The keys in a file: one base64 line of 80 bytes a key.
pub struct KeyFile {
    path: PathBuf,
    keys: Vec<Arc<TicketKey>>,
    /// The file, where everybody can read it.
    pub open_file: Option<String>,
}

impl std::fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ticket keys of {:?}", self.keys.len(), self.path)
    }
}

impl KeyFile {
    /// Reads the file at `path`.
    pub fn read(path: &Path) -> Result<KeyFile> {
        let origin = format!("the ticket key file {path:?}");
        let Some(text) = one_file::read_regular(path, &format!("{path:?}"), LARGEST)?.map(Secret) else {
            return Err(Error::new(Status::EFileIo, format!("{origin} is larger than ticket keys can be"))
                .with_hint("it may take up to 64 KiB, which is some six hundred keys"));
        };
        let keys = parse(&text, &origin)?;
        Ok(KeyFile { path: named::absolute(path), keys, open_file: open_to_all(path) })
    }

    /// The same file as it is now.
    pub fn read_again(&self) -> Result<KeyFile> {
        KeyFile::read(&self.path)
    }

    /// The key that new tickets are sealed with: the last but one, so that a new key can reach every machine before any uses
    /// it; a single one is used itself.
    pub fn sealing(&self) -> Option<Arc<TicketKey>> {
        self.keys.get(self.keys.len().saturating_sub(2)).cloned()
    }

    /// The key of this name.
    pub fn named(&self, name: &[u8]) -> Option<Arc<TicketKey>> {
        self.keys.iter().find(|key| key.name() == name).cloned()
    }

    /// How many keys there are.
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// Where they came from.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn parse(text: &[u8], origin: &str) -> Result<Vec<Arc<TicketKey>>> {
    let mut keys: Vec<Arc<TicketKey>> = Vec::new();
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let wrong = |what: String| {
            Error::new(Status::EArg, format!("line {number} of {origin} {what}"))
                .with_hint(format!("each line is one key: 80 random bytes in base64, as `{WRITES_ONE}` writes them"))
        };
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
        let decoded = std::str::from_utf8(line).ok().filter(|line| line.bytes().all(|byte| is_base64(&byte)));
        let decoded = decoded.and_then(|line| openssl::base64::decode_block(line).ok()).map(Secret);
        let Some(decoded) = decoded else { return Err(wrong("is no base64".to_owned())) };
        let Ok(bytes) = <[u8; WHOLE]>::try_from(&decoded[..]) else {
            return Err(wrong(format!("holds {} bytes, not {WHOLE}", decoded.len())));
        };
        let key = TicketKey::new(bytes);
        if keys.iter().any(|other| other.name() == key.name()) {
            return Err(wrong("has the name (the first 16 bytes) of a key above it".to_owned()));
        }
        keys.push(Arc::new(key));
    }
    if keys.is_empty() {
        return Err(Error::new(Status::EEmpty, format!("{origin} holds no key"))
            .with_hint(format!("`{WRITES_ONE}` writes one")));
    }
    Ok(keys)
}

/// The keys that a server makes for itself.
pub struct OwnKeys(Mutex<Chain>);

struct Chain {
    /// How many seconds each key seals for.
    period: i64,
    /// The number of the period that `secret` belongs to, since 1970.
    number: i64,
    secret: Secret,
    current: Arc<TicketKey>,
    previous: Option<Arc<TicketKey>>,
}

/// A server that slept for longer takes up again where it is.
const MOST_STEPS: i64 = 100_000;

impl OwnKeys {
    /// New ones at `now`, in Unix seconds; each seals for `period` seconds, and opens for as many more.
    pub fn new(period: i64, now: i64) -> Result<OwnKeys> {
        let mut secret = Secret(vec![0; 32]);
        openssl::rand::rand_priv_bytes(&mut secret.0)
            .map_err(|error| Error::new(Status::EInternal, format!("OpenSSL gives no random bytes: {error}")))?;
        let current = Arc::new(key_of(&secret)?);
        Ok(OwnKeys(Mutex::new(Chain { period, number: now.div_euclid(period), secret, current, previous: None })))
    }

    /// The key that tickets are sealed with at `now`.
    pub fn sealing(&self, now: i64) -> Result<Arc<TicketKey>> {
        let mut chain = self.chain();
        chain.go_on(now)?;
        Ok(Arc::clone(&chain.current))
    }

    /// The key of this name, where it still opens tickets at `now`.
    pub fn named(&self, name: &[u8], now: i64) -> Result<Option<Arc<TicketKey>>> {
        let mut chain = self.chain();
        chain.go_on(now)?;
        let known = std::iter::once(&chain.current).chain(&chain.previous);
        Ok(known.into_iter().find(|key| key.name() == name).cloned())
    }

    fn chain(&self) -> MutexGuard<'_, Chain> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chain {
    /// Derives the keys of the period that `now` lies in. A clock that goes back changes nothing.
    fn go_on(&mut self, now: i64) -> Result<()> {
        let number = now.div_euclid(self.period);
        let steps = number.saturating_sub(self.number).min(MOST_STEPS);
        for _ in 0..steps {
            let next = Secret(derived(&self.secret, b"hostlock tickets: next", 32)?);
            let key = Arc::new(key_of(&next)?);
            self.secret = next;
            self.previous = Some(std::mem::replace(&mut self.current, key));
        }
        self.number = self.number.max(number);
        Ok(())
    }
}

fn key_of(secret: &[u8]) -> Result<TicketKey> {
    let bytes = Secret(derived(secret, b"hostlock tickets: key", WHOLE)?);
    let failed = |_| Error::new(Status::EInternal, "a key of another length");
    <[u8; WHOLE]>::try_from(&bytes[..]).map(TicketKey::new).map_err(failed)
}

/// HKDF-Expand (RFC 5869 2.3) with SHA-256.
fn derived(secret: &[u8], label: &[u8], len: usize) -> Result<Vec<u8>> {
    let mut out = vec![0; len];
    let mut derive = || {
        let mut hkdf = PkeyCtx::new_id(Id::HKDF)?;
        hkdf.derive_init()?;
        hkdf.set_hkdf_mode(HkdfMode::EXPAND_ONLY)?;
        hkdf.set_hkdf_md(Md::sha256())?;
        hkdf.set_hkdf_key(secret)?;
        hkdf.add_hkdf_info(label)?;
        hkdf.derive(Some(&mut out))
    };
    derive().map_err(|error| Error::new(Status::EInternal, format!("OpenSSL derives no key: {error}")))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    /// What a forked process has.
    fn forked(keys: &OwnKeys) -> OwnKeys {
        let chain = keys.chain();
        OwnKeys(Mutex::new(Chain {
            period: chain.period,
            number: chain.number,
            secret: Secret(chain.secret.0.clone()),
            current: Arc::clone(&chain.current),
            previous: chain.previous.clone(),
        }))
    }

    fn name(key: &TicketKey) -> Vec<u8> {
        key.name().to_vec()
    }

    #[test]
    fn a_key_seals_for_one_period_and_opens_for_one_more() {
        let keys = OwnKeys::new(DAY, 10 * DAY).unwrap();
        let first = name(&keys.sealing(10 * DAY).unwrap());
        assert_eq!(name(&keys.sealing(11 * DAY - 1).unwrap()), first);
        let second = name(&keys.sealing(11 * DAY).unwrap());
        assert_ne!(second, first);
        assert!(keys.named(&first, 12 * DAY - 1).unwrap().is_some());
        assert!(keys.named(&second, 12 * DAY).unwrap().is_some());
        assert!(keys.named(&first, 12 * DAY).unwrap().is_none());
        assert!(keys.named(&[0; 16], 12 * DAY).unwrap().is_none());
    }

    #[test]
    fn processes_that_were_forked_agree_whenever_each_looks() {
        let one = OwnKeys::new(DAY, 0).unwrap();
        let other = forked(&one);
        one.sealing(3 * DAY).unwrap();
        let late = forked(&one);
        let key = one.sealing(7 * DAY).unwrap();
        for process in [&other, &late] {
            let same = process.sealing(7 * DAY + 5).unwrap();
            assert_eq!(name(&same), name(&key));
        }
        let before = name(&other.chain().previous.clone().unwrap());
        assert!(one.named(&before, 7 * DAY).unwrap().is_some() && late.named(&before, 7 * DAY).unwrap().is_some());
        assert_ne!(name(&OwnKeys::new(DAY, 0).unwrap().sealing(7 * DAY).unwrap()), name(&key));
    }

    #[test]
    fn a_clock_that_jumps_ends_no_server() {
        let keys = OwnKeys::new(DAY, 100 * DAY).unwrap();
        let now = name(&keys.sealing(100 * DAY).unwrap());
        assert_eq!(name(&keys.sealing(0).unwrap()), now);
        assert_eq!(name(&keys.sealing(i64::MIN).unwrap()), now);
        keys.sealing(i64::MAX).unwrap();
        keys.sealing(0).unwrap();
    }

    fn line(byte: u8) -> String {
        openssl::base64::encode_block(&[byte; WHOLE])
    }

    #[test]
    fn the_last_but_one_seals_and_all_open() {
        for (count, sealing) in [(1_u8, 1_u8), (2, 1), (3, 2), (4, 3)] {
            let text: String = (1..=count).map(|byte| format!("{}\r\n\n", line(byte))).collect();
            let keys = KeyFile { path: PathBuf::new(), keys: parse(text.as_bytes(), "it").unwrap(), open_file: None };
            assert_eq!(keys.sealing().unwrap().name(), [sealing; 16], "{count}");
            assert!((1..=count).all(|byte| keys.named(&[byte; 16]).is_some()) && keys.named(&[9; 16]).is_none());
        }
    }

    #[test]
    fn the_command_of_the_hints_and_of_the_guide_writes_a_key() {
        // The command has the libssl that it was built for.
        let mut shell = std::process::Command::new("sh");
        let output = shell.env_remove("LD_LIBRARY_PATH").args(["-c", WRITES_ONE]).output().unwrap();
        assert_eq!(parse(&output.stdout, "it").unwrap().len(), 1, "{output:?}");
        let guide = include_str!("../../docs/guide.md");
        assert!(guide.contains(&format!("`{WRITES_ONE}`")));
    }

    #[test]
    fn a_file_that_is_not_there_is_named_once() {
        let error = KeyFile::read(Path::new("/nowhere/keys")).unwrap_err();
        assert_eq!((error.status(), error.message()), (Status::ENotFound, "there is no file \"/nowhere/keys\""));
    }

    #[test]
    fn what_is_no_key_is_refused_by_its_line() {
        let short = openssl::base64::encode_block(&[1; 48]);
        let [one, two] = [line(1), line(2)];
        for (text, status, words) in [
            (String::new(), Status::EEmpty, "holds no key"),
            ("\n \r\n".to_owned(), Status::EEmpty, "holds no key"),
            (format!("{one}\n{short}\n"), Status::EArg, "line 2 of it holds 48 bytes, not 80"),
            (format!("{one}\n\n{two}\n{one}"), Status::EArg, "line 4 of it has the name"),
            (format!("# a comment\n{one}"), Status::EArg, "line 1 of it is no base64"),
            (one.replace('=', ""), Status::EArg, "line 1 of it is no base64"),
            (format!("{one}{two}"), Status::EArg, "line 1 of it"),
            ("\u{fe}".to_owned(), Status::EArg, "line 1 of it is no base64"),
        ] {
            let error = parse(text.as_bytes(), "it").err().unwrap();
            assert_eq!(error.status(), status, "{text:?}: {}", error.message());
            assert!(error.message().contains(words), "{text:?}: {}", error.message());
        }
    }
}
