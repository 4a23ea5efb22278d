//! The answer to the library's question: which hosts is this connection meant for? In this order: what `--host` says of
//! every connection or of this address; the host that a proxy was told; the names that were looked up for this address.

use std::ffi::c_int;
use std::fmt::{self, Write};
use std::net::SocketAddr;

use crate::descriptors::Target;
use crate::names::{Found, LONGEST, MOST, Name, Place, TABLE, ip_from};
use crate::rules::Rules;
use crate::{kernel, watch};

/// The count of hosts, or that it cannot be told which are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// So many.
    Hosts(usize),
    /// Nobody knows which.
    Unknown,
}

/// Writes the hosts of a connection to `room`, each with its NUL; then how they are known, or why not, and where it leads.
pub fn write(fd: c_int, random: Option<&[u8; 32]>, rules: &Rules, room: &mut [u8]) -> Count {
    let page = Page { room, used: 0 };
    let found = watch::find(fd, random).and_then(|(fd, descriptor)| Some((fd, descriptor, kernel::peer(fd)?)));
    let place = found.map(|(_, _, place)| place);
    if let Some(host) = rules.of_all() {
        return page.one(host, "--host", place);
    }
    let Some((fd, descriptor, place)) = found else {
        return page.none("its hello was not seen on a socket that this process connected", None);
    };
    if let Some(host) = rules.of_place(place) {
        return page.one(host, "--host", Some(place));
    }
    if random.is_none() && watch::has_unseen(fd, descriptor) {
        descriptor.lose();
    }
    match descriptor.target() {
        Target::Unknown => page.unknown(
            format_args!("what was said to {} before TLS was not seen whole, or names no host", At(place)),
            place,
        ),
        Target::Host(name) => page.hosts(&[Some(name)], rules, format_args!("named to the proxy {}", At(place)), place),
        Target::None => match TABLE.names_of(place) {
            Found::Unknown => page.unknown(
                format_args!("more than {MOST} names were looked up for {}, or more than the tables hold", At(place)),
                place,
            ),
            Found::Names([None, ..]) => page.none_at(place),
            Found::Names(names) => page.hosts(&names, rules, format_args!("looked up for {}", At(place)), place),
        },
    }
}

struct Page<'a> {
    room: &'a mut [u8],
    used: usize,
}

impl Page<'_> {
    fn one(mut self, host: &str, how: &str, place: Option<Place>) -> Count {
        self.text(format_args!("{host}")).map_or(Count::Unknown, |()| {
            self.words(format_args!("{how}"), place);
            Count::Hosts(1)
        })
    }

    fn hosts(mut self, names: &[Option<Name>], rules: &Rules, how: fmt::Arguments<'_>, place: Place) -> Count {
        let mut count = 0;
        for name in names.iter().flatten() {
            let mut room = [0; LONGEST];
            let written = TABLE.text(*name, &mut room).and_then(|length| room.get(..length));
            let Some(text) = written else { return Count::Unknown };
            let text = rules.of_name(text).map_or(text, str::as_bytes);
            if self.bytes(text).is_none() || self.bytes(&[0]).is_none() {
                return Count::Unknown;
            }
            count += 1;
        }
        self.words(how, Some(place));
        Count::Hosts(count)
    }

    fn none(mut self, why: &str, place: Option<Place>) -> Count {
        self.words(format_args!("{why}"), place);
        Count::Hosts(0)
    }

    fn none_at(mut self, place: Place) -> Count {
        self.words(format_args!("no name was looked up for {}", At(place)), Some(place));
        Count::Hosts(0)
    }

    fn unknown(mut self, why: fmt::Arguments<'_>, place: Place) -> Count {
        self.words(why, Some(place));
        Count::Unknown
    }

    /// Words that find no room are left out.
    fn words(&mut self, how: fmt::Arguments<'_>, place: Option<Place>) {
        if let (Some(()), Some(place)) = (self.text(how), place) {
            let _ = self.text(format_args!("{}", At(place)));
        }
    }

    fn text(&mut self, text: fmt::Arguments<'_>) -> Option<()> {
        let start = self.used;
        let written = self.write_fmt(text).ok().and_then(|()| self.bytes(&[0]));
        if written.is_none() {
            self.room[start..].fill(0);
            self.used = start;
        }
        written
    }

    fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.used + bytes.len();
        self.room.get_mut(self.used..end)?.copy_from_slice(bytes);
        self.used = end;
        Some(())
    }
}

impl Write for Page<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes()).ok_or(fmt::Error)
    }
}

struct At(Place);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(ip_from(self.0.ip), self.0.port).fmt(f)
    }
}
