//! What a sealed process did: contexts made, and how connections ended, counted by host and status. Its memory is
//! bounded, and it never keeps a handshake waiting for ever.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::thread;
use std::time::Duration;

use crate::error::{Error, Status};
use crate::guard::observer::Learned;
use crate::json::Object;
use crate::libssl::method::Side;
use crate::moment;

/// The most pairs of host and status that are kept; what comes after them is only counted.
pub const MOST_ENTRIES: usize = 256;

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Verified.
    Connected,
    /// Refused.
    Refused,
    /// Left alone by the mode that only reports; it would have been refused.
    WouldRefuse,
    /// Let through by the list of exceptions.
    Excused,
    /// Ended by libssl, by the program's own verification or by the peer.
    Failed,
    /// A server's.
    Served,
}

impl Outcome {
    const ALL: [Outcome; 6] = [
        Outcome::Connected,
        Outcome::Refused,
        Outcome::WouldRefuse,
        Outcome::Excused,
        Outcome::Failed,
        Outcome::Served,
    ];

    /// Its name in the report and in the log.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Connected => "connected",
            Outcome::Refused => "refused",
            Outcome::WouldRefuse => "would_refuse",
            Outcome::Excused => "excused",
            Outcome::Failed => "failed",
            Outcome::Served => "served",
        }
    }
}

/// The end of one connection, to be counted.
#[derive(Debug)]
pub struct Event {
    /// How it ended.
    pub outcome: Outcome,
    /// The host that was asked for, where one was named.
    pub host: Option<String>,
    /// Why, where it did not end well.
    pub error: Option<Error>,
    /// Where the socket leads, where there is one.
    pub peer: Option<String>,
    /// The exception that let it through.
    pub allowed: Option<String>,
    /// What was learned of the host, where the program named none.
    pub learned: Option<Learned>,
    /// When, in Unix seconds.
    pub time: i64,
}

impl Event {
    /// Its members, for the report and for the log.
    pub fn describe(&self, object: &mut Object) {
        object.optional("host", self.host.as_deref());
        let status = self.status();
        object.text("status", status.name()).number("code", status.code().into());
        object.optional("message", self.error.as_ref().map(Error::message));
        object.optional("hint", self.error.as_ref().map(Error::hint).filter(|hint| !hint.is_empty()));
        object.optional("peer", self.peer.as_deref());
        if let Some(allowed) = &self.allowed {
            object.text("allowed", allowed);
        }
        if let Some(learned) = &self.learned {
            object.optional("learned", learned.how.as_deref());
            let hosts = learned.hosts.as_deref().unwrap_or_default();
            if hosts.len() > 1 {
                object.texts("hosts", &hosts.iter().map(|host| host.text().into_owned()).collect::<Vec<_>>());
            }
        }
    }

    fn status(&self) -> Status {
        self.error.as_ref().map_or(Status::Ok, Error::status)
    }
}

struct Entry {
    latest: Event,
    count: u64,
    first: i64,
}

/// By outcome, host and status.
type Entries = HashMap<(Outcome, Option<String>, i32), Entry>;

/// The sides that a context can be for; the method of the last does not say.
const SIDES: [&str; 3] = ["client", "server", "either"];

/// See the module's text.
#[derive(Default)]
pub struct Register {
    contexts: [AtomicU64; SIDES.len()],
    later: AtomicU64,
    unsealed: AtomicU64,
    connections: [AtomicU64; Outcome::ALL.len()],
    left_out: AtomicU64,
    entries: Mutex<Entries>,
}

impl Register {
    /// Counts a context by the side that its method is for, and answers whether it is the first; `later`: it was made
    /// before the process was sealed.
    pub fn count_context(&self, side: Side, later: bool) -> bool {
        let side = match side {
            Side::Client => 0,
            Side::Server => 1,
            Side::Either => 2,
        };
        self.contexts[side].fetch_add(1, Ordering::Relaxed);
        self.later.fetch_add(later.into(), Ordering::Relaxed);
        self.contexts.iter().map(|count| count.load(Ordering::Relaxed)).sum::<u64>() == 1
    }

    /// Counts a context that could not be sealed, and therefore refuses every handshake.
    pub fn count_unsealed(&self) {
        self.unsealed.fetch_add(1, Ordering::Relaxed);
    }

    /// How many contexts there were.
    pub fn contexts(&self) -> u64 {
        self.contexts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Counts the end of a connection.
    pub fn count(&self, event: Event) {
        self.connections[event.outcome as usize].fetch_add(1, Ordering::Relaxed);
        if event.outcome == Outcome::Served {
            return;
        }
        let Some(mut entries) = self.entries() else {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let key = (event.outcome, event.host.clone(), event.status().code());
        if let Some(entry) = entries.get_mut(&key) {
            entry.count += 1;
            entry.latest = event;
        } else if entries.len() < MOST_ENTRIES {
            entries.insert(key, Entry { count: 1, first: event.time, latest: event });
        } else {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Adds the members "contexts", "connections", "entries" and "left_out".
    pub fn describe(&self, object: &mut Object) {
        let number = |count: &AtomicU64| i64::try_from(count.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        let mut contexts = Object::new();
        contexts.number("total", i64::try_from(self.contexts()).unwrap_or(i64::MAX));
        for (side, count) in SIDES.iter().zip(&self.contexts) {
            contexts.number(side, number(count));
        }
        contexts.number("made_before", number(&self.later)).number("not_sealed", number(&self.unsealed));
        let mut connections = Object::new();
        for outcome in Outcome::ALL {
            connections.number(outcome.name(), number(&self.connections[outcome as usize]));
        }
        object.raw("contexts", &contexts.finish()).raw("connections", &connections.finish());
        object.raw("entries", &self.entries_json()).number("left_out", number(&self.left_out));
    }

    fn entries_json(&self) -> String {
        let Some(entries) = self.entries() else { return "[]".to_owned() };
        let mut ordered: Vec<&Entry> = entries.values().collect();
        ordered.sort_by(|one, other| {
            let key = |entry: &Entry| (entry.first, entry.latest.outcome as usize, entry.latest.status().code());
            key(one).cmp(&key(other)).then_with(|| one.latest.host.cmp(&other.latest.host))
        });
        let items: Vec<String> = ordered
            .into_iter()
            .map(|entry| {
                let mut object = Object::new();
                object.text("outcome", entry.latest.outcome.name());
                entry.latest.describe(&mut object);
                object.number("count", i64::try_from(entry.count).unwrap_or(i64::MAX));
                object.text("first", &moment::text(entry.first)).text("last", &moment::text(entry.latest.time));
                object.finish()
            })
            .collect();
        format!("[{}]", items.join(","))
    }

    /// The table; `None` where it stays locked. The child of a fork may find it locked by a thread that it does not have.
    fn entries(&self) -> Option<MutexGuard<'_, Entries>> {
        const PATIENCE: u32 = 200;
        for _ in 0..PATIENCE {
            match self.entries.try_lock() {
                Ok(entries) => return Some(entries),
                Err(TryLockError::Poisoned(entries)) => return Some(entries.into_inner()),
                Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(outcome: Outcome, host: &str, time: i64) -> Event {
        let error = (outcome != Outcome::Connected).then(|| Error::new(Status::EHostMismatch, format!("at {time}")));
        Event { outcome, host: Some(host.into()), error, peer: None, allowed: None, learned: None, time }
    }

    fn report(register: &Register) -> serde_json::Value {
        let mut object = Object::new();
        register.describe(&mut object);
        serde_json::from_str(&object.finish()).unwrap()
    }

    #[test]
    fn ends_of_the_same_kind_are_one_entry_with_the_first_time_and_the_latest_words() {
        let register = Register::default();
        for time in [5, 6, 7] {
            register.count(event(Outcome::Refused, "a.example", time));
        }
        register.count(event(Outcome::Connected, "a.example", 8));
        let report = report(&register);
        assert_eq!(report["entries"].as_array().unwrap().len(), 2);
        let refused = &report["entries"][0];
        assert_eq!((refused["count"].as_i64(), refused["code"].as_i64()), (Some(3), Some(-12)));
        assert_eq!(refused["message"], "at 7");
        assert_eq!(
            (&refused["first"], &refused["last"]),
            (&"1970-01-01T00:00:05Z".into(), &"1970-01-01T00:00:07Z".into())
        );
        assert_eq!(report["connections"]["refused"], 3);
        assert_eq!(report["connections"]["connected"], 1);
    }

    #[test]
    fn memory_is_bounded_and_what_finds_no_place_is_counted() {
        let register = Register::default();
        for number in 0..MOST_ENTRIES + 10 {
            register.count(event(Outcome::Refused, &format!("h{number}.example"), 1));
        }
        register.count(event(Outcome::Refused, "h0.example", 2));
        let report = report(&register);
        assert_eq!(report["entries"].as_array().unwrap().len(), MOST_ENTRIES);
        assert_eq!(report["left_out"], 10);
        assert_eq!(report["connections"]["refused"], MOST_ENTRIES + 11);
    }

    #[test]
    fn contexts_are_counted_by_side() {
        let register = Register::default();
        assert!(register.count_context(Side::Client, false));
        assert!(!register.count_context(Side::Either, true));
        register.count_unsealed();
        let contexts = &report(&register)["contexts"];
        assert_eq!((contexts["total"].as_i64(), contexts["client"].as_i64()), (Some(2), Some(1)));
        assert_eq!((contexts["either"].as_i64(), contexts["made_before"].as_i64()), (Some(1), Some(1)));
        assert_eq!((contexts["server"].as_i64(), contexts["not_sealed"].as_i64()), (Some(0), Some(1)));
    }
}
