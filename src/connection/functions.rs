//! Functions of the program's in the place of a socket: what their answers mean to a connection. They speak as hostlock_read
//! and hostlock_write do, so that one connection can run inside of another.

use std::cell::Cell;
use std::io;
use std::mem::MaybeUninit;

use crate::error::{Error, Status};
use crate::libssl::bio::Want;
use crate::os::functions::Functions;

/// Why nothing was moved.
pub enum Stop {
    /// It can be tried again when that can be done.
    Again(Want),
    /// It can be tried again, but this call ends.
    Pause,
    /// The system refused.
    System(io::Error),
    /// Something else did, and has kept its reason.
    Failed,
}

impl Stop {
    /// What the system's `error` means, where it would be tried again when `want` can be done.
    pub fn of_system(error: io::Error, want: Want) -> Stop {
        if error.kind() == io::ErrorKind::WouldBlock { Stop::Again(want) } else { Stop::System(error) }
    }
}

/// See the module's text.
pub struct CallersFunctions {
    functions: Functions,
    /// Why the function that was called last ended the call.
    said: Cell<Option<Error>>,
    /// Why one of them, by its [`Which`], is called no more.
    broken: [Cell<Option<Error>>; 2],
    /// Whether there is nothing more to read.
    ended: Cell<bool>,
}

#[derive(Clone, Copy)]
enum Which {
    Read,
    Write,
}

impl CallersFunctions {
    /// A transport of these.
    pub fn new(functions: Functions) -> CallersFunctions {
        CallersFunctions { functions, said: Cell::default(), broken: Default::default(), ended: Cell::new(false) }
    }

    /// Reads as from a socket.
    #[inline(never)]
    pub fn receive<'r>(&self, room: &'r mut [MaybeUninit<u8>]) -> Result<&'r [u8], Stop> {
        self.check(Which::Read)?;
        let len = room.len();
        if self.ended.get() {
            return Ok(&[]);
        }
        match self.functions.read(room) {
            Ok(bytes) => {
                self.ended.set(bytes.is_empty() && len > 0);
                Ok(bytes)
            }
            // The way below was cut: that is the end of this connection too, and without its goodbye.
            Err(answer) if status(answer) == Some(Status::ETruncated) => {
                self.ended.set(true);
                Ok(&[])
            }
            Err(answer) => Err(self.stop(Which::Read, answer, len)),
        }
    }

    /// Writes as to a socket.
    #[inline(never)]
    pub fn send(&self, bytes: &[u8]) -> Result<usize, Stop> {
        self.check(Which::Write)?;
        match self.functions.write(bytes) {
            Ok(0) if !bytes.is_empty() => Err(self.stop(Which::Write, 0, bytes.len())),
            Ok(sent) => Ok(sent),
            Err(answer) => Err(self.stop(Which::Write, answer, bytes.len())),
        }
    }

    /// Refuses to call a function again that has failed for good.
    fn check(&self, which: Which) -> Result<(), Stop> {
        let broken = &self.broken[which as usize];
        let error = broken.take();
        broken.set(error.clone());
        let is_broken = error.is_some();
        self.said.set(error);
        if is_broken { Err(Stop::Failed) } else { Ok(()) }
    }

    /// Why the function that was called last ended the call, where it did; told once.
    pub fn said(&self) -> Option<Error> {
        self.said.take()
    }

    fn stop(&self, which: Which, answer: isize, len: usize) -> Stop {
        let name = if matches!(which, Which::Read) { "read" } else { "write" };
        let error = match status(answer) {
            Some(Status::WantRead) => return Stop::Again(Want::Read),
            Some(Status::WantWrite) => return Stop::Again(Want::Write),
            Some(status @ (Status::ETimeout | Status::EInterrupted)) => {
                Error::new(status, format!("the program's own {name} function answered {}", status.name()))
                    .with_hint("the same call may be made again, but for a handshake whose time is over")
            }
            Some(Status::ETruncated | Status::EClosed) => {
                Error::new(Status::ETruncated, format!("the program's own {name} function says that its way is closed"))
            }
            known => {
                let answered = match known.filter(|status| *status != Status::Ok) {
                    Some(status) => format!("{answer}, which is {}", status.name()),
                    None => answer.to_string(),
                };
                let room = if answer >= 0 { format!(" for {len} bytes") } else { String::new() };
                Error::new(Status::EIo, format!("the program's own {name} function failed: it answered {answered}{room}"))
                    .with_hint("it is to answer how many bytes it moved, HOSTLOCK_WANT_READ, HOSTLOCK_WANT_WRITE, or why not")
            }
        };
        let passes = matches!(error.status(), Status::ETimeout | Status::EInterrupted);
        if !passes {
            self.broken[which as usize].set(Some(error.clone()));
        }
        self.said.set(Some(error));
        if passes { Stop::Pause } else { Stop::Failed }
    }
}

fn status(answer: isize) -> Option<Status> {
    i32::try_from(answer).ok().and_then(Status::from_code)
}
