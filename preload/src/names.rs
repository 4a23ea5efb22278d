//! Which names the program looked up, and which addresses it was told. Static memory of a fixed size: entries are only
//! ever added, and every operation is atomic, so that threads, forked children and those of vfork, which run in their
//! parent's memory, can read and add at any time without a lock. Nothing is forgotten: a name that is forgotten no longer
//! has to fit, and that is an attack. What finds no room makes its address unknown, which refuses.

use std::net::Ipv6Addr;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

/// The longest name that can be looked up; the root's dot may follow.
pub const LONGEST: usize = 254;

/// The most names that an address may have.
pub const MOST: usize = 8;

/// An address; one of IPv4 as IPv6 writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The address.
    pub ip: u128,
    /// The port; 0 where none was named.
    pub port: u16,
}

/// A name that is kept: its number is never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name(u32);

impl Name {
    /// As it is kept elsewhere.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The name of that number.
    pub const fn of_number(number: u32) -> Name {
        Name(number)
    }
}

/// The names of one place.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// These, and no other. None: nobody looked it up.
    Names([Option<Name>; MOST]),
    /// Too many, or one that found no room.
    Unknown,
}

const HEADS: usize = 16384;
/// Addresses of which something found no room, as bits.
const MISSED: usize = 1024;

/// See the module's text; for `NAMES` names, `ENTRIES` pairs of a place and a name, and `BYTES` bytes of text.
pub struct Table<const NAMES: usize, const ENTRIES: usize, const BYTES: usize> {
    text: [AtomicU8; BYTES],
    text_used: AtomicU32,
    names: [Written; NAMES],
    names_used: AtomicU32,
    name_heads: [AtomicU32; HEADS],
    entries: [Entry; ENTRIES],
    entries_used: AtomicU32,
    entry_heads: [AtomicU32; HEADS],
    missed: [AtomicU32; MISSED],
}

/// The table of this process.
pub static TABLE: Table<65536, 131_072, { 2 * 1024 * 1024 }> = Table::new();

struct Written {
    start: AtomicU32,
    length: AtomicU32,
    next: AtomicU32,
}

struct Entry {
    ip: [AtomicU64; 2],
    port_and_name: AtomicU64,
    next: AtomicU32,
}

impl Written {
    const fn new() -> Written {
        Written { start: AtomicU32::new(0), length: AtomicU32::new(0), next: AtomicU32::new(0) }
    }
}

impl Entry {
    const fn new() -> Entry {
        Entry { ip: [const { AtomicU64::new(0) }; 2], port_and_name: AtomicU64::new(0), next: AtomicU32::new(0) }
    }
}

impl<const NAMES: usize, const ENTRIES: usize, const BYTES: usize> Table<NAMES, ENTRIES, BYTES> {
    /// An empty one.
    pub const fn new() -> Self {
        Table {
            text: [const { AtomicU8::new(0) }; BYTES],
            text_used: AtomicU32::new(0),
            names: [const { Written::new() }; NAMES],
            names_used: AtomicU32::new(0),
            name_heads: [const { AtomicU32::new(0) }; HEADS],
            entries: [const { Entry::new() }; ENTRIES],
            entries_used: AtomicU32::new(0),
            entry_heads: [const { AtomicU32::new(0) }; HEADS],
            missed: [const { AtomicU32::new(0) }; MISSED],
        }
    }

    /// Takes down that `name`, as the program wrote it, was found at `place`.
    pub fn learn(&self, place: Place, name: &[u8]) {
        match self.keep(name) {
            Some(name) if self.has(place, name) => {}
            Some(name) if self.add(place, name) => {}
            _ => self.miss(place.ip),
        }
    }

    /// The names that were looked up for this address with this port or none; where there are none, those with any port.
    pub fn names_of(&self, place: Place) -> Found {
        if self.has_missed(place.ip) {
            return Found::Unknown;
        }
        let with = |fits: fn(u16, u16) -> bool| {
            let mut found = [None; MOST];
            let mut count = 0;
            for (at, name) in self.at(place.ip) {
                if !fits(at, place.port) || found[..count].contains(&Some(name)) {
                    continue;
                }
                *found.get_mut(count)? = Some(name);
                count += 1;
            }
            Some(found)
        };
        let same_port = with(|at, wanted| at == wanted || at == 0);
        let found = if same_port == Some([None; MOST]) { with(|_, _| true) } else { same_port };
        found.map_or(Found::Unknown, Found::Names)
    }

    /// Keeps a name, in lower case; `None` where there is no room for it.
    pub fn keep(&self, name: &[u8]) -> Option<Name> {
        if name.is_empty() || name.len() > LONGEST {
            return None;
        }
        let head = &self.name_heads[hash(name.iter().map(u8::to_ascii_lowercase)) % HEADS];
        let mut at = head.load(Ordering::Acquire);
        while let Some(written) = slot(&self.names, at) {
            if self.is(written, name) {
                return Some(Name(at));
            }
            at = written.next.load(Ordering::Relaxed);
        }
        let start = reserve(&self.text_used, name.len(), BYTES)?;
        for (place, byte) in self.text.get(start..)?.iter().zip(name) {
            place.store(byte.to_ascii_lowercase(), Ordering::Relaxed);
        }
        let index = reserve(&self.names_used, 1, NAMES)?;
        let written = self.names.get(index)?;
        written.start.store(start as u32, Ordering::Relaxed);
        written.length.store(name.len() as u32, Ordering::Relaxed);
        push(head, &written.next, index as u32 + 1);
        Some(Name(index as u32 + 1))
    }

    /// The text of a name, written to the beginning of `room`; how long it is. `None` where it finds no room.
    pub fn text(&self, name: Name, room: &mut [u8]) -> Option<usize> {
        let text = self.bytes(slot(&self.names, name.0)?)?;
        for (to, from) in room.get_mut(..text.len())?.iter_mut().zip(text) {
            *to = from.load(Ordering::Relaxed);
        }
        Some(text.len())
    }

    fn is(&self, written: &Written, name: &[u8]) -> bool {
        self.bytes(written).is_some_and(|text| {
            text.len() == name.len()
                && text.iter().zip(name).all(|(kept, byte)| kept.load(Ordering::Relaxed) == byte.to_ascii_lowercase())
        })
    }

    fn bytes(&self, written: &Written) -> Option<&[AtomicU8]> {
        let start = written.start.load(Ordering::Relaxed) as usize;
        self.text.get(start..start + written.length.load(Ordering::Relaxed) as usize)
    }

    fn has(&self, place: Place, name: Name) -> bool {
        self.at(place.ip).any(|known| known == (place.port, name))
    }

    fn add(&self, place: Place, name: Name) -> bool {
        let Some(index) = reserve(&self.entries_used, 1, ENTRIES) else { return false };
        let Some(entry) = self.entries.get(index) else { return false };
        entry.ip[0].store((place.ip >> 64) as u64, Ordering::Relaxed);
        entry.ip[1].store(place.ip as u64, Ordering::Relaxed);
        entry.port_and_name.store(u64::from(place.port) << 32 | u64::from(name.0), Ordering::Relaxed);
        push(self.head(place.ip), &entry.next, index as u32 + 1);
        true
    }

    /// The ports and names of an address.
    fn at(&self, ip: u128) -> impl Iterator<Item = (u16, Name)> {
        let mut at = self.head(ip).load(Ordering::Acquire);
        std::iter::from_fn(move || {
            loop {
                let entry = slot(&self.entries, at)?;
                at = entry.next.load(Ordering::Relaxed);
                let [high, low] = [&entry.ip[0], &entry.ip[1]].map(|half| half.load(Ordering::Relaxed));
                if u128::from(high) << 64 | u128::from(low) == ip {
                    let both = entry.port_and_name.load(Ordering::Relaxed);
                    return Some(((both >> 32) as u16, Name(both as u32)));
                }
            }
        })
    }

    fn head(&self, ip: u128) -> &AtomicU32 {
        &self.entry_heads[hash(ip.to_be_bytes().into_iter()) % HEADS]
    }

    fn miss(&self, ip: u128) {
        let (word, bit) = missed_bit(ip);
        self.missed[word].fetch_or(bit, Ordering::Release);
    }

    fn has_missed(&self, ip: u128) -> bool {
        let (word, bit) = missed_bit(ip);
        self.missed[word].load(Ordering::Acquire) & bit != 0
    }
}

/// The address as this table writes it.
pub fn ip_of(ip: std::net::IpAddr) -> u128 {
    match ip {
        std::net::IpAddr::V4(four) => four.to_ipv6_mapped().to_bits(),
        std::net::IpAddr::V6(six) => six.to_bits(),
    }
}

/// The address as people write it.
pub fn ip_from(ip: u128) -> std::net::IpAddr {
    Ipv6Addr::from_bits(ip).to_canonical()
}

/// The element that a number of a chain means; 0 ends it.
fn slot<T>(all: &[T], number: u32) -> Option<&T> {
    all.get((number as usize).checked_sub(1)?)
}

/// Takes `amount` places of `most`, for good; the first of them.
pub fn reserve(used: &AtomicU32, amount: usize, most: usize) -> Option<usize> {
    let taken = used.fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
        let end = used as usize + amount;
        (end <= most).then_some(end as u32)
    });
    taken.ok().map(|start| start as usize)
}

/// Puts an element, which nobody else knows yet, before the others of its chain.
pub fn push(head: &AtomicU32, next: &AtomicU32, number: u32) {
    let mut first = head.load(Ordering::Acquire);
    loop {
        next.store(first, Ordering::Relaxed);
        match head.compare_exchange_weak(first, number, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return,
            Err(other) => first = other,
        }
    }
}

/// FNV-1a, with its high bits folded in.
pub fn hash(bytes: impl Iterator<Item = u8>) -> usize {
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    (hash ^ hash >> 32) as usize
}

fn missed_bit(ip: u128) -> (usize, u32) {
    let hash = hash(ip.to_be_bytes().into_iter()) / HEADS % (MISSED * 32);
    (hash / 32, 1 << (hash % 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Small = Table<12, 16, 200>;

    fn place(ip: &str, port: u16) -> Place {
        Place { ip: ip_of(ip.parse().unwrap()), port }
    }

    fn names(table: &Small, place: Place) -> Option<Vec<String>> {
        let Found::Names(names) = table.names_of(place) else { return None };
        let text = |name: Name| {
            let mut room = [0; LONGEST];
            let length = table.text(name, &mut room).unwrap();
            String::from_utf8(room[..length].to_vec()).unwrap()
        };
        let mut names: Vec<String> = names.into_iter().flatten().map(text).collect();
        names.sort();
        Some(names)
    }

    #[test]
    fn names_with_this_port_or_none_count_and_others_only_where_there_are_none() {
        let table = Small::new();
        table.learn(place("192.0.2.7", 443), b"a.example");
        table.learn(place("192.0.2.7", 0), b"B.example");
        table.learn(place("192.0.2.7", 25), b"mail.example");
        assert_eq!(names(&table, place("192.0.2.7", 443)).unwrap(), ["a.example", "b.example"]);
        assert_eq!(names(&table, place("192.0.2.7", 25)).unwrap(), ["b.example", "mail.example"]);
        assert_eq!(names(&table, place("192.0.2.8", 443)).unwrap(), [""; 0]);
        table.learn(place("192.0.2.8", 25), b"mail.example");
        assert_eq!(names(&table, place("192.0.2.8", 443)).unwrap(), ["mail.example"]);
    }

    #[test]
    fn an_address_of_ipv4_is_the_same_in_ipv6() {
        let table = Small::new();
        table.learn(place("::ffff:192.0.2.7", 443), b"a.example");
        assert_eq!(names(&table, place("192.0.2.7", 443)).unwrap(), ["a.example"]);
        assert_eq!(ip_from(place("192.0.2.7", 0).ip).to_string(), "192.0.2.7");
    }

    #[test]
    fn the_same_again_takes_no_room() {
        let table = Small::new();
        for _ in 0..100 {
            table.learn(place("192.0.2.7", 443), b"a.example");
            table.learn(place("192.0.2.7", 443), b"A.EXAMPLE");
        }
        assert_eq!(names(&table, place("192.0.2.7", 443)).unwrap(), ["a.example"]);
        assert_eq!(table.entries_used.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn more_than_eight_names_of_one_address_are_unknown() {
        let table = Small::new();
        for number in 0..8 {
            table.learn(place("192.0.2.7", 443), format!("h{number}.example").as_bytes());
        }
        assert_eq!(names(&table, place("192.0.2.7", 443)).unwrap().len(), 8);
        table.learn(place("192.0.2.7", 0), b"h8.example");
        assert_eq!(names(&table, place("192.0.2.7", 443)), None);
    }

    #[test]
    fn what_finds_no_room_makes_its_address_unknown_and_leaves_the_others() {
        let table = Small::new();
        table.learn(place("192.0.2.1", 443), b"first.example");
        for number in 0..40 {
            table.learn(place(&format!("198.51.100.{number}"), 443), b"full.example");
        }
        assert_eq!(names(&table, place("192.0.2.1", 443)).unwrap(), ["first.example"]);
        assert_eq!(names(&table, place("198.51.100.39", 443)), None, "no entry was left");
        table.learn(place("192.0.2.2", 443), &[b'a'; 300]);
        assert_eq!(names(&table, place("192.0.2.2", 443)), None, "the name is too long");
        let table = Small::new();
        for number in 0..20 {
            table.learn(place("192.0.2.9", number), format!("a-name-of-some-length-{number}.example").as_bytes());
        }
        assert_eq!(names(&table, place("192.0.2.9", 19)), None, "no text was left");
    }

    #[test]
    fn threads_lose_no_name() {
        static TABLE: Table<64, 256, 4096> = Table::new();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || {
                    for number in 0..32 {
                        let name = format!("h{}.example", number % 16);
                        TABLE.learn(place(&format!("192.0.2.{number}"), thread), name.as_bytes());
                    }
                });
            }
        });
        for number in 0..32 {
            for thread in 0..4 {
                let Found::Names(found) = TABLE.names_of(place(&format!("192.0.2.{number}"), thread)) else { panic!() };
                let mut room = [0; LONGEST];
                for name in found.into_iter().flatten() {
                    let length = TABLE.text(name, &mut room).unwrap();
                    assert_eq!(room[..length], *format!("h{}.example", number % 16).as_bytes());
                }
                assert!(found[0].is_some(), "{number} {thread}");
            }
        }
    }
}
