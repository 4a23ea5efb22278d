//! One row of the table: what hostlock takes for something, what its peers take for the same, and what must be reached.

use crate::goal::Goal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Instructions,
    Microseconds,
    /// Of the processor's time, the kernel's part included.
    CpuMicroseconds,
    Bytes,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Unit::Instructions => "instructions",
            Unit::Microseconds => "microseconds",
            Unit::CpuMicroseconds => "CPU us",
            Unit::Bytes => "bytes",
        }
    }
}

#[derive(Debug)]
pub struct Row {
    pub what: &'static str,
    pub unit: Unit,
    pub hostlock: f64,
    pub peers: Vec<(&'static str, f64)>,
    pub goals: Vec<Goal>,
    pub note: Option<&'static str>,
}

impl Row {
    pub fn new(what: &'static str, unit: Unit, hostlock: f64) -> Row {
        Row { what, unit, hostlock, peers: Vec::new(), goals: Vec::new(), note: None }
    }

    /// The figures of hostlock and its peers, in the order of `names`, of which the first is hostlock.
    pub fn of_all(what: &'static str, unit: Unit, names: &[&'static str], figures: &[f64]) -> Row {
        let (hostlock, peers) = figures.split_first().expect("hostlock is the first");
        let names = names.iter().skip(1);
        Row { peers: names.copied().zip(peers.iter().copied()).collect(), ..Row::new(what, unit, *hostlock) }
    }

    pub fn beside(mut self, peer: &'static str, value: f64) -> Row {
        self.peers.push((peer, value));
        self
    }

    /// What it has of a goal.
    pub fn reached(&self, goal: &Goal) -> f64 {
        match goal.against {
            Some(peer) => self.hostlock / self.peer(peer),
            None => self.hostlock,
        }
    }

    /// Whether it has reached a goal.
    pub fn holds(&self, goal: &Goal) -> bool {
        self.reached(goal) <= goal.at_most
    }

    pub fn goal(mut self, goal: Goal) -> Row {
        self.goals.push(goal);
        self
    }

    pub fn note(mut self, note: &'static str) -> Row {
        self.note = Some(note);
        self
    }

    pub fn peer(&self, name: &str) -> f64 {
        self.peers.iter().find(|(peer, _)| *peer == name).expect("a goal names a peer of its row").1
    }

    /// The gate asks for what is the same from run to run: it holds no time to anything.
    pub fn is_gated(&self) -> bool {
        !matches!(self.unit, Unit::Microseconds | Unit::CpuMicroseconds) && !self.goals.is_empty()
    }
}
