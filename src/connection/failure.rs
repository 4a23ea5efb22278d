//! What went wrong on a connection, from facts to words. The functions here are pure: they look at nothing but what
//! they are given, and what the peer sent appears in a message only in escaped form.

use std::ffi::c_int;
use std::io;

use crate::connection::head::{begins_like_tls, chosen, not_tls, offered};
use crate::error::{Error, Status};
use crate::handshake::alert;
use crate::handshake::reasons::{self, Cause, Common};
use crate::os::words;
use crate::role::Role;

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Making the connection.
    Handshake,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Saying goodbye.
    Shutdown,
}

impl Phase {
    /// When it was, in words.
    pub fn words(self) -> &'static str {
        match self {
            Phase::Handshake => "during the handshake",
            Phase::Read => "while reading",
            Phase::Write => "while writing",
            Phase::Shutdown => "while saying goodbye",
        }
    }
}

/// An entry of OpenSSL's error queue.
#[derive(Clone, Debug)]
pub struct Reason {
    /// Whether libssl itself raised it.
    pub from_libssl: bool,
    /// The number of the reason.
    pub code: c_int,
    /// OpenSSL's words.
    pub text: String,
}

/// What a client offers in its hello, or a server takes.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// The versions, as OpenSSL numbers them.
    pub versions: Vec<c_int>,
    /// The cipher suites, by OpenSSL's names.
    pub suites: Vec<String>,
}

/// All that is known of a failure.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// What was being done.
    pub phase: Phase,
    /// The side that failed.
    pub role: Role,
    /// The peer's address, for the words.
    pub peer: &'a str,
    /// What libssl said.
    pub reason: Option<Reason>,
    /// What the operating system said.
    pub errno: Option<c_int>,
    /// Whether the peer's side is at its end.
    pub ended: bool,
    /// The first bytes that the peer sent on this connection, where they are known.
    pub head: &'a [u8],
    /// Whether the peer said anything.
    pub heard: bool,
    /// Whether it failed before the peer's hello was taken.
    pub before_hello: bool,
    /// What is offered, or taken.
    pub offer: Offer,
    /// Whether this side has no certificate to show; of a client also that it was asked for one.
    pub lacks_certificate: bool,
    /// Whether no name was asked for: an address is none (RFC 6066 section 3).
    pub nameless: bool,
    /// Whether a server's client has shown one.
    pub has_shown_certificate: bool,
}

/// The error for `facts`.
pub fn explain(facts: &Facts<'_>) -> Error {
    if facts.phase == Phase::Handshake && facts.before_hello && !begins_like_tls(facts.role, facts.head) {
        return not_tls(facts.role, facts.peer, facts.head);
    }
    if let Some(reason) = facts.reason.as_ref().filter(|reason| reason.from_libssl)
        && let Some(error) = from_libssl(facts, reason)
    {
        return error;
    }
    match facts.errno {
        Some(libc::ECONNRESET | libc::EPIPE | libc::ECONNABORTED) => return cut(facts, "reset"),
        Some(errno) => {
            let why = words::of(&io::Error::from_raw_os_error(errno));
            return Error::new(Status::EIo, format!("the connection with {} failed {}: {why}", facts.peer, facts.phase.words()));
        }
        None => {}
    }
    if facts.ended {
        return cut(facts, "closed");
    }
    match &facts.reason {
        // libssl names the library that failed, and not whose fault it is.
        Some(reason) if reason.text.ends_with(" lib") => Error::new(
            Status::EProtocol,
            format!("OpenSSL failed {} with what {} sent ({})", facts.phase.words(), facts.peer, reason.text),
        )
        .with_hint("what the peer sent may be damaged; or OpenSSL has no memory left here, or lacks an algorithm"),
        Some(reason) => Error::new(
            Status::EProtocol,
            format!("{} broke the TLS protocol {}: {}", facts.peer, facts.phase.words(), reason.text),
        )
        .with_hint("the peer's TLS has a defect, or something on the way altered what it sent"),
        None => failed_earlier(),
    }
}

/// The error for a process that can open nothing more.
pub fn no_socket(error: &io::Error) -> Error {
    Error::new(Status::EIo, format!("no socket could be opened here: {}", words::of(error)))
        .with_hint("the peer is not to blame: close what is not needed any more, or permit more open files (ulimit -n)")
}

/// The error for a connection that libssl had given up before, for a reason that is not known any more.
pub fn failed_earlier() -> Error {
    Error::new(Status::EState, "this connection failed earlier and cannot be used any more")
        .with_hint("make a new connection")
}

/// The error for a limit of bytes. `peers` is what the peer is one of.
pub fn flooded(peer: &str, what: &str, peers: &str) -> Error {
    Error::new(Status::EFlood, format!("{peer} sent {what}, and was cut off"))
        .with_hint(format!("no honest {peers} does this; the connection may be under attack"))
}

const UNEXPECTED_EOF_WHILE_READING: c_int = 294;
const PROTOCOL_IS_SHUTDOWN: c_int = 207;
const BAD_WRITE_RETRY: c_int = 127;
const CERTIFICATE_VERIFY_FAILED: c_int = 134;

fn from_libssl(facts: &Facts<'_>, reason: &Reason) -> Option<Error> {
    match reason.code {
        UNEXPECTED_EOF_WHILE_READING => return Some(cut(facts, "closed")),
        PROTOCOL_IS_SHUTDOWN => return Some(closed()),
        BAD_WRITE_RETRY => {
            return Some(
                Error::new(
                    Status::EState,
                    "the write before this one is still under way, and this one has less or other data",
                )
                .with_hint("after HOSTLOCK_WANT_WRITE, WANT_READ or a timeout, write the same data again"),
            );
        }
        CERTIFICATE_VERIFY_FAILED => {
            return Some(Error::new(
                Status::EUnverified,
                format!("the certificate of {} was refused by a verification that is not hostlock's", facts.peer),
            ));
        }
        _ => {}
    }
    let cause = reasons::of(facts.role, reason.code)?;
    match cause {
        // Then it is the client's signature, and not the server's.
        Cause::Common(Common::Signature) if facts.has_shown_certificate => None,
        Cause::Alert(description) => Some(alerted(facts, cause, description)),
        _ if facts.phase != Phase::Handshake => None,
        _ if facts.role == Role::Server && facts.lacks_certificate && reasons::may_lack_own_certificate(cause) => {
            Some(reasons::no_own_certificate(facts.peer))
        }
        // What begins like TLS speaks it, in a version that is not known.
        Cause::NotTls(None) if facts.heard && !facts.head.is_empty() => Some(versions(facts, Cause::Version)),
        Cause::Version => Some(versions(facts, cause)),
        Cause::NoVersionLeft => Some(versions(facts, cause)),
        Cause::NotOffered => Some(not_offered(facts, &reason.text)),
        Cause::NoSuiteLeft => Some(suites(facts, cause, "no cipher suite is left to offer")),
        Cause::Common(common @ (Common::Suite | Common::Group)) => {
            Some(suites(facts, cause, &common.message(facts.role, facts.peer)))
        }
        _ => Some(cause.error(facts.role, facts.peer)),
    }
}

/// Nothing in common, or nothing left to offer: which versions there are on either side.
fn versions(facts: &Facts<'_>, cause: Cause) -> Error {
    let peer = facts.peer;
    let ours: Vec<String> = facts.offer.versions.iter().map(|version| version_name(*version)).collect();
    let (ours, role) = (all(&ours), facts.role);
    let message = match (role, cause) {
        (_, Cause::NoVersionLeft) => format!("no version is left to offer; offered were {ours}"),
        (Role::Client, _) => match chosen(facts.head) {
            Some((version, _)) => format!("{peer} chose {}; offered were {ours}", version_name(version.into())),
            None => format!("{peer} answered in another version of TLS; offered were {ours}"),
        },
        (Role::Server, _) => match offered(facts.head).filter(|version| *version < TLS_1_2) {
            Some(version) => {
                format!("{peer} offers nothing newer than {}; served are {ours}", version_name(version.into()))
            }
            None => format!("{peer} offers none of the versions that are served: {ours}"),
        },
    };
    Error::new(Status::ENoCommonVersion, message).with_hint(cause.hint(role))
}

const TLS_1_2: u16 = 0x0303;

/// A server chose what was never offered to it.
fn not_offered(facts: &Facts<'_>, text: &str) -> Error {
    let peer = facts.peer;
    let what = match chosen(facts.head) {
        // A suite that was offered is not what libssl complains of.
        Some((_, Some(suite))) if text.contains("cipher") => {
            format!("{peer} chose the cipher suite {suite:#06x}, which was not offered")
        }
        _ => format!("{peer} chose what was not offered ({text})"),
    };
    suites(facts, Cause::NotOffered, &what)
}

fn suites(facts: &Facts<'_>, cause: Cause, what: &str) -> Error {
    let are = if facts.role == Role::Client { "offered were" } else { "served are" };
    let message = match cause {
        Cause::Common(Common::Group) => what.to_owned(),
        _ => format!("{what}; {are} {}", all(&facts.offer.suites)),
    };
    Error::new(Status::ENoCommonCipher, message).with_hint(cause.hint(facts.role))
}

/// The error for writing after the goodbye.
pub fn closed() -> Error {
    Error::new(Status::EClosed, "the connection was closed with hostlock_shutdown, so no more can be written")
}

fn alerted(facts: &Facts<'_>, cause: Cause, description: u8) -> Error {
    let name = alert::name(description);
    if facts.role == Role::Client && facts.phase == Phase::Handshake && facts.before_hello {
        match description {
            alert::PROTOCOL_VERSION => {
                let versions: Vec<String> = facts.offer.versions.iter().map(|version| version_name(*version)).collect();
                let what = format!("{} refused every version (alert {name})", facts.peer);
                return Error::new(Status::ENoCommonVersion, format!("{what}; offered were {}", all(&versions)))
                    .with_hint(cause.hint(facts.role));
            }
            alert::HANDSHAKE_FAILURE | alert::INSUFFICIENT_SECURITY => {
                let what = format!("{} found nothing to its liking in what was offered (alert {name})", facts.peer);
                let error = suites(facts, cause, &what);
                let hint = format!("{}; or it serves nobody who asks for no name, and an address is none", error.hint());
                return if facts.nameless { error.with_hint(hint) } else { error };
            }
            _ => {}
        }
    }
    Error::new(Status::EAlert, format!("{} sent the alert {name} {}", facts.peer, facts.phase.words()))
        .with_hint(match facts.role {
            Role::Client if facts.nameless && description == alert::UNRECOGNIZED_NAME => {
                "no name was asked for, as an address is none (RFC 6066), and the server wants one: connect by its name"
            }
            Role::Client if facts.lacks_certificate => alert::meaning_without_certificate(description),
            role => alert::meaning(role, description),
        })
}

fn cut(facts: &Facts<'_>, how: &str) -> Error {
    let peer = facts.peer;
    match (facts.phase, facts.role) {
        (Phase::Handshake, role) if !facts.heard => Error::new(
            Status::ETruncated,
            format!("the connection was {how} by {peer} during the handshake, before it said anything"),
        )
        .with_hint(match role {
            Role::Client => {
                "does this port speak TLS? Some servers hang up where they know only old versions or another host"
            }
            Role::Server => "health checks and scans of ports do this; a TLS client would have spoken first",
        }),
        (Phase::Handshake, _) if facts.before_hello => Error::new(
            Status::ETruncated,
            format!("the connection was {how} by {peer} in the middle of the handshake, before its hello was complete"),
        )
        .with_hint("it may have been stopped, or something on the way cuts connections"),
        (Phase::Handshake, role) => {
            Error::new(Status::ETruncated, format!("the connection was {how} by {peer} in the middle of the handshake"))
                .with_hint(match role {
                    Role::Client => {
                        "some servers hang up without an alert where they refuse a client or its certificate: look at the \
                         server's log"
                    }
                    Role::Server => {
                        "some clients hang up without an alert where they do not trust this server's certificate: look at \
                         the client's log"
                    }
                })
        }
        (phase, _) => Error::new(
            Status::ETruncated,
            format!("the connection was {how} by {peer} {} without TLS's close_notify", phase.words()),
        )
        .with_hint(match phase {
            Phase::Write => "it is not known how much of what was written the peer got: make a new connection",
            _ => "what was read so far may be incomplete: do not use it unless its own format says where it ends",
        }),
    }
}

/// The name of a version that OpenSSL numbers so.
pub fn version_name(version: c_int) -> String {
    match version {
        0x0002 => "SSL 2.0".to_owned(),
        0x0300 => "SSL 3.0".to_owned(),
        0x0301 => "TLS 1.0".to_owned(),
        0x0302 => "TLS 1.1".to_owned(),
        0x0303 => "TLS 1.2".to_owned(),
        0x0304 => "TLS 1.3".to_owned(),
        0x0100 | 0xfeff => "DTLS 1.0".to_owned(),
        0xfefd => "DTLS 1.2".to_owned(),
        other => format!("the unknown version {other:#06x}"),
    }
}

/// A list in words.
pub fn all(words: &[String]) -> String {
    match words {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests;
