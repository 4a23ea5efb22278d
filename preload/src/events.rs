//! The line that is written where text in the clear was stopped. It is made without an allocation: a write may be interrupted
//! anywhere.

use std::ffi::CString;
use std::fmt::{self, Write};
use std::sync::OnceLock;

use crate::kernel;
use crate::names::{LONGEST, Name, Place, TABLE, ip_from};

static LOG: OnceLock<CString> = OnceLock::new();

/// Where events are written.
pub fn log_to(path: CString) {
    let _ = LOG.set(path);
}

/// Says that text in the clear to `place`, and by way of it to the host that a proxy was told, was stopped, or would have been.
pub fn stopped(is_stopped: bool, place: Place, host: Option<Name>) {
    let Some(path) = LOG.get() else { return };
    let mut line = Line { bytes: [0; 1024], length: 0 };
    let _ = describe(&mut line, is_stopped, place, host, kernel::own_number(), kernel::now());
    kernel::append(path, &line.bytes[..line.length]);
}

fn describe(line: &mut Line, is_stopped: bool, place: Place, host: Option<Name>, pid: u32, now: i64) -> fmt::Result {
    let event = if is_stopped { "stopped" } else { "would_stop" };
    write!(line, r#"{{"event":"{event}","pid":{pid},"time":""#)?;
    write_time(line, now)?;
    let address = std::net::SocketAddr::new(ip_from(place.ip), place.port);
    write!(line, r#"","peer":"{address}""#)?;
    let mut room = [0; LONGEST];
    let text =
        host.and_then(|name| TABLE.text(name, &mut room)).and_then(|length| std::str::from_utf8(&room[..length]).ok());
    // What a proxy is told is letters, digits, hyphens, dots and underscores.
    if let Some(text) = text {
        write!(line, r#","host":"{text}""#)?;
    }
    writeln!(line, r#","message":"text in the clear to a place where this process had a certificate refused"}}"#)
}

/// ISO 8601 in UTC. The functions of libc take a lock for the time zone.
fn write_time(line: &mut Line, now: i64) -> fmt::Result {
    let (mut day, seconds) = (now.max(0) / 86400, now.max(0) % 86400);
    let (mut year, mut month) = (1970, 1);
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while day >= 365 + i64::from(is_leap(year)) {
        day -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    for length in [31, 28 + i64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    let (day, hour, minute, second) = (day + 1, seconds / 3600, seconds / 60 % 60, seconds % 60);
    write!(line, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

struct Line {
    bytes: [u8; 1024],
    length: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_json_with_the_place_and_the_time() {
        let mut line = Line { bytes: [0; 1024], length: 0 };
        let place = Place { ip: 0xffff_c000_0207, port: 5432 };
        describe(&mut line, true, place, TABLE.keep(b"h.example"), 7, 1_795_860_000).unwrap();
        let text = std::str::from_utf8(&line.bytes[..line.length]).unwrap();
        let begin =
            r#"{"event":"stopped","pid":7,"time":"2026-11-28T10:00:00Z","peer":"192.0.2.7:5432","host":"h.example","#;
        assert!(text.starts_with(begin) && text.ends_with("refused\"}\n"), "{text}");
    }

    #[test]
    fn the_time_is_the_calendars() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (1_835_481_600, "2028-03-01T00:00:00Z"),
        ] {
            let mut line = Line { bytes: [0; 1024], length: 0 };
            write_time(&mut line, seconds).unwrap();
            assert_eq!(&line.bytes[..line.length], text.as_bytes());
        }
    }
}
